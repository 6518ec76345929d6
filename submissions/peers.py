"""Rules that need more than the report: when it came, and what the registry holds already.

Called while the facts of a report are written, inside that transaction; two indexed queries a
report at most. What they find is added to the reading's flags, in the form of
`submissions.plausibility`.
"""

import hashlib
import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Min

from registry.evidence.outliers import ratio_to_peers
from registry.models import Cell, RawReport, Reading
from registry.models.identity import digest_of
from registry.models.written_once import WrittenOnce
from submissions.normalise import NormalisedRun
from submissions.plausibility import flags
from submissions.plausibility.subject import significant_digits
from submissions.plausibility.times import instant
from submissions.read import Content

NAMES = ("client_clock", "same_figures", "unlike_peers")

CLOCK_AHEAD = timedelta(hours=24)
# The report format is younger: a clock before it was never set.
CLOCK_UNSET_YEAR = 2020
_SET_CLOCK = "the clock of the measured host is wrong, set it before the next report"
# Digits that the figures must have beside the leading ones. With 9, a report meets one of 100,000
# others with the same digits by chance once in 10,000 times.
FREE_DIGITS = 9
# What netperf measured, beside the value.
_MEASURED = (
    "elapsed_time_s",
    "local_cpu_percent",
    "remote_cpu_percent",
    "mean_latency_us",
    "netperf_confidence_width_percent",
)
_STRATUM = ("cpu_model", "cpus", "virtualization", "virtualization_mode")
PEERS_READ = 500
# evidence.md 2 (6): slips of the unit give these ratios.
SLIPS = {
    60.0: "per minute for per second",
    1000.0: "a prefix of k or M",
    10.0: "a decimal point",
    8.0: "bits for bytes",
}
SLIP_MARGIN = 0.2


@dataclass(frozen=True)
class Twin:
    """The fingerprint of a report's figures, and the public id of the first report that had the
    same; empty where there is none.
    """

    fingerprint: str
    public_id: str = ""


def flags_of(report: RawReport, content: Content, twin: Twin) -> list[dict[str, str]]:
    """Flags of a report that is being stored."""
    return [
        *flags("client_clock", _client_clock(report, content)),
        *flags("same_figures", _same_figures(twin)),
        *flags("unlike_peers", _unlike_peers(report, content)),
    ]


def fingerprint_of(content: Content) -> str:
    """Digest of the digits of all exact figures, in whatever order and unit; empty where there are
    so few that two reports may have the same.
    """
    rows = [row for row in content.results if row.get("bound", "exact") == "exact"]
    digits = sorted(_digits(row) for row in rows if row["value"] > 0)
    free = sum(max(len(part) - 1, 0) for row in digits for part in row[1:])
    if free < FREE_DIGITS:
        return ""
    return hashlib.sha256(repr(digits).encode()).hexdigest()


def _digits(row: dict[str, Any]) -> tuple[str, ...]:
    measured = (row.get(name) for name in ("value", *_MEASURED))
    return row["test"], *(significant_digits(each) if each else "" for each in measured)


def _client_clock(report: RawReport, content: Content) -> Iterator[str]:
    """A report may be sent long after it was made, but not before."""
    if report.imported:
        return
    for run in content.runs:
        started = instant(run.started_at)
        if started is None:
            continue
        if started > report.received_at + CLOCK_AHEAD:
            ahead = (started - report.received_at) / timedelta(hours=1)
            yield (
                f"runs[{run.run_index}]: started {ahead:,.0f} hours after it was received: "
                + _SET_CLOCK
            )
            return
        if started.year < CLOCK_UNSET_YEAR:
            yield f"runs[{run.run_index}]: started in {started.year}: " + _SET_CLOCK
            return


