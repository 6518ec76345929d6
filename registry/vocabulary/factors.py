"""Names of factors, wherever something is grouped or filtered.

A factor of a run is a column of System, or a setting: one of ours by name, or a dotted sysctl of
the network, memory or kernel that somebody sets. What the kernel counts, makes up or only reports
is a reading: it would make a system of its own of every report.
"""

import re

RECIPE_FACTORS = ("test", "topology", "streams", "placement")
# The recipe that a board or a group has where nothing else is asked.
DEFAULT_RECIPE: dict[str, str | int] = {
    "test": "TCP_CRR",
    "streams": 1,
    "placement": "same_cpu",
    "topology": "loopback",
}
SYSTEM_FACTORS = (
    "virtualization",
    "virtualization_mode",
    "hypervisor_version",
    "container",
    "kernel_release",
    "kernel_series",
    "os",
    "provider",
    "instance_type",
    "cpu_model",
    "cpus",
    "nic_driver",
    "clocksource",
)
FACTORS = (*SYSTEM_FACTORS, "topology", "streams", "placement")
# What an experiment calls a column of System.
TRIED_COLUMNS = {
    "kernel": "kernel_release",
    "hypervisor": "virtualization",
    "xen.mode": "virtualization_mode",
}

# What `crr-submit tune` can try.
TUNABLE = (
    *("rps.lo", "rps.nic", "clocksource", "cpufreq.governor", "listen_backlog"),
    *("net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_syncookies"),
    *("offload.sg", "offload.tso", "offload.gso", "offload.gro", "conntrack"),
)

# Longest text of each text column of System.
SYSTEM_LENGTHS = {
    "virtualization": 64,
    "virtualization_mode": 32,
    "hypervisor_version": 64,
    "container": 64,
    "kernel_release": 128,
    "kernel_series": 64,
    "os": 128,
    "provider": 64,
    "instance_type": 128,
    "cpu_model": 256,
    "nic_driver": 64,
    "clocksource": 64,
}

SETTINGS = frozenset(
    """
    conntrack rps.lo rps.nic rfs.lo rfs.nic xps.nic irq_spread listen_backlog mitigations
    offload.tso offload.sg offload.gso offload.gro cpufreq.governor
    cpuidle.governor cpuidle.driver qdisc
    """.split()
)
SYSCTL = r"(?:net|vm|kernel)\.[a-z0-9_.]{1,100}"
_READING = re.compile(
    r"""
    .{0,100}(?:_count | \.tcp_available_\w{1,100} | hash_entries) | net\.core\.netdev_rss_key
    | kernel\.(?:random\..{0,100} | pty\.nr | ns_last_pid | (?:msg|sem|shm)_next_id
        | hostname | domainname | arch | osrelease | ostype | version | bootloader_\w{1,100})
    """,
    re.VERBOSE,
)


def is_setting(name: str) -> bool:
    """Whether a name of `tuning` or of an experiment is a setting that can be a factor."""
    if name in SETTINGS:
        return True
    return re.fullmatch(SYSCTL, name) is not None and _READING.fullmatch(name) is None


def canonical(name: str) -> str:
    """The one name of a factor: that of the column for what an experiment calls otherwise."""
    return TRIED_COLUMNS.get(name, name)


def is_of_host(name: str) -> bool:
    """Whether a name may be asked for as a factor of a host. Of a sysctl that is a reading no host
    has a value.
    """
    known = canonical(name) in SYSTEM_FACTORS or name in SETTINGS
    return known or re.fullmatch(SYSCTL, name) is not None
