"""What the kernel counted while netperf ran: per-CPU load, idle entries, interrupts, softirqs, TCP
and conntrack; whether neighbours take our CPUs; whether connection tracking has room.

`window` is the difference of two `Counters` read inside the active window of a run, `over_run` of
two `RunCounters` read around it. A counter that cannot be read is left out or null, never 0.
"""

import os
import signal
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from crr_submit import cpus
from crr_submit.host import Host
from crr_submit.plan import CPU_ROWS
from crr_submit.programs import SIGNALS

INTERRUPTS = ("CAL", "RES")
NETSTAT = (
    "ListenOverflows",
    "ListenDrops",
    "TCPTimeWaitOverflow",
    "SyncookiesSent",
    "TCPReqQFullDoCookies",
    "TCPReqQFullDrop",
    "TWRecycled",
)
# A report may hold 512 KiB: on hosts with more CPUs than this only the busiest are reported.
SPIN_S = 1.0
ROOM_FACTOR = 1.5
# Entries of closed connections live about 120 s.
EXPIRY_LIMIT_S = 150
POLL_S = 1.0

_CPU_FOLDER = "/sys/devices/system/cpu"
_CONNTRACK = "/proc/sys/net/netfilter/nf_conntrack_"
# Columns of /proc/stat: user nice system idle iowait irq softirq steal (guest time is part of
# user).
_STAT_COLUMNS = 8
_IDLE, _IOWAIT, _SOFTIRQ, _STEAL = 3, 4, 6, 7


@dataclass(frozen=True)
class Counters:
    """One reading of everything that is counted per window."""

    cpu_ticks: Mapping[int, Tuple[int, ...]]
    idle_entries: Mapping[int, int]
    interrupts: Mapping[str, int]
    softirqs: Mapping[str, int]


@dataclass(frozen=True)
class RunCounters:
    """One reading of what moves slowly, taken before and after a run."""

    netstat: Mapping[str, int]
    received_rps: Optional[int]
    conntrack_count: Optional[int]
    conntrack_drop: Optional[int]
    cgroup_throttled: Optional[int]


def read(host: Host) -> Counters:
    """One reading; about a millisecond of work, so that it hardly disturbs what it watches."""
    ticks = _cpu_ticks(host)
    return Counters(
        cpu_ticks=ticks,
        idle_entries=_idle_entries(host, ticks),
        interrupts=_row_sums(host, "/proc/interrupts", INTERRUPTS),
        softirqs=_row_sums(host, "/proc/softirqs", None),
    )


def read_run(host: Host, pid: int = 0) -> RunCounters:
    """`pid` is a process in the network that is measured, where that is not ours."""
    count, drop = _conntrack_entries(host, pid)
    return RunCounters(
        netstat=_netstat(host),
        received_rps=_received_rps(host),
        conntrack_count=count,
        conntrack_drop=drop,
        cgroup_throttled=cpus.cgroup_throttled(host),
    )


def window(first: Counters, last: Counters) -> Dict[str, Any]:
    """What moved between two readings inside the active window, as the report's telemetry."""
    return {
        "cpu": _cpu_rows(first, last),
        "interrupts": _difference(first.interrupts, last.interrupts),
        "softirqs": _difference(first.softirqs, last.softirqs),
    }


def spin_steal_percent(host: Host) -> Optional[float]:
    """The share of time which others on the same hardware took while all our CPUs were kept busy:
    nothing sleeps, so wake-ups cost no steal.
    """
    first, until_s = read(host), time.monotonic() + SPIN_S
    ours = cpus.allowed()
    for pid in [_spinner(cpu, until_s) for cpu in ours]:
        os.waitpid(pid, 0)
    rows = _cpu_rows(first, read(host))
    taken = [row["steal_percent"] for row in rows if row["cpu"] in ours]
    return round(sum(taken) / len(taken), 1) if taken else None


