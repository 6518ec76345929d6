"""Which CPUs the measurement may use: affinity, the cgroup's quota, how a CPU list of the kernel is
read; and where netperf and netserver really ran, read back from /proc while they run.

netperf takes `-T 5,5` on a host with two CPUs and ignores it, so what was asked proves nothing.
"""

import os
from typing import Iterable, Iterator, List, Optional, Set, Tuple

from crr_submit.host import Host


def allowed() -> List[int]:
    """CPUs of this process's affinity, ascending."""
    return sorted(os.sched_getaffinity(0))


def usable_count(host: Host) -> int:
    """How many CPUs the run can use: the affinity, or the cgroup's quota where that is less; at
    least 1.
    """
    quota = cgroup_quota_cpus(host)
    count = len(allowed())
    return count if quota is None else max(1, min(count, int(quota)))


def pin_choice(cpus: List[int]) -> int:
    """The CPU for same_cpu runs: not the lowest if there is another, since that one often takes
    the interrupts.
    """
    return cpus[1] if len(cpus) > 1 else cpus[0]


def parse_list(text: str) -> Set[int]:
    """`0-2,7` → {0, 1, 2, 7}; raises ValueError on anything else."""
    found: Set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def cgroup_quota_cpus(host: Host) -> Optional[float]:
    """The least CPU quota of our cgroup and its ancestors, in CPUs; None when there is none (v1
    and v2).
    """
    quotas = []
    for folder, version in _cgroup_folders(host):
        if version == 2:
            quota, _, period = (host.text(folder + "/cpu.max") or "max").partition(" ")
        else:
            quota = host.text(folder + "/cpu.cfs_quota_us") or ""
            period = host.text(folder + "/cpu.cfs_period_us") or ""
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas) if quotas else None


def cgroup_throttled(host: Host) -> Optional[int]:
    """Periods so far in which a quota throttled us, of our cgroup and of its ancestors together,
    since each has a quota of its own; None when not counted.
    """
    counts = []
    for folder, _ in _cgroup_folders(host):
        for line in host.lines(folder + "/cpu.stat"):
            name, _, value = line.partition(" ")
            if name == "nr_throttled" and value.isdigit():
                counts.append(int(value))
    return sum(counts) if counts else None


def _cgroup_folders(host: Host) -> Iterator[Tuple[str, int]]:
    """Folders of our cgroup up to its root, with the cgroup version of each."""
    for line in host.lines("/proc/self/cgroup"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        bases = (
            ["/sys/fs/cgroup/" + controllers, "/sys/fs/cgroup/cpu"]
            if controllers
            else ["/sys/fs/cgroup"]
        )
        base = next((base for base in bases if host.exists(base)), None)
        while base is not None:
            yield base + path.rstrip("/"), 1 if controllers else 2
            if path in ("", "/"):
                break
            path = path.rpartition("/")[0]


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
            return parse_list(value)
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
