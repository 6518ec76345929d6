"""What limits a host, from the numbers its own report brings. Pure functions of run rows.

A verdict names its numbers; where a number cannot be read there is no verdict. This first cut
knows `vcpu_wakeups` and `one_core`.
"""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

WAKEUPS_PER_TRANSACTION = 0.5
WAKEUP_RATIO = 0.7
# A transaction has about two waits at each end; counters that say far more count something else.
IMPOSSIBLE_WAKEUPS = 1000.0
WINDOW_MARGINS_S = 0.4
BUSY_PERCENT = 90.0
IDLE_PERCENT = 50.0


@dataclass(frozen=True)
class RunRow:
    """One run as the limiter sees it; `elapsed_time_s` is how long netperf measured, if known.

    The client reads its counters over that time less `WINDOW_MARGINS_S`.
    """

    test: str
    streams: int | None
    placement: str | None
    rate: float
    telemetry: Mapping[str, Any] | None
    elapsed_time_s: float | None


@dataclass(frozen=True)
class Verdict:
    limiter: str
    message: str


def verdicts(rows: Iterable[RunRow]) -> list[Verdict]:
    """What the runs show, most telling first; empty when they show nothing."""
    crr = [row for row in rows if row.test == "TCP_CRR" and row.rate > 0]
    same_cpu = [row for row in crr if row.streams == 1 and row.placement == "same_cpu"]
    unpinned = [row for row in crr if row.streams == 1 and row.placement == "unpinned"]
    found = [_wakeups(same_cpu, unpinned), _one_core(crr)]
    return [verdict for verdict in found if verdict]


def _wakeups(same_cpu: list[RunRow], unpinned: list[RunRow]) -> Verdict | None:
    """One unpinned stream is much slower than one on a single CPU, and idle CPUs were woken for
    its transactions.
    """
    if not same_cpu or not unpinned:
        return None
    headline = statistics.median(row.rate for row in same_cpu)
    loose = statistics.median(row.rate for row in unpinned)
    per_transaction = [
        rate for row in unpinned if (rate := _wakeups_per_transaction(row)) is not None
    ]
    if not per_transaction or loose / headline >= WAKEUP_RATIO:
        return None
    wakeups = statistics.median(per_transaction)
    if wakeups < WAKEUPS_PER_TRANSACTION:
        return None
    return Verdict(
        "vcpu_wakeups",
        f"One unpinned stream reaches {_rounded(loose)} trans/s, {loose / headline:.2f} of the "
        f"{_rounded(headline)} on one CPU, with {wakeups:.1f} wake-ups of idle CPUs a "
        "transaction: waking them is the price.",
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


def _one_core(rows: list[RunRow]) -> Verdict | None:
    """With as many streams as CPUs one CPU is full while others idle."""
    for row in rows:
        busy = [cpu.get("busy_percent") for cpu in (row.telemetry or {}).get("cpu") or []]
        known = [percent for percent in busy if percent is not None]
        if (row.streams or 0) < 2 or len(known) < 2:
            continue
        if max(known) > BUSY_PERCENT and min(known) < IDLE_PERCENT:
            return Verdict(
                "one_core",
                f"With {row.streams} streams one CPU is {max(known):.0f} % busy, another "
                f"{min(known):.0f} %: the load does not spread.",
            )
    return None


def _rounded(rate: float) -> str:
    """Three significant digits, with thousands commas."""
    return f"{float(f'{rate:.3g}'):,.0f}"
