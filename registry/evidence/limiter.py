"""What limits a host, from the numbers its own report brings. Pure functions of run rows.

Every verdict carries its numbers; where a number cannot be read there is no verdict of it. The
words and their thresholds are those of measuring.md, "Limiter verdicts".
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WAKEUPS_PER_TRANSACTION = 0.5
WAKEUP_RATIO = 0.7
# A transaction has about two waits at each end; counters that say far more count something else.
IMPOSSIBLE_WAKEUPS = 1000.0
WINDOW_MARGINS_S = 0.4
BUSY_PERCENT = 90.0
IDLE_PERCENT = 50.0
CONNTRACK_FULL = 0.95  # of the table's room
NEIGHBOURS_PERCENT = 5.0  # of a CPU that spins and gets no more
CRR = "TCP_CRR"
OF_APP = "HTTP_"  # how the tests of `crr-submit app` begin


@dataclass(frozen=True)
class RunRow:
    """One run as the limiter sees it; `elapsed_time_s` is how long it measured, if known.

    The client reads its counters over that time less `WINDOW_MARGINS_S`.
    """

    test: str
    streams: int | None
    placement: str | None
    rate: float
    telemetry: Mapping[str, Any] | None
    elapsed_time_s: float | None
    topology: str | None = "loopback"


@dataclass(frozen=True)
class Verdict:
    """`numbers` are what the message rests on, by name; rates in trans/s, shares in percent."""

    limiter: str
    message: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def verdicts(rows: Iterable[RunRow], spin_steal_percent: float | None = None) -> list[Verdict]:
    """What the runs show, most telling first; empty when they bring no counters and show nothing.

    `spin_steal_percent` is the share of a spinning CPU that others took before the runs.
    """
    positive = [row for row in rows if row.rate > 0]
    crr: dict[str | None, list[RunRow]] = defaultdict(list)
    for row in positive:
        if row.test == CRR:
            crr[row.topology].append(row)
    found = [
        *(_first(check, crr.values()) for check in (_wakeups, _one_core)),
        _first(_conntrack_full, [positive]),
        _first(_cgroup_quota, [positive]),
        _neighbours(spin_steal_percent),
        _first(_backlog, [positive]),
        _first(_netperf_side, crr.values()),
    ]
    told = [verdict for verdict in found if verdict]
    if told:
        return told
    nothing = _none_found([row for rows in crr.values() for row in rows])
    return [nothing] if nothing else []


def _first(
    check: Callable[[Sequence[RunRow]], Verdict | None], groups: Iterable[Sequence[RunRow]]
) -> Verdict | None:
    return next(filter(None, map(check, groups)), None)


def _wakeups(rows: Sequence[RunRow]) -> Verdict | None:
    """One unpinned stream is much slower than it is without idle CPUs, and no counter says that
    none were woken: than on one CPU, or than each of several streams that keep the CPUs awake.
    """
    alone = [row for row in rows if (row.streams, row.placement) == (1, "unpinned")]
    if not alone:
        return None
    rate = statistics.median(row.rate for row in alone)
    counted = [found for row in alone if (found := _wakeups_per_transaction(row)) is not None]
    wakeups = statistics.median(counted) if counted else None
    if wakeups is not None and wakeups < WAKEUPS_PER_TRANSACTION:
        return None
    pinned = [row.rate for row in rows if (row.streams, row.placement) == (1, "same_cpu")]
    if pinned and wakeups is not None and rate / statistics.median(pinned) < WAKEUP_RATIO:
        return _than_pinned(rate, statistics.median(pinned), wakeups)
    return _than_each_of_several(rows, rate, wakeups)


def _than_pinned(rate: float, pinned: float, wakeups: float) -> Verdict:
    return Verdict(
        "vcpu_wakeups",
        f"One unpinned stream reaches {_rounded(rate)} trans/s, {rate / pinned:.2f} of the "
        f"{_rounded(pinned)} on one CPU, with {wakeups:.1f} wake-ups of idle CPUs a "
        "transaction: waking them is the price.",
        {"rate": rate, "same_cpu_rate": pinned, "wakeups_per_transaction": wakeups},
    )


def _than_each_of_several(
    rows: Sequence[RunRow], rate: float, wakeups: float | None
) -> Verdict | None:
    by_streams: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row.placement == "unpinned" and (row.streams or 0) > 1:
            by_streams[row.streams or 0].append(row.rate)
    each = {streams: statistics.median(rates) / streams for streams, rates in by_streams.items()}
    if not each:
        return None
    streams = max(each, key=lambda number: each[number])
    if rate / each[streams] >= WAKEUP_RATIO:
        return None
    counters = (
        "No counters came with the runs, and nothing else is known to do this"
        if wakeups is None
        else f"{wakeups:.1f} wake-ups of idle CPUs a transaction say the same"
    )
    numbers = {"rate": rate, "several_rate": each[streams] * streams, "streams": float(streams)}
    return Verdict(
        "vcpu_wakeups",
        f"One unpinned stream reaches {_rounded(rate)} trans/s, each of {streams} together "
        f"{_rounded(each[streams])}: alone it waits for idle CPUs to be woken, so its rate "
        f"measures wake-ups and not the accept path. {counters}.",
        numbers | ({} if wakeups is None else {"wakeups_per_transaction": wakeups}),
    )


def _wakeups_per_transaction(row: RunRow) -> float | None:
    """Idle entries or function-call interrupts, whichever is more: one wake-up shows in both."""
    telemetry = row.telemetry or {}
    cpus = telemetry.get("cpu") or []
    entries = [cpu["idle_entries"] for cpu in cpus if cpu.get("idle_entries") is not None]
    calls = (telemetry.get("interrupts") or {}).get("CAL")
    if (not entries and calls is None) or not row.elapsed_time_s:
        return None
    window_s = row.elapsed_time_s - WINDOW_MARGINS_S
    if window_s <= 0:
        return None
    wakeups = max(float(sum(entries)), float(calls or 0)) / (row.rate * window_s)
    return wakeups if wakeups < IMPOSSIBLE_WAKEUPS else None


def _one_core(rows: Sequence[RunRow]) -> Verdict | None:
    """With as many streams as CPUs one CPU is full while others idle. Fewer streams leave CPUs idle
    by themselves.
    """
    for row in rows:
        busy, n_cpus = _busy(row), len((row.telemetry or {}).get("cpu") or [])
        if (row.streams or 0) < max(2, n_cpus) or len(busy) < 2:
            continue
        if max(busy) > BUSY_PERCENT and min(busy) < IDLE_PERCENT:
            return Verdict(
                "one_core",
                f"With {row.streams} streams one CPU is {max(busy):.0f} % busy, another "
                f"{min(busy):.0f} %: the load does not spread.",
                {"busiest_percent": max(busy), "idlest_percent": min(busy)},
            )
    return None


def _conntrack_full(rows: Sequence[RunRow]) -> Verdict | None:
    for row in rows:
        table = (row.telemetry or {}).get("conntrack") or {}
        count, drops = table.get("count") or 0, table.get("drop") or 0
        most = table.get("max")
        is_full = bool(count and most and count >= CONNTRACK_FULL * most)
        if is_full or (count and drops > 0):
            told = f"{count:,.0f} entries" + (f" of {most:,.0f}" if most else "")
            numbers = {"entries": float(count), "drops": float(drops)}
            return Verdict(
                "conntrack_full",
                f"The connection tracking table held {told} after a run, and {drops:,.0f} packets "
                "were dropped for want of room: connections wait for old entries to expire.",
                numbers | ({"entries_limit": float(most)} if most else {}),
            )
    return None


def _cgroup_quota(rows: Sequence[RunRow]) -> Verdict | None:
    throttled = [float((row.telemetry or {}).get("cgroup_throttled") or 0) for row in rows]
    n_throttled = sum(count > 0 for count in throttled)
    if not n_throttled:
        return None
    return Verdict(
        "cgroup_quota",
        f"The CPU quota of the control group throttled {n_throttled} of {len(throttled)} runs, "
        f"{max(throttled):.0f} periods in the worst: the quota is what was measured.",
        {"throttled_runs": float(n_throttled), "throttled_periods": max(throttled)},
    )


def _neighbours(steal_percent: float | None) -> Verdict | None:
    if steal_percent is None or steal_percent < NEIGHBOURS_PERCENT:
        return None
    return Verdict(
        "neighbours",
        f"Before the runs a CPU that only spun lost {steal_percent:.0f} % of its time to others on "
        "the same hardware.",
        {"steal_percent": steal_percent},
    )


def _backlog(rows: Sequence[RunRow]) -> Verdict | None:
    """Only of `app`: netperf's CRR has one connection in the air and cannot fill a queue."""
    for row in rows:
        counted = (row.telemetry or {}).get("netstat") or {}
        overflows = max(counted.get("ListenOverflows") or 0, counted.get("ListenDrops") or 0)
        if row.test.startswith(OF_APP) and overflows > 0:
            return Verdict(
                "backlog",
                f"The listen queue overflowed {overflows:,.0f} times in a run: connections were "
                "turned away and tried again.",
                {"listen_overflows": float(overflows)},
            )
    return None


