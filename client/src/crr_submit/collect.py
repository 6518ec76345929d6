"""The environment of a report: kernel, OS, virtualisation, CPUs, memory, clock source, accept-path
settings.

Each collector sets what it knows and leaves null what it does not; none raises. Nothing is
collected that has no row in `crr_submit.fields`: no host name, no address, no serial number, no
uuid.
"""

import os
import re
from typing import Any, Dict, List, Optional, Set

from crr_submit import cloud, cpus, nic, virtualization
from crr_submit.host import Host, os_release

# NFT_MSG_GETRULE of NETLINK_NETFILTER, of every family.
_GET_RULES = (12, 10 << 8 | 7, bytes(4))
_CPU_FOLDER = "/sys/devices/system/cpu"
# Settings on the way of a new connection, under the names that sysctl and the registry use. Only
# what stands in these tables is read.
SYSCTLS = (
    "net.core.somaxconn",
    "net.core.netdev_max_backlog",
    "net.core.busy_poll",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_abort_on_overflow",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_congestion_control",
    "net.core.default_qdisc",
    "net.core.rps_sock_flow_entries",
    "net.netfilter.nf_conntrack_max",
    "kernel.sched_autogroup_enabled",
    "kernel.timer_migration",
    "kernel.numa_balancing",
)
# Covariates of measuring: they explain why a wake-up costs what it costs.
FILES = {
    "cpufreq.governor": "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "cpuidle.driver": "/sys/devices/system/cpu/cpuidle/current_driver",
    "cpuidle.governor": "/sys/devices/system/cpu/cpuidle/current_governor",
    "haltpoll.guest_halt_poll_ns": "/sys/module/haltpoll/parameters/guest_halt_poll_ns",
    "lo.mtu_bytes": "/sys/class/net/lo/mtu",
    "smt.control": "/sys/devices/system/cpu/smt/control",
    "security.lsm": "/sys/kernel/security/lsm",
    "preemption": "/sys/kernel/debug/sched/preempt",
}
# Kernel parameters that change what a connection or a wake-up costs; no other is ever looked at.
KERNEL_PARAMETERS = (
    "mitigations",
    "idle",
    "nohz",
    "nohz_full",
    "isolcpus",
    "rcu_nocbs",
    "preempt",
    "clocksource",
    "tsc",
    "nosmt",
    "processor.max_cstate",
    "intel_idle.max_cstate",
    "intel_pstate",
    "amd_pstate",
    "cpuidle.off",
    "cpuidle_haltpoll.force",
    "spectre_v2",
    "spec_store_bypass_disable",
    "pti",
    "nopti",
    "retbleed",
    "srso",
    "threadirqs",
    "xen_nopv",
    "audit",
)


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
        "tuning": settings(host, card),
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


def settings(host: Host, card: Optional[str]) -> Dict[str, Any]:
    """Every setting that can be read, those of the network card too; the others are left out."""
    found: Dict[str, Any] = {
        name: _value(host, "/proc/sys/" + name.replace(".", "/")) for name in SYSCTLS
    }
    found.update((name, _value(host, path)) for name, path in FILES.items())
    found["conntrack"] = conntrack(host)
    found["rps.lo"] = rps_of_loopback(host)
    found["firewall_rules"] = firewall_rules(host)
    found["time_wait"] = time_wait(host)
    found.update(kernel_parameters(host))
    found.update(nic.spread(host, card))
    return {name: value for name, value in found.items() if value is not None}


def conntrack(host: Host) -> Optional[str]:
    """absent or loaded; the files exist without any rule that tracks, so they never prove more."""
    if not host.exists("/proc/sys/net"):
        return None
    return "loaded" if host.exists("/proc/sys/net/netfilter/nf_conntrack_count") else "absent"


def rps_of_loopback(host: Host) -> Optional[str]:
    """on when any receive queue of lo has a CPU in its mask."""
    return nic.any_mask(host, "lo", "rx-", "rps_cpus")


def kernel_parameters(host: Host) -> Dict[str, str]:
    """`boot.mitigations` and their kin from the kernel's command line, `on` for a bare word."""
    words = (word.partition("=") for word in (host.text("/proc/cmdline") or "").split())
    return {
        "boot." + name: value[:100] or "on" for name, _, value in words if name in KERNEL_PARAMETERS
    }


def firewall_rules(host: Host) -> Optional[int]:
    """Rules of nftables, which root may count; those of older iptables nobody can tell from here.
    0 when neither is there, which takes the list of what is built into the kernel.
    """
    tables = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")
    loaded = [line.split(" ", 1)[0] for line in host.lines("/proc/modules")]
    is_known = host.exists("/proc/modules") and host.exists("/proc/sys/net")
    if (
        not is_known
        or {"ip_tables", "ip6_tables"}.intersection(loaded)
        or any(map(host.exists, tables))
    ):
        return None
    release = host.text("/proc/sys/kernel/osrelease")
    built_in = host.text("/lib/modules/%s/modules.builtin" % release) or ""
    # To ask a kernel that has no nf_tables would load it.
    if "nf_tables" not in loaded and "/nf_tables.ko" not in built_in:
        return 0 if built_in else None
    try:
        return sum(1 for _ in nic.netlink(*_GET_RULES)) if host.is_live else None
    except OSError:
        return None


def time_wait(host: Host) -> Optional[int]:
    """Connections in TIME_WAIT before the first run: `TCP: inuse 5 orphan 0 tw 12 ...`."""
    for line in host.lines("/proc/net/sockstat"):
        words = line.split()
        if words[:1] == ["TCP:"] and "tw" in words[:-1]:
            value = words[words.index("tw") + 1]
            return int(value) if value.isdigit() else None
    return None


def _value(host: Host, path: str) -> Any:
    """A whole number where the file holds one, else its text with single spaces."""
    text = host.text(path)
    if text is None:
        return None
    number = host.number(path)
    return " ".join(text.split()) if number is None else number
