"""Canonical names of hypervisors, their modes and containers: systemd-detect-virt's identifiers
inside, plain words outside.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from registry.vocabulary.data import load, spoken

_DATA = load("virtualization")
HYPERVISORS: dict[str, str] = {key: entry["name"] for key, entry in _DATA["hypervisors"].items()}
CONTAINERS: dict[str, str] = {key: entry["name"] for key, entry in _DATA["containers"].items()}
MODES: dict[str, str] = {key: entry["name"] for key, entry in _DATA["modes"].items()}
MODES_OF: dict[str, list[str]] = _DATA["modes_of"]
_HYPERVISOR = spoken(_DATA["hypervisors"])
_CONTAINER = spoken(_DATA["containers"])
_MODE = spoken(_DATA["modes"])
_FILLERS = frozenset(_DATA["fillers"])
# Products whose version is not that of the hypervisor inside.
_NUMBERED_OTHERWISE = frozenset(_DATA["numbered_otherwise"])
_MOST_WORDS = max(len(said.split()) for said in _HYPERVISOR)
_VERSION = re.compile(r"v?(\d{1,4}(?:\.[0-9a-z+_-]{1,20}){0,4})")


@dataclass(frozen=True)
class Said:
    """What free text says of a platform; null is what it does not say."""

    type: str | None = None
    mode: str | None = None
    version: str | None = None
    container: str | None = None


def canonical(name: str | None) -> str | None:
    """`Hyper-V` → `microsoft`, `KVM` → `kvm`, `Docker` → `docker`; an unknown name stays as it is,
    in lower case.
    """
    key = _key(name)
    return _HYPERVISOR.get(key) or _CONTAINER.get(key) or key or None


def container(name: str | None) -> str | None:
    """The same among containers; systemd's `none` is none."""
    key = _key(name)
    return None if key == "none" else _CONTAINER.get(key) or key or None


def mode(name: str | None) -> str | None:
    """`PV on HVM` → `pvhvm`."""
    key = _key(name)
    return _MODE.get(key) or key or None


def display(name: str | None) -> str:
    """`none` → `bare metal`, `xen` → `Xen`, `docker` → `Docker`; null prints as unknown."""
    return HYPERVISORS.get(name) or CONTAINERS.get(name) or name if name else "unknown"


@lru_cache(maxsize=1024)
def read(text: str | None) -> Said:
    """`Xen 4.1 PV` → xen, 4.1, pv; `OpenVZ` → no hypervisor, but a container.

    A text is taken apart only when every word of it is understood; any other stays one name, so
    that what nobody here has heard of is never called something else.
    """
    key = _key(text)
    if not key:
        return Said()
    if key in _CONTAINER:
        return Said(container=_CONTAINER[key])
    return _taken_apart(key) or Said(type=canonical(key))


def _taken_apart(key: str) -> Said | None:
    words = key.replace("(", " ").replace(")", " ").replace(",", " ").split()
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        name = " ".join(words[:count])
        if name in _HYPERVISOR:
            return _with_rest(name, words[count:])
    return None


def _with_rest(name: str, words: list[str]) -> Said | None:
    """The type with what stands behind it; None when a word of that is not understood."""
    kind = _HYPERVISOR[name]
    versions = [found[1] for word in words if (found := _VERSION.fullmatch(word))]
    rest = [word for word in words if not _VERSION.fullmatch(word)]
    others = " ".join(word for word in rest if word not in _FILLERS)
    found_mode = _MODE.get(" ".join(rest)) or _MODE.get(others)
    if found_mode not in MODES_OF.get(kind, ()):
        found_mode = None
    if len(versions) > 1 or (others and not found_mode and _HYPERVISOR.get(others) != kind):
        return None
    is_own = bool(versions) and not {name, others} & _NUMBERED_OTHERWISE
    return Said(kind, found_mode, versions[0] if is_own else None)


def _key(name: str | None) -> str:
    return " ".join((name or "").lower().split())
