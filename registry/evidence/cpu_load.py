"""How busy each CPU was while netperf ran: medians over runs. Pure functions of telemetry."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CpuLoad:
    """One CPU: medians over the runs that say, in percent; None where none does."""

    cpu: int
    busy_percent: float | None
    softirq_percent: float | None
    steal_percent: float | None


def loads(telemetry: Iterable[Mapping[str, Any] | None]) -> tuple[CpuLoad, ...]:
    """Every CPU that the telemetry of runs names, in their order."""
    by_cpu: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for read in telemetry:
        for row in (read or {}).get("cpu") or []:
            if row.get("cpu") is not None:
                by_cpu[row["cpu"]].append(row)
    return tuple(_load(cpu, by_cpu[cpu]) for cpu in sorted(by_cpu))


def _load(cpu: int, rows: Sequence[Mapping[str, Any]]) -> CpuLoad:
    return CpuLoad(
        cpu=cpu,
        busy_percent=_median(rows, "busy_percent"),
        softirq_percent=_median(rows, "softirq_percent"),
        steal_percent=_median(rows, "steal_percent"),
    )


def _median(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    known = [row[name] for row in rows if row.get(name) is not None]
    return statistics.median(known) if known else None
