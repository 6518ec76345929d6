"""What a host runs on, decided from all signals of its report by the ordered rules of
`platform.json`.

The first rule that matches decides, and the decision names it. A rule asks of a signal that it
holds one of some words (`|` stands at both ends of each value), that it is there (true), that it is
said to be off (false), or that nothing is known of it (null). Where no rule matches, or a report
has no signals at all, what the sender said stays, under its canonical name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.vocabulary import clouds, kernels, virtualization
from registry.vocabulary.clouds import Cloud
from registry.vocabulary.data import load

_DATA = load("platform")
_DMI = tuple(f"dmi_{name}" for name in _DATA["dmi"])
_TEXTS = tuple(_DATA["texts"])
_FLAGS = tuple(_DATA["flags"])
# Bits of /sys/hypervisor/properties/features, from xen/include/public/features.h.
_XEN_AUTO_TRANSLATED, _XEN_DOM0 = 1 << 2, 1 << 11
# Kernels with Xen's own patches, which boot on nothing else; later ones boot on anything.
_LAST_CLASSIC_XEN = (2, 6, 26)

Evidence = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """`also` are other names that what the rule sees does not contradict; `*` is any."""

    id: str
    when: Mapping[str, Any]
    then: str | None
    mode: str | None
    also: tuple[str, ...]
    why: str
    needs: frozenset[str]  # what must be known for it to match at all


@dataclass(frozen=True)
class Platform:
    """The decision. `rule` is None where the sender's word stays; `warnings` say where the signals
    contradict the sender, and why.
    """

    type: str | None
    mode: str | None
    role: str | None
    version: str | None
    container: str | None
    rule: str | None
    cloud: Cloud
    warnings: tuple[str, ...]


def _rules(name: str, then: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            id=row["id"],
            when=row["when"],
            then=row[then],
            mode=row.get("mode"),
            also=tuple(row.get("also", ())),
            why=row.get("why", ""),
            needs=frozenset(name for name, wanted in row["when"].items() if wanted is not None),
        )
        for row in _DATA[name]
    )


RULES = _rules("rules", "type")
XEN_MODES = _rules("xen_modes", "mode")
CONTAINERS = _rules("containers", "container")
_FIRMWARE_RULES = tuple(rule for rule in RULES if "dmi" in rule.when)


def decide(environment: Mapping[str, Any]) -> Platform:
    """The platform of a report's environment."""
    given = environment.get("virtualization") or {}
    signals = given.get("signals") or {}
    said = _said(given)
    cloud = clouds.of(environment)
    seen = _evidence(environment, signals, said.mode, cloud)
    rule = _first(RULES, seen) if signals or not said.type else None
    kind = said.type if rule is None or _leaves(rule, said.type) else _value(rule, signals)
    mode = _mode(rule, kind, seen, said) if signals else said.mode
    changed = rule is not None and said.type not in (None, kind)
    return Platform(
        type=kind,
        mode=mode,
        role=_role(kind, mode),
        version=None if changed else said.version,
        container=_container(seen, signals) or said.container,
        rule=rule.id if rule else None,
        cloud=cloud,
        warnings=tuple(_warnings(rule, said, kind, mode, seen)),
    )


def _said(given: Mapping[str, Any]) -> virtualization.Said:
    """What the sender says: each field of its own, or all of them in the text of the type."""
    text = given.get("type")
    said = virtualization.Said() if clouds.read(text).family else virtualization.read(text)
    return virtualization.Said(
        type=said.type,
        mode=virtualization.mode(given.get("mode")) or said.mode,
        version=given.get("version") or said.version,
        container=virtualization.container(given.get("container")) or said.container,
    )


def _evidence(
    environment: Mapping[str, Any],
    signals: Mapping[str, Any],
    said_mode: str | None,
    cloud: Cloud,
) -> Evidence:
    """All that rules ask for. Null is unknown."""
    cpu, kernel = environment.get("cpu") or {}, environment.get("kernel") or {}
    flag = signals.get("cpuinfo_hypervisor_flag")
    release = kernel.get("release")
    return {
        **{name: _text(signals.get(name)) for name in _TEXTS},
        **{name: signals.get(name) for name in _FLAGS},
        "dmi": _text(*(signals.get(name) for name in _DMI)),
        "clocks": _text(
            *str(signals.get("clocksource_available") or "").split(), environment.get("clocksource")
        ),
        "kernel": _text(release),
        "xen_kernel": _is_classic_xen(release),
        "cpu_vendor": _text(cpu.get("vendor")),
        "cpu_model": _text(cpu.get("model")),
        "x86": _is_x86(kernel.get("architecture"), flag),
        "provider": _text(cloud.provider),
        "instance_type": _text(cloud.instance_type),
        "ec2_is_xen": cloud.is_xen,
        "said_mode": _text(said_mode),
        **_xen_features(signals),
    }


