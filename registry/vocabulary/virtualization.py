"""Canonical names of hypervisors: systemd-detect-virt's identifiers inside, plain words outside."""

import json
from importlib.resources import files

_DATA = json.loads(files(__package__).joinpath("virtualization.json").read_text(encoding="utf-8"))
VERSION: int = _DATA["version"]
_NAMES: dict[str, str] = _DATA["names"]
_ALIASES: dict[str, str] = _DATA["aliases"]


def canonical(name: str | None) -> str | None:
    """`Hyper-V` → `microsoft`, `KVM` → `kvm`; an unknown name stays as it is, in lower case."""
    if not name:
        return None
    key = name.strip().lower()
    return _ALIASES.get(key, key) or None


def display(name: str | None) -> str:
    """`none` → `bare metal`, `xen` → `Xen`; null prints as unknown."""
    return _NAMES.get(name, name) if name else "unknown"