def _spinner(cpu: int, until_s: float) -> int:
    """A process that spins on one CPU until a moment of the monotonic clock; its number."""
    pid = os.fork()
    if pid:
        return pid
    try:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.sched_setaffinity(0, [cpu])
        while time.monotonic() < until_s:
            pass
    finally:
        os._exit(0)


def over_run(before: RunCounters, after: RunCounters, host: Host) -> Dict[str, Any]:
    """The same for two readings around the run."""
    return {
        "netstat": _difference(before.netstat, after.netstat),
        "softnet": {"received_rps": _rise(before.received_rps, after.received_rps)},
        "conntrack": _conntrack(before, after, host),
        "cgroup_throttled": _rise(before.cgroup_throttled, after.cgroup_throttled),
    }


def conntrack_room(host: Host, pid: int = 0) -> Optional[Tuple[int, int]]:
    """(entries in use, most that fit) of the connection tracking table, in the network of a process
    where that is not ours; None when there is none.
    """
    count, most = _conntrack_entries(host, pid)[0], host.number(_CONNTRACK + "max")
    return None if count is None or not most else (count, most)


def _cpu_rows(first: Counters, last: Counters) -> List[Dict[str, Any]]:
    rows = [
        _cpu_row(number, first.cpu_ticks[number], ticks, first, last)
        for number, ticks in last.cpu_ticks.items()
        if number in first.cpu_ticks and sum(ticks) > sum(first.cpu_ticks[number])
    ]
    busiest = sorted(rows, key=lambda row: -row["busy_percent"])[:CPU_ROWS]
    return sorted(busiest, key=lambda row: int(row["cpu"]))


def _cpu_row(
    number: int, before: Tuple[int, ...], after: Tuple[int, ...], first: Counters, last: Counters
) -> Dict[str, Any]:
    # The kernel lets single columns go back a tick, so each is held at 0.
    spent = [max(0, after[column] - before[column]) for column in range(_STAT_COLUMNS)]
    total = sum(spent) or 1
    return {
        "cpu": number,
        "busy_percent": round(100 * (total - spent[_IDLE] - spent[_IOWAIT]) / total, 1),
        "softirq_percent": round(100 * spent[_SOFTIRQ] / total, 1),
        "steal_percent": round(100 * spent[_STEAL] / total, 1),
        "idle_entries": _rise(first.idle_entries.get(number), last.idle_entries.get(number)),
    }


def _cpu_ticks(host: Host) -> Dict[int, Tuple[int, ...]]:
    ticks = {}
    for line in host.lines("/proc/stat"):
        name, *values = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and len(values) >= _STAT_COLUMNS:
            ticks[int(name[3:])] = tuple(int(value) for value in values[:_STAT_COLUMNS])
    return ticks


def _idle_entries(host: Host, numbers: Mapping[int, Any]) -> Dict[int, int]:
    """Empty where lxcfs numbers the CPUs of a container from 0: /sys has the host's numbers."""
    mounts = (line.split() for line in host.lines("/proc/self/mountinfo"))
    if any(words[4:5] == ["/proc/stat"] and "fuse.lxcfs" in words for words in mounts):
        return {}
    entries = {}
    for number in numbers:
        folder = "%s/cpu%d/cpuidle" % (_CPU_FOLDER, number)
        usages = [host.number("%s/%s/usage" % (folder, state)) for state in host.names(folder)]
        known = [usage for usage in usages if usage is not None]
        if known:
            entries[number] = sum(known)
    return entries


def _row_sums(host: Host, path: str, wanted: Optional[Tuple[str, ...]]) -> Dict[str, int]:
    """`NAME: 1 2 3 text` rows of /proc/interrupts or /proc/softirqs, each summed over the CPUs."""
    sums = {}
    for line in host.lines(path):
        name, colon, rest = line.partition(":")
        name = name.strip()
        if colon and (name in wanted if wanted is not None else True):
            sums[name] = sum(int(word) for word in rest.split() if word.isdigit())
    return sums


