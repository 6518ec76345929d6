"""Facts in plain words: recipes, factors, states. The API says the same in identifiers."""

from collections.abc import Mapping
from typing import Any

from registry.pages.numbers import plural
from registry.vocabulary import names

FACTORS = {
    "virtualization": "hypervisor",
    "virtualization_mode": "mode",
    "hypervisor_version": "hypervisor version",
    "container": "container",
    "kernel_release": "kernel release",
    "kernel_series": "kernel",
    "os": "system",
    "provider": "cloud",
    "instance_type": "instance type",
    "cpu_model": "CPU",
    "cpus": "CPUs",
    "nic_driver": "NIC driver",
    "clocksource": "clock source",
    "topology": "topology",
    "streams": "streams",
    "placement": "placement",
}
PLACEMENTS = {
    "same_cpu": "both ends on one CPU",
    "unpinned": "not pinned",
    "cross_cpu": "the ends on two CPUs",
}
TOPOLOGIES = {
    "loopback": "loopback",
    "same_host": "between guests of one host",
    "same_lan": "in one LAN",
    "same_zone": "in one zone",
    "cross_zone": "between zones",
    "wan": "over a WAN",
}
BOUNDS = {"approximate": "about", "at_most": "at most", "at_least": "at least"}
PARTS = {
    "figure": "",
    "warm_up": "warm-up, not counted",
    "partial": "cut short, not counted",
    "arm": "arm of an experiment, counts towards its effect only",
}
_GENERATIONS = {"bsd": "netperf 2.4 or older", "omni": "netperf 2.5 or newer"}
_DURATIONS = {"short": "under 2 s", "normal": "2 to 20 s", "long": "over 20 s", "count": "by count"}


def name_of(factor: str) -> str:
    """What pages call a factor; a setting has its own name."""
    return FACTORS.get(factor, factor)


def factor(name: str, value: Any) -> str | None:
    """A factor's value as a page prints it; None when it is unknown."""
    if value is None or value == "":
        return None
    if name == "placement":
        return PLACEMENTS.get(str(value), str(value))
    if name == "topology":
        return TOPOLOGIES.get(str(value), str(value))
    return names.display(name, value)


def group(values: Mapping[str, str]) -> str:
    """`KVM, kernel 6.12`: what the hosts of a group have in common."""
    named = {"virtualization", "provider", "instance_type", "cpu_model", "container", "os"}
    return ", ".join(
        (factor(name, value) or value)
        if name in named
        else f"{name_of(name)} {factor(name, value) or value}"
        for name, value in values.items()
    )


def load(recipe: Mapping[str, Any]) -> str:
    """How the test was loaded: `1 stream, both ends on one CPU, loopback`."""
    streams = recipe.get("streams")
    parts = [
        plural(streams, "stream") if streams else "streams unknown",
        PLACEMENTS.get(recipe.get("placement") or "", "placement unknown"),
        TOPOLOGIES.get(recipe.get("topology") or "", "topology unknown"),
    ]
    return ", ".join(parts)


def details(recipe: Mapping[str, Any]) -> list[str]:
    """The rest of what must match before two runs are compared; what is unknown is left out."""
    request, response = recipe.get("request_size_bytes"), recipe.get("response_size_bytes")
    message = recipe.get("message_size_bytes")
    timing = recipe.get("timing_options")
    found = [
        f"{request}/{response} bytes" if request is not None and response is not None else None,
        f"messages of {message} bytes" if message is not None else None,
        {"inet": "IPv4", "inet6": "IPv6"}.get(recipe.get("address_family") or ""),
        _GENERATIONS.get(recipe.get("netperf_generation") or ""),
        _with("runs ", _DURATIONS.get(recipe.get("duration_class") or "")),
        _with("sockets ", recipe.get("socket_options")),
        _with("netperf also timed ", timing.replace(",", ", ") if timing else None),
        _with("far end ", recipe.get("far_end")),
        "pasted text" if recipe.get("source") == "pasted" else None,
    ]
    return [words for words in found if words]


def _with(prefix: str, words: str | None) -> str | None:
    return prefix + words if words else None


def purpose(recipe: Mapping[str, Any], cpus: int | None) -> str:
    """What an arm of the client's plan is for; empty for any other recipe."""
    if recipe.get("test") != "TCP_CRR" or recipe.get("topology") != "loopback":
        return ""
    streams, placement = recipe.get("streams"), recipe.get("placement")
    if (streams, placement) == (1, "same_cpu"):
        return "The ranked headline: comparable across machine sizes."
    if (streams, placement) == (1, "unpinned"):
        return "One stream left to the scheduler: shows what waking idle CPUs costs."
    if placement != "unpinned" or not streams or not cpus or streams > cpus:
        return ""
    if streams == cpus:
        return "As many streams as CPUs: what the whole host can take."
    return "A point on the way from one stream to all CPUs: shape, not ranked."