def twins_of(contents: Sequence[tuple[RawReport, Content]]) -> list[Twin]:
    """The twin of each report, those that are stored together with it included."""
    prints = [fingerprint_of(content) for _, content in contents]
    oldest: dict[str, int] = dict(_oldest(sorted({each for each in prints if each})))
    named = RawReport.objects.filter(pk__in=oldest.values()).values_list("pk", "public_id")
    names = dict(named) if oldest else {}
    places: dict[str, tuple[float, str]] = {
        each: (number, names[number]) for each, number in oldest.items()
    }
    found = []
    for (report, _), fingerprint in zip(contents, prints, strict=True):
        # A report that has no key yet is newer than all that have one.
        number = math.inf if report.pk is None else report.pk
        first, public_id = places.get(fingerprint, (math.inf, ""))
        is_twin = bool(public_id) and (first < number or report.pk is None)
        found.append(Twin(fingerprint, public_id if is_twin else ""))
        if fingerprint and not is_twin:
            places[fingerprint] = (number, report.public_id)
    return found


def _same_figures(twin: Twin) -> Iterator[str]:
    """Another report holds the same figures to the last digit."""
    if twin.public_id:
        yield (
            f"report {twin.public_id} has the same figures to the last digit: if this is the same "
            "measurement, withdraw one of the two"
        )


def _unlike_peers(report: RawReport, content: Content) -> Iterator[str]:
    """Far from other machines with the same CPU, platform and recipe; needs 10 of them."""
    if report.imported:
        return
    runs: dict[str, list[NormalisedRun]] = defaultdict(list)
    for run in content.runs:
        if run.part == "figure" and run.value > 0 and run.bound == "exact":
            runs[digest_of(run.recipe)].append(run)
    system = next((run.system for found in runs.values() for run in found), None)
    if system is None or not system["cpu_model"]:
        return
    for digest, peers in _peers(report, list(runs), system).items():
        logs = [math.log(run.value) for run in runs[digest]]
        ratio = ratio_to_peers(statistics.fmean(logs), peers)
        if ratio is not None:
            first = runs[digest][0]
            yield (
                f"runs[{first.run_index}] and its repeats: {first.recipe['test']} is {ratio:,.3g} "
                f"times the mean of {len(peers)} other machines with this CPU and platform"
                f"{_slip(ratio)}: check the unit, and say in the notes what is special"
            )


def _peers(report: RawReport, digests: list[str], system: dict[str, Any]) -> dict[str, list[float]]:
    """Recipe digest → mean ln rate of each other machine of the stratum."""
    logs: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    stratum = (system[name] for name in _STRATUM)
    for digest, machine, mean_ln in _of_stratum(digests, report.machine_id, *stratum):
        logs[digest][machine].append(mean_ln)
    return {
        digest: [statistics.fmean(found) for found in machines.values()]
        for digest, machines in logs.items()
    }


def _cells_of_stratum(digests: list[str], without: int | None, *stratum: Any) -> Any:
    """The first PEERS_READ cells of machines of a stratum, `without` one machine."""
    cells = Cell.objects.exact().filter(
        recipe__digest__in=digests,
        machine__isnull=False,
        **{f"system__{name}": value for name, value in zip(_STRATUM, stratum, strict=True)},
    )
    if without:
        cells = cells.exclude(machine=without)
    return cells.values_list("recipe__digest", "machine_id", "mean_ln")[:PEERS_READ]


def _oldest_of(prints: list[str]) -> Any:
    """Each fingerprint with its first report that counts: many may have the same figures."""
    stored = Reading.objects.filter(fingerprint__in=prints, active=True)
    counted = stored.exclude(report__status=RawReport.Status.WITHDRAWN)
    return counted.values_list("fingerprint").annotate(Min("report_id"))


_of_stratum, _oldest = WrittenOnce(_cells_of_stratum), WrittenOnce(_oldest_of)


def _slip(ratio: float) -> str:
    """The slip of the unit that would explain the ratio."""
    factor = max(ratio, 1 / ratio)
    for slip, name in SLIPS.items():
        if abs(math.log(factor / slip)) < SLIP_MARGIN:
            return f", about {slip:g} either way: {name}?"
    return ""