def _netstat(host: Host) -> Dict[str, int]:
    """The TcpExt counters of /proc/net/netstat that we watch: names, then values."""
    lines = [line.split() for line in host.lines("/proc/net/netstat") if line.startswith("TcpExt:")]
    if len(lines) < 2:
        return {}
    names, values = lines[0], lines[1]
    found = {name: names.index(name) for name in NETSTAT if name in names}
    return {name: int(values[column]) for name, column in found.items() if column < len(values)}


def _received_rps(host: Host) -> Optional[int]:
    """Column 10 of /proc/net/softnet_stat (hexadecimal, one row a CPU), summed: packets that
    another CPU passed on here.
    """
    rows = [line.split() for line in host.lines("/proc/net/softnet_stat")]
    known = [int(row[9], 16) for row in rows if len(row) > 9]
    return sum(known) if known else None


def _conntrack(before: RunCounters, after: RunCounters, host: Host) -> Optional[Dict[str, Any]]:
    if after.conntrack_count is None:
        return None
    return {
        "count": after.conntrack_count,
        "max": host.number(_CONNTRACK + "max"),
        "drop": _rise(before.conntrack_drop, after.conntrack_drop),
    }


def _conntrack_entries(host: Host, pid: int) -> Tuple[Optional[int], Optional[int]]:
    """Entries and drops: /proc/PID/net/stat/nf_conntrack has a row a CPU, hexadecimal; its first
    column is the whole table's.
    """
    where = "%d/" % pid if pid else ""
    count = None if pid else host.number(_CONNTRACK + "count")
    lines = [line.split() for line in host.lines("/proc/%snet/stat/nf_conntrack" % where)]
    if len(lines) < 2 or "drop" not in lines[0]:
        return count, None
    column = lines[0].index("drop")
    drop = sum(int(row[column], 16) for row in lines[1:] if len(row) > column)
    return int(lines[1][0], 16) if pid else count, drop


def _difference(before: Mapping[str, int], after: Mapping[str, int]) -> Dict[str, int]:
    """The kernel counts interrupts and softirqs in 32 bits; a count that went back otherwise, as
    by a CPU that was switched off, says nothing.
    """
    rises = {name: (n - before[name]) % 2**32 for name, n in after.items() if name in before}
    return {name: rise for name, rise in rises.items() if rise < 2**31}


def _rise(before: Optional[int], after: Optional[int]) -> Optional[int]:
    return None if before is None or after is None else max(0, after - before)


class Conntrack:
    """What the runs so far have shown about the table."""

    def __init__(self, host: Host, sleep: Callable[[float], None] = time.sleep) -> None:
        self.host = host
        self.sleep = sleep
        self.is_active = False

    def observe(self, before: Optional[int], after: Optional[int], n_connections: float) -> None:
        """Note a run: the table is at work when it grew by at least half of the connections made.

        Less may be other people's. A run that finds entries expire as fast as they come shows no
        rise, so once active stays active.
        """
        if before is not None and after is not None and n_connections >= 1:
            self.is_active = self.is_active or after - before >= n_connections / 2

    def wait_for_room(
        self, n_connections: float, say: Callable[[str], None], pid: int = 0
    ) -> Optional[str]:
        """Wait until a run of so many connections fits; None when it does, else why it will not."""
        wanted = ROOM_FACTOR * n_connections
        room = conntrack_room(self.host, pid) if self.is_active else None
        if room is not None and wanted > room[1]:
            return "connection tracking has room for %d entries, not %d" % (room[1], wanted)
        for _ in range(int(EXPIRY_LIMIT_S / POLL_S)):
            if room is None or room[1] - room[0] >= wanted:
                return None
            say("waiting for connection tracking entries to expire")
            self.sleep(POLL_S)
            room = conntrack_room(self.host, pid)
        return "the connection tracking table stays full"
