"""Names of factors, wherever something is grouped or filtered."""

import re

RECIPE_FACTORS = ("test", "topology", "streams", "placement")
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

_SYSCTL = re.compile(r"(?:net|vm|kernel)\.[a-z0-9_.]{1,100}\Z")
SETTINGS = frozenset(
    """
    conntrack rps.lo rps.nic rfs.lo rfs.nic xps.nic irq_spread listen_backlog mitigations
    offload.tso offload.sg offload.gso offload.gro cpufreq.governor
    cpuidle.governor cpuidle.driver qdisc
    """.split()
)


def is_setting(name: str) -> bool:
    """Whether an entry of `tuning` is a setting that can be a factor: a sysctl or one of ours."""
    return name in SETTINGS or _SYSCTL.match(name) is not None