def _netperf_side(rows: Sequence[RunRow]) -> Verdict | None:
    """Every CPU is full, and over loopback netperf's sending half is on them too."""
    several = [row for row in rows if row.topology == "loopback" and (row.streams or 0) > 1]
    for row, busy in ((row, _busy(row)) for row in several):
        if len(busy) > 1 and min(busy) > BUSY_PERCENT:
            return Verdict(
                "netperf_side",
                f"With {row.streams} streams all {len(busy)} CPUs are {min(busy):.0f} % busy at "
                "the least, and netperf's client shares them: against another host's client this "
                "one could accept more.",
                {"idlest_percent": min(busy), "cpus": float(len(busy))},
            )
    return None


def _none_found(rows: Sequence[RunRow]) -> Verdict | None:
    busiest = [max(busy) for row in rows if (busy := _busy(row))]
    if not busiest:
        return None
    return Verdict(
        "none_found",
        f"None of the known limits shows in the counters; the busiest CPU was {max(busiest):.0f} % "
        "busy.",
        {"busiest_percent": max(busiest)},
    )


def _busy(row: RunRow) -> list[float]:
    rows = (row.telemetry or {}).get("cpu") or []
    return [cpu["busy_percent"] for cpu in rows if cpu.get("busy_percent") is not None]


def _rounded(rate: float) -> str:
    """Three significant digits, with thousands commas."""
    return f"{float(f'{rate:.3g}'):,.0f}"
