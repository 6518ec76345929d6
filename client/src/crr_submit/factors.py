"""The settings that `crr-submit tune` can try, and why it refuses the others.

Each factor names its two values and the kernel files that hold it. All that stand here are
exercised by netperf's TCP_CRR over loopback, one stream on one CPU; a factor that this workload or
this topology cannot exercise is refused with the reason, since measuring it would show nothing but
noise. Called by `crr_submit.tune`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from crr_submit import cpus
from crr_submit.host import Host
from crr_submit.programs import CannotMeasure
from crr_submit.terminal import clean

WORKLOAD, TOPOLOGY, PLACEMENT = "TCP_CRR", "loopback", "same_cpu"

_CLOCKS = "/sys/devices/system/clocksource/clocksource0/"
_CPUFREQ = "/sys/devices/system/cpu/cpufreq"
_LO_QUEUES = "/sys/class/net/lo/queues"


@dataclass(frozen=True)
class Trial:
    """A factor as it can be tried on this host: the names of its two values, and for each file what
    is written to it for either.
    """

    factor: str
    values: Tuple[str, str]
    files: Dict[str, Tuple[str, str]]


@dataclass(frozen=True)
class Factor:
    """`plan` reads the host and says what would be written, changing nothing; it raises
    CannotMeasure with the reason where this host cannot try it. Its second argument is the value
    that the user wants to try against the present one, if any.
    """

    name: str
    plan: Callable[[Host, Optional[str]], Trial]


def find(name: str) -> Factor:
    """Raises CannotMeasure for a factor that is refused, with the reason, or not known."""
    factor = FACTORS.get(name)
    if factor is None:
        known = ", ".join(FACTORS)
        reason = _refusal(name) or "no such factor"
        raise CannotMeasure("%s: %s. Can be tried here: %s" % (clean(name), reason, known))
    return factor


def require_writable(trial: Trial) -> None:
    """Raises CannotMeasure unless every file may be written."""
    for path in trial.files:
        if not os.access(path, os.W_OK):
            text = "%s cannot be written: run it as root, outside of a container"
            raise CannotMeasure(text % path)


def _rps_of_loopback(host: Host, against: Optional[str]) -> Trial:
    """Steering of received packets to all CPUs of ours, for every receive queue of lo."""
    queues = [name for name in host.names(_LO_QUEUES) if name.startswith("rx-")]
    paths = ["%s/%s/rps_cpus" % (_LO_QUEUES, name) for name in queues]
    before = {path: host.text(path) for path in paths}
    if not paths or None in before.values():
        raise CannotMeasure("rps.lo: this kernel has no packet steering on lo (CONFIG_RPS)")
    if len(cpus.allowed()) < 2:
        raise CannotMeasure("rps.lo: there is only one CPU, so nothing to steer to")
    if against not in (None, "on", "off"):
        raise CannotMeasure("rps.lo: its values are off and on")
    mask = sum(1 << cpu for cpu in cpus.allowed())
    files = {path: (_mask(0, str(old)), _mask(mask, str(old))) for path, old in before.items()}
    return Trial("rps.lo", ("off", "on"), files)


def _clocksource(host: Host, against: Optional[str]) -> Trial:
    """The kernel's clock source, against the next that it has."""
    path = _CLOCKS + "current_clocksource"
    choices = (host.text(_CLOCKS + "available_clocksource") or "").split()
    return _one_of("clocksource", host, [path], choices, against)


def _governor(host: Host, against: Optional[str]) -> Trial:
    """The frequency governor of every CPU, against `performance` where there is a choice."""
    policies = [name for name in host.names(_CPUFREQ) if name.startswith("policy")]
    folders = ["%s/%s" % (_CPUFREQ, name) for name in policies]
    if not folders:
        raise CannotMeasure("cpufreq.governor: no CPU of this host has one (usual in a guest)")
    lists = [(host.text(f + "/scaling_available_governors") or "").split() for f in folders]
    choices = sorted(set.intersection(*map(set, lists)), key=lambda name: name != "performance")
    paths = [folder + "/scaling_governor" for folder in folders]
    return _one_of("cpufreq.governor", host, paths, choices, against)


def _one_of(
    name: str, host: Host, paths: List[str], choices: List[str], against: Optional[str]
) -> Trial:
    """The present value of files that all hold the same one, against the wanted or first other."""
    present = {host.text(path) for path in paths}
    old = present.pop()
    if old is None or present:
        raise CannotMeasure("%s: the present value cannot be read, or CPUs differ in it" % name)
    others = [choice for choice in choices if choice != old]
    if against is not None and against not in others:
        raise CannotMeasure("%s: %s can be tried here, not %s" % (name, others, against))
    if not others:
        raise CannotMeasure("%s: this host has %s and no other to try" % (name, old))
    new = against or others[0]
    return Trial(name, (old, new), dict.fromkeys(paths, (old, new)))


def _mask(mask: int, like: str) -> str:
    """A CPU mask as the kernel prints it: as many digits as `like`, a comma every eight."""
    digits = "%0*x" % (len(like.replace(",", "")), mask)
    first = len(digits) % 8 or 8
    groups = [digits[:first]] + [digits[n : n + 8] for n in range(first, len(digits), 8)]
    return ",".join(groups)


def _refusal(name: str) -> Optional[str]:
    for names, reason in _REFUSED.items():
        if name in names or name.partition(".")[0] + ".*" in names:
            return reason
    if Path("/proc/sys", name.replace(".", "/")).is_file():
        return "nothing known shows that netperf's TCP_CRR over loopback exercises it"
    return None


FACTORS = {
    factor.name: factor
    for factor in (
        Factor("rps.lo", _rps_of_loopback),
        Factor("clocksource", _clocksource),
        Factor("cpufreq.governor", _governor),
    )
}
_REFUSED = {
    (
        "net.core.somaxconn",
        "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.tcp_syncookies",
        "listen_backlog",
    ): "netperf's TCP_CRR has one connection outstanding, so no queue of connections ever fills; "
    "it takes many at once, as crr-submit app makes them",
    (
        "net.ipv4.tcp_tw_reuse",
    ): "netperf 2.5 and later chooses its ports itself and has the server close first, so no port "
    "in TIME_WAIT is ever reused; it takes a workload like crr-submit app",
    ("offload.*",): "on loopback checksums and scatter-gather are fixed and a payload of one byte "
    "is never segmented; it takes a network card and a second host (--host)",
    (
        "rps.nic",
        "rfs.nic",
        "xps.nic",
        "irq_spread",
    ): "loopback has neither a network card's queues nor its interrupts; it takes a second host "
    "(--host). For steering on loopback there is rps.lo",
    ("conntrack",): "the way to turn tracking off for a test is a rule in the firewall. Where no "
    "hook is active, adding one turns tracking on; where one is, a rule has no value that can be "
    "read back and restored if the firewall is reloaded meanwhile. Compare hosts with and without",
    (
        "kernel",
        "hypervisor",
        "mitigations",
        "xen.mode",
    ): "it is fixed when the system starts; send a report before and one after",
}
