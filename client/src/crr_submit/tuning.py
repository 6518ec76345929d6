"""Settings on the way of a new connection, under the names that sysctl and the registry use.

Only what stands in these tables is read. Called by `crr_submit.collect`; `conntrack` becomes
`active` only after a run has shown it (`crr_submit.measure`).
"""

from __future__ import annotations

from typing import Any, Dict, Optional

from crr_submit import nic
from crr_submit.host import Host

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
    """on when any receive queue of lo has a CPU in its mask (`00000000,00000003`)."""
    folder = "/sys/class/net/lo/queues"
    masks = [
        host.text("%s/%s/rps_cpus" % (folder, queue))
        for queue in host.names(folder)
        if queue.startswith("rx-")
    ]
    known = [mask for mask in masks if mask is not None]
    if not known:
        return None
    return "on" if any(mask.strip("0,") for mask in known) else "off"


def kernel_parameters(host: Host) -> Dict[str, str]:
    """`boot.mitigations` and their kin from the kernel's command line, `on` for a bare word."""
    words = (word.partition("=") for word in (host.text("/proc/cmdline") or "").split())
    return {
        "boot." + name: value[:100] or "on" for name, _, value in words if name in KERNEL_PARAMETERS
    }


def firewall_rules(host: Host) -> Optional[int]:
    """0 when neither iptables' tables nor nftables are there; the rules of others need root."""
    tables = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")
    loaded = [line.split(" ", 1)[0] for line in host.lines("/proc/modules")]
    is_known = host.exists("/proc/modules") and host.exists("/proc/sys/net")
    in_use = {"ip_tables", "ip6_tables", "nf_tables"}.intersection(loaded)
    return 0 if is_known and not in_use and not any(map(host.exists, tables)) else None


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
