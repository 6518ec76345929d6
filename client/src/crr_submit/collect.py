"""The environment of a report: kernel, OS, virtualisation, CPUs, memory, clock source, accept-path
settings.

Each collector sets what it knows and leaves null what it does not; none raises. Nothing is
collected that has no row in `crr_submit.fields`: no host name, no address, no serial number, no
uuid. Called by `crr_submit.cli`.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List, Optional, Set

from crr_submit import cloud, cpus, nic, tuning, virtualization
from crr_submit.host import Host, os_release

_CPU_FOLDER = "/sys/devices/system/cpu"


def environment(
    host: Host, with_cloud: bool = True, far_end: Optional[str] = None
) -> Dict[str, Any]:
    """Everything about the host, as the envelope's `environment`; its network card is the one on
    the way to `far_end`, else that of the default route.
    """
    card = nic.towards(far_end) if far_end else nic.default_interface(host)
    return {
        "kernel": kernel(host),
        "os": operating_system(host),
        "virtualization": virtualization.describe(host),
        "cloud": cloud.describe(host) if with_cloud else None,
        "cpu": processors(host),
        "memory_bytes": memory_bytes(host),
        "clocksource": clocksource(host),
        "nic": nic.describe(host, card),
        "tuning": tuning.settings(host, card),
    }


def kernel(host: Host) -> Dict[str, Any]:
    """`uname -r`, `-v` and `-m`."""
    return {
        "release": host.text("/proc/sys/kernel/osrelease"),
        "version": host.text("/proc/sys/kernel/version"),
        "architecture": host.text("/proc/sys/kernel/arch")
        or (os.uname().machine if host.is_live else None),
    }


def operating_system(host: Host) -> Dict[str, Any]:
    release = os_release(host)
    return {"id": release.get("ID"), "version_id": release.get("VERSION_ID")}


def processors(host: Host) -> Dict[str, Any]:
    info = _cpuinfo(host)
    numbers = _online(host)
    return {
        "model": info.get("model name")
        or info.get("cpu model")
        or info.get("cpu")
        or _arm_model(info),
        "vendor": info.get("vendor_id") or info.get("CPU implementer"),
        "sockets": _distinct(host, numbers, "physical_package_id"),
        "cores": _distinct(host, numbers, "physical_package_id", "core_id"),
        "threads": len(numbers) or None,
        "online": cpus.usable_count(host) if host.is_live else None,
        "mitigations": _mitigations(host),
    }


def memory_bytes(host: Host) -> Optional[int]:
    for line in host.lines("/proc/meminfo"):
        match = re.match(r"MemTotal:\s+(\d+) kB", line)
        if match:
            return int(match.group(1)) * 1024
    return None


def clocksource(host: Host) -> Optional[str]:
    return host.text("/sys/devices/system/clocksource/clocksource0/current_clocksource")


def _cpuinfo(host: Host) -> Dict[str, str]:
    """The first value of every name in /proc/cpuinfo."""
    info: Dict[str, str] = {}
    for line in host.lines("/proc/cpuinfo"):
        name, colon, value = line.partition(":")
        if colon and value.strip():
            info.setdefault(name.strip(), value.strip())
    return info


def _arm_model(info: Dict[str, str]) -> Optional[str]:
    """64-bit ARM prints numbers instead of a name: `implementer 0x41 part 0xd0c`."""
    if "CPU part" not in info:
        return None
    return "implementer %s part %s" % (info.get("CPU implementer", "?"), info["CPU part"])


def _online(host: Host) -> List[int]:
    text = host.text(_CPU_FOLDER + "/online")
    try:
        return sorted(cpus.parse_list(text)) if text else []
    except ValueError:
        return []


def _distinct(host: Host, numbers: List[int], *names: str) -> Optional[int]:
    """How many different values the topology files of the CPUs hold together; None when one is
    missing.
    """
    found: Set[Any] = set()
    for number in numbers:
        folder = "%s/cpu%d/topology/" % (_CPU_FOLDER, number)
        values = tuple(host.number(folder + name) for name in names)
        if None in values:
            return None
        found.add(values)
    return len(found) or None


def _mitigations(host: Host) -> Dict[str, Optional[str]]:
    folder = _CPU_FOLDER + "/vulnerabilities"
    return {name: host.text("%s/%s" % (folder, name)) for name in host.names(folder)}
