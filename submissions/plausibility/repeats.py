"""Rules that hold the runs of one report beside each other. No Django."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from crr_submit.netperf import Result
from submissions.normalise import NormalisedRun
from submissions.plausibility.subject import (
    Subject,
    is_loopback,
    is_remote,
    significant_digits,
)

IDENTICAL_RUNS = 3
# Figures of fewer digits repeat by themselves: streams often, since a wire has one speed.
RATE_DIGITS, STREAM_DIGITS = 5, 7
RR_MARGIN = 1.05
SAME_MINUTE_S = 60.0
BOUNDS_READ = 50  # a plan has nine; each is held against each TCP_CRR
REPEATS = 4
REPEATS_SPREAD = 1.3
UNLIKE_FACTOR = 4.0
_ENDS = ("topology", "streams", "placement", "request_size_bytes", "response_size_bytes")


def duplicated_runs(subject: Subject) -> Iterator[str]:
    """Runs whose figures all agree to the last digit are one run, pasted again."""
    places: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for figure in subject.figures:
        needed = RATE_DIGITS if figure.is_rate else STREAM_DIGITS
        if len(significant_digits(figure.result.value)) >= needed:
            places[_measured(figure.result)].append(figure.place)
    for (test, value, *_), found in places.items():
        if len(found) >= IDENTICAL_RUNS:
            yield (
                f"{found[0]} and {len(found) - 1} more: {len(found)} runs of {test} give {value:,} "
                "to the last digit: one run, sent again? Send each run once"
            )


def _measured(result: Result) -> tuple[Any, ...]:
    return (
        result.test,
        result.value,
        result.elapsed_time_s,
        result.local_cpu_percent,
        result.local_service_demand_us,
        result.mean_latency_us,
        result.request_size_bytes,
    )


def unlike_its_repeats(subject: Subject) -> Iterator[str]:
    """One run of the client's plan far from its close repeats: a slip of the unit, or a mishap.

    Pasted results are not held to this, since people paste to show a difference.
    """
    if subject.envelope is None:
        return
    alike: dict[tuple[Any, ...], list[NormalisedRun]] = defaultdict(list)
    for run in subject.runs:
        if run.part == "figure" and run.value > 0:
            alike[tuple(run.recipe.values())].append(run)
    for runs in alike.values():
        if len(runs) > REPEATS:
            yield from _unlike(subject, runs)


def _unlike(subject: Subject, runs: list[NormalisedRun]) -> Iterator[str]:
    """Only the lowest and the highest can be far from others that agree."""
    ranked = sorted(runs, key=lambda run: run.value)
    for odd, others in ((ranked[0], ranked[1:]), (ranked[-1], ranked[:-1])):
        if others[-1].value > others[0].value * REPEATS_SPREAD:
            continue
        ratio = odd.value / median(run.value for run in others)
        if not 1 / UNLIKE_FACTOR < ratio < UNLIKE_FACTOR:
            yield (
                f"{subject.place_of(odd)}: {odd.value:,.2f} {odd.recipe['unit']} is {ratio:,.3g} "
                f"times the median of its {len(others)} repeats: was the unit another one, or did "
                "something else run?"
            )


def faster_than_request_response(subject: Subject) -> Iterator[str]:
    """P2: TCP_CRR does what TCP_RR does and connects as well. Only where measuring.md 9 lets it
    hold: off loopback, or on one CPU within a minute.
    """
    bounds = _of_test(subject, "TCP_RR")[:BOUNDS_READ]
    for run in _of_test(subject, "TCP_CRR") if bounds else ():
        rates = [bound.value for bound in bounds if _is_bound_by(run, bound)]
        if rates and run.value > max(rates) * RR_MARGIN:
            yield (
                f"{subject.place_of(run)}: {run.value:,.0f} trans/s of TCP_CRR are more than the "
                f"{max(rates):,.0f} of TCP_RR between the same ends, though each connects as "
                "well: were both run between the same ends?"
            )


def _of_test(subject: Subject, test: str) -> Sequence[NormalisedRun]:
    return [run for run in subject.runs if run.recipe["test"] == test]


def _is_bound_by(run: NormalisedRun, other: NormalisedRun) -> bool:
    if any(run.recipe[name] != other.recipe[name] for name in _ENDS):
        return False
    if "burst" in other.recipe["timing_options"] or run.system != other.system:
        return False
    if is_remote(run):
        return True
    on_one_cpu = is_loopback(run) and run.recipe["placement"] == "same_cpu"
    return on_one_cpu and _within_a_minute(run.started_at, other.started_at)


def _within_a_minute(one: str | None, other: str | None) -> bool:
    try:
        between = datetime.fromisoformat(one or "") - datetime.fromisoformat(other or "")
    except (ValueError, TypeError):  # no instant, or one with a zone and one without
        return False
    return abs(between.total_seconds()) <= SAME_MINUTE_S