def _text(*values: Any) -> str | None:
    known = [str(value).lower() for value in values if value not in (None, "")]
    return f"|{'|'.join(known)}|" if known else None


def _is_x86(architecture: str | None, flag: Any) -> bool | None:
    """By uname -m; only x86 has the hypervisor flag."""
    if architecture:
        return architecture.lower() in _DATA["x86"]
    return True if flag is not None else None


def _is_classic_xen(release: str | None) -> bool | None:
    kernel = kernels.read(release)
    return (kernel.flavour == "xen" and kernel.upstream <= _LAST_CLASSIC_XEN) or None


def _xen_features(signals: Mapping[str, Any]) -> dict[str, bool | None]:
    """Is this dom0, and does Xen translate its addresses, which it does not for PV?"""
    capabilities = signals.get("proc_xen_capabilities")
    dom0 = None if capabilities is None else "control_d" in str(capabilities)
    try:
        features = int(str(signals.get("sys_hypervisor_features")), 16)
    except ValueError:
        return {"xen_dom0": dom0, "xen_translated": None}
    return {
        "xen_dom0": dom0 or bool(features & _XEN_DOM0),
        "xen_translated": bool(features & _XEN_AUTO_TRANSLATED),
    }


def _first(rules: tuple[Rule, ...], seen: Evidence) -> Rule | None:
    known = {name for name, found in seen.items() if found is not None}
    for rule in rules:
        if rule.needs <= known and all(_holds(rule.when[name], seen[name]) for name in rule.when):
            return rule
    return None


def _holds(wanted: Any, found: Any) -> bool:
    if wanted is None:
        return found is None
    if isinstance(wanted, bool):
        return bool(found) if wanted else found is False
    return isinstance(found, str) and any(word in found for word in wanted)


def _value(rule: Rule, signals: Mapping[str, Any]) -> str | None:
    """What the rule says: a name, or `= signal`, the signal's own word for it."""
    if rule.then and rule.then.startswith("= "):
        return virtualization.canonical(str(signals.get(rule.then[2:])))
    return rule.then


def _leaves(rule: Rule, said: str | None) -> bool:
    """Does the rule see nothing that speaks against the sender's more particular name?"""
    return said in rule.also or ("*" in rule.also and said not in (None, "none"))


def _mode(
    rule: Rule | None, kind: str | None, seen: Evidence, said: virtualization.Said
) -> str | None:
    if rule and rule.mode:
        return rule.mode
    found = _first(XEN_MODES, seen) if kind == "xen" else None
    if found:
        return found.then
    return said.mode if kind == said.type else None


def _role(kind: str | None, mode: str | None) -> str | None:
    if kind in (None, "none"):
        return None
    return "host" if mode in ("dom0", "root") else "guest"


def _container(seen: Evidence, signals: Mapping[str, Any]) -> str | None:
    rule = _first(CONTAINERS, seen)
    return virtualization.container(_value(rule, signals)) if rule else None


def _warnings(
    rule: Rule | None,
    said: virtualization.Said,
    kind: str | None,
    mode: str | None,
    seen: Evidence,
) -> Iterator[str]:
    path = "environment.virtualization"
    if rule and said.type not in (None, kind):
        yield (
            f"{path}.type: {_plain(said.type)} was sent, read as {_plain(kind)}:"
            f" {rule.why} (rule {rule.id})"
        )
    elif said.mode not in (None, mode):
        yield f"{path}.mode: the signals say {virtualization.MODES.get(mode or '', 'unknown')}"
    outer = _first(_FIRMWARE_RULES, seen) if mode == "dom0" else None
    if outer and outer.then not in ("xen", "none"):
        yield f"{path}: Xen runs inside {_plain(outer.then)} here: {outer.why} (rule {outer.id})"


def _plain(kind: str | None) -> str:
    """The name in plain words; a name that nobody here knows is not repeated."""
    return virtualization.HYPERVISORS.get(kind, "another name") if kind else "unknown"
