"""Where netperf and netserver really ran: their affinity read back from /proc while they run.

netperf takes `-T 5,5` on a host with two CPUs without a word and ignores it, so what was asked
proves nothing.
"""

from __future__ import annotations

from typing import Iterable, List, Optional, Set

from crr_submit import cpus
from crr_submit.host import Host


def verified(
    host: Host, asked: str, netperf_pids: Iterable[int], netserver_pids: Iterable[int]
) -> Optional[str]:
    """`asked` where every process is where it should be, else None. Only same_cpu can be
    disobeyed.
    """
    if asked != "same_cpu":
        return asked
    near = [allowed_cpus(host, pid) for pid in netperf_pids]
    far = [allowed_cpus(host, pid) for pid in netserver_pids]
    if not near or not far or None in near or None in far:
        return None
    used = {frozenset(found) for found in near + far if found is not None}
    return asked if len(used) == 1 and len(next(iter(used))) == 1 else None


def allowed_cpus(host: Host, pid: int) -> Optional[Set[int]]:
    """The CPUs that a process may use; None when it is gone or cannot be read."""
    for line in host.lines("/proc/%d/status" % pid):
        name, _, value = line.partition(":")
        if name == "Cpus_allowed_list":
            return cpus.parse_list(value)
    return None


def children(host: Host, pid: int) -> List[int]:
    """Child processes of a process. The quick file is not in every kernel, so else all processes
    are looked through.
    """
    quick = "/proc/%d/task/%d/children" % (pid, pid)
    if host.exists(quick):
        return [int(child) for child in (host.text(quick) or "").split()]
    return [
        int(name) for name in host.names("/proc") if name.isdigit() and _parent(host, name) == pid
    ]


def _parent(host: Host, pid: str) -> Optional[int]:
    stat = host.text("/proc/%s/stat" % pid)
    # The second column is the program's name in brackets and may hold anything, also brackets.
    fields = stat.rpartition(")")[2].split() if stat else []
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else None
