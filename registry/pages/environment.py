"""A report's environment as definition lists: every value it gives, under plain names, nothing that
is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.vocabulary import kernels, virtualization

_TITLES = {
    "kernel": "Kernel",
    "os": "Operating system",
    "virtualization": "Virtualisation",
    "cloud": "Cloud",
    "cpu": "Processors",
    "": "Memory, clock and neighbours",
    "nic": "Network card",
    "tuning": "Settings of the accept path",
}
# Maps with free keys: shown under their own heading, folded, since they are long.
_MAPS = {
    ("virtualization", "signals"): "Signals the hypervisor was told by",
    ("cpu", "mitigations"): "CPU mitigations",
    ("nic", "offloads"): "Offloads of the network card",
}


@dataclass(frozen=True)
class Facts:
    """One definition list. `folded` ones are long, `is_code` names are as sent."""

    title: str
    rows: tuple[tuple[str, str], ...]
    folded: bool = False
    is_code: bool = False


def facts_of(environment: Mapping[str, Any]) -> tuple[Facts, ...]:
    """The lists that have anything to say, in a fixed order."""
    plain = {name: value for name, value in environment.items() if not isinstance(value, Mapping)}
    found = [_facts(group, plain if not group else environment.get(group)) for group in _TITLES]
    found += [_map(group, name, title, environment) for (group, name), title in _MAPS.items()]
    return tuple(facts for facts in found if facts.rows)


def _facts(group: str, values: Any) -> Facts:
    values = values if isinstance(values, Mapping) else {}
    rows = tuple(
        (name if group == "tuning" else _plain(name), _text(group, name, value))
        for name, value in values.items()
        if value is not None and not isinstance(value, Mapping | list)
    )
    return Facts(_TITLES[group], rows, folded=group == "tuning", is_code=group == "tuning")


def _plain(name: str) -> str:
    """`instance_type` → `instance type`; a size's unit is written with its value."""
    return name.removesuffix("_bytes").removesuffix("_percent").replace("_", " ")


def _map(group: str, name: str, title: str, environment: Mapping[str, Any]) -> Facts:
    values = (environment.get(group) or {}).get(name) or {}
    rows = tuple(
        (key, _text("", key, value)) for key, value in sorted(values.items()) if value is not None
    )
    return Facts(title, rows, folded=True, is_code=True)


def _text(group: str, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if (group, name) == ("virtualization", "type"):
        return virtualization.display(value)
    if (group, name) == ("kernel", "release"):
        known = str(kernels.read(str(value)))
        return f"{value} ({known})" if known else str(value)
    if name.endswith("_bytes") and isinstance(value, int):
        return _bytes(value)
    if name.endswith("_percent"):
        return f"{value} %"
    return str(value) or "(empty)"


def _bytes(count: int) -> str:
    """7516192768 → `7.5 GB`; small numbers stay exact."""
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count:,} bytes"
