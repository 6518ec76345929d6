"""The settings that `crr-submit tune` can try, and why it refuses the others.

Each factor names its two values, the kernel files that hold it, and the load that exercises it:
netperf's TCP_CRR on one CPU over loopback; the same over a veth pair that tune makes for itself; or
the server of `crr-submit app` under more connections than its queues hold.
"""

import os
import re
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from crr_submit import cpus, nic
from crr_submit.app_output import ACCEPT
from crr_submit.host import Host
from crr_submit.options import AppSettings
from crr_submit.programs import VETH, CannotMeasure, order
from crr_submit.terminal import clean

CROWD = 512  # connections at once, more than short queues hold
LONGEST_BACKLOG = 65_535

_CLOCKS = "/sys/devices/system/clocksource/clocksource0/"
_CPUFREQ = "/sys/devices/system/cpu/cpufreq"
_LO_QUEUES = "/sys/class/net/lo/queues"
_FORGET = "sysctl -q net.netfilter.nf_conntrack_tcp_timeout_time_wait=10"
_NO_RULE = "add table ip crr; delete table ip crr;"
_RULE = "add table ip crr; add chain ip crr in {type filter hook prerouting priority 0;};"
_RULE += "add rule ip crr in ct state new accept"


@dataclass(frozen=True)
class Trial:
    """A factor as it can be tried on this host: the names of its two values, and for each file what
    is written to it for either, of which the kernel may take a part only where `is_cut`. `app` is
    how `crr-submit app` is called for either, where that is the load; `over_veth` sets one of the
    two on the pair of interfaces, which goes with it, or at its far end, the network of a process.
    """

    factor: str
    values: Tuple[str, str]
    files: Dict[str, Tuple[str, str]]
    app: Tuple[AppSettings, ...] = ()
    over_veth: Optional[Callable[[int, int], None]] = None
    is_cut: bool = False

    @property
    def load(self) -> str:
        """`TCP_CRR over loopback, same_cpu`."""
        if self.app:
            return "%s over loopback, unpinned" % ACCEPT
        return "TCP_CRR over %s, same_cpu" % ("veth" if self.over_veth else "loopback")


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
    return Trial("rps.lo", ("off", "on"), files, is_cut=True)


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
    if any(host.text(folder + "/scaling_driver") == "amd-pstate-epp" for folder in folders):
        raise CannotMeasure(
            "cpufreq.governor: with amd-pstate in active mode a governor also changes "
            "energy_performance_preference, and does not put it back"
        )
    lists = [(host.text(f + "/scaling_available_governors") or "").split() for f in folders]
    choices = sorted(set.intersection(*map(set, lists)), key=lambda name: name != "performance")
    paths = [folder + "/scaling_governor" for folder in folders]
    return _one_of("cpufreq.governor", host, paths, choices, against)


def _sysctl(name: str, others: Tuple[str, ...]) -> Factor:
    """A number in /proc/sys under the load of `crr-submit app`, against the first of `others` that
    it is not.
    """

    def plan(host: Host, against: Optional[str]) -> Trial:
        path = "/proc/sys/" + name.replace(".", "/")
        number = _number(against or "")
        choices = [number] if number else list(others)
        trial = _one_of(name, host, [path], choices, number or against)
        crowd = AppSettings(concurrency=CROWD, backlog=LONGEST_BACKLOG, listeners="shared")
        return replace(trial, app=(crowd, crowd))

    return Factor(name, plan)


def _backlog(host: Host, against: Optional[str]) -> Trial:
    """What the server passes to listen(2): 128 as in 2011, against more than can come at once."""
    values = ("128", _number(against or "4096") or "0")
    if not 0 < int(values[1]) <= LONGEST_BACKLOG:
        raise CannotMeasure("listen_backlog: a whole number up to %d" % LONGEST_BACKLOG)
    app = [AppSettings(concurrency=CROWD, backlog=int(n), listeners="shared") for n in values]
    return Trial("listen_backlog", values, {}, tuple(app))


def _number(text: str) -> Optional[str]:
    """`010` is 10, which the kernel would read in base 8; None for anything else than a number."""
    return str(int(text)) if re.match(r"[0-9]{1,18}\Z", text) else None


def _of_veth(
    name: str, switch: Callable[[int, int], None], values: Tuple[str, str] = ("off", "on")
) -> Factor:
    def plan(host: Host, against: Optional[str]) -> Trial:
        if against not in (None, *values):
            raise CannotMeasure("%s: its values are %s and %s" % (name, *values))
        if shutil.which("ip") is None or shutil.which("nsenter") is None:
            raise CannotMeasure("a veth pair takes ip (iproute2) and nsenter (util-linux)")
        return Trial(name, values, {}, over_veth=switch)

    return Factor(name, plan)


def _track(is_on: int, pid: int) -> None:
    """Connection tracking by a rule where netserver accepts, not on this host; what has ended is
    forgotten after 10 s, so that the table has room for the next run.
    """
    order(pid, "nft " + _NO_RULE + _RULE * is_on)
    if is_on:
        order(pid, _FORGET)


def _steer(is_on: int, _: int) -> None:
    """What our end of the pair receives to all CPUs of ours, or not."""
    path = Path("/sys/class/net/%s/queues/rx-0/rps_cpus" % VETH)
    mask = is_on * sum(1 << cpu for cpu in cpus.allowed())
    path.write_text(_mask(mask, path.read_text("ascii").strip()), "ascii")


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
        return "nothing known shows that a load of crr-submit exercises it"
    return None


FACTORS = {
    factor.name: factor
    for factor in (
        Factor("rps.lo", _rps_of_loopback),
        Factor("clocksource", _clocksource),
        Factor("cpufreq.governor", _governor),
        Factor("listen_backlog", _backlog),
        _sysctl("net.core.somaxconn", ("128", "4096")),
        _sysctl("net.ipv4.tcp_max_syn_backlog", ("128", "4096")),
        _sysctl("net.ipv4.tcp_syncookies", ("2", "1")),
        *(
            _of_veth("offload." + name, partial(nic.set_offload, VETH, name))
            for name in nic.SETTABLE
        ),
        _of_veth("rps.nic", _steer),
        _of_veth("conntrack", _track, ("loaded", "active")),
    )
}
_REFUSED = {
    (
        "rfs.nic",
        "xps.nic",
        "irq_spread",
    ): "neither loopback nor a veth pair has interrupts or several queues; send a report with "
    "--host before and one after",
    (
        "kernel",
        "hypervisor",
        "mitigations",
        "xen.mode",
    ): "it is fixed when the system starts; send a report before and one after",
    ("net.ipv4.tcp_tw_reuse",): "it is for ports of the side that closes first, which is the "
    "server in every load of crr-submit",
}
