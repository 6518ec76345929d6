"""Rules about one rate: more than any host does, or at odds with the latency printed beside it. No
Django.
"""

from collections.abc import Iterator
from itertools import pairwise

from submissions.normalise import NormalisedRun
from submissions.plausibility.subject import (
    CONNECTION_TESTS,
    TRANSACTIONS,
    Figure,
    Subject,
    is_loopback,
    is_remote,
)

# evidence.md 2 (6) P4: no single stream, and no core, has been seen to make more connections.
CONNECTIONS_PER_STREAM = 250_000.0
CONNECTIONS_PER_CORE = 150_000.0
TRANSACTIONS_PER_STREAM = 2_000_000.0
TRANSACTIONS_PER_BURST = 50_000_000.0
BITS_PER_STREAM = 2e12
# Each connection takes a handshake, then a request and its response: two round trips. P1's margin.
ROUND_TRIPS = 2
ROUND_TRIP_MARGIN = 1.25
ROUND_TRIPS_KNOWN = 10
ROUND_TRIPS_KNOWN_ON_ONE_CPU = 1_000
# With one transaction in the air, rate x mean latency is one second; netperf's own work between
# two transactions is not part of the latency.
LATENCY_SHARE = (0.5, 1.25)
ORDER_MARGIN = 1.25  # percentiles come from histogram buckets, the extremes do not
CHECK_UNIT = "check the unit and the decimal point of the text that was sent"


def impossible_rate(subject: Subject) -> Iterator[str]:
    """P4 for connections; for other tests a limit that only a slip of the unit can pass."""
    for run in subject.runs:
        limit, why = _limit(run)
        if run.value > limit:
            unit = run.recipe["unit"]
            yield (
                f"{subject.place_of(run)}: {run.value:,.0f} {unit} of {run.recipe['test']} is more "
                f"than {limit:,.0f}, which no host is known to reach {why}: {CHECK_UNIT}"
            )


def _limit(run: NormalisedRun) -> tuple[float, str]:
    streams = run.recipe["streams"] or 1
    why = f"with {streams} stream{'s' if streams > 1 else ''}"
    if run.recipe["unit"] != TRANSACTIONS:
        return BITS_PER_STREAM * streams, why
    if run.recipe["test"] not in CONNECTION_TESTS:
        is_burst = "burst" in run.recipe["timing_options"] or not run.sources
        alone = TRANSACTIONS_PER_BURST if is_burst else TRANSACTIONS_PER_STREAM
        return alone * streams, why
    cores = _cores(run)
    if cores is None or CONNECTIONS_PER_CORE * cores > CONNECTIONS_PER_STREAM * streams:
        return CONNECTIONS_PER_STREAM * streams, why
    return CONNECTIONS_PER_CORE * cores, f"on {cores:g} busy CPU{'s' if cores != 1 else ''}"


def _cores(run: NormalisedRun) -> float | None:
    """CPUs that did the work of both ends, where the whole work was done on this host."""
    if not is_loopback(run):
        return None
    busy = [cpu.get("busy_percent") for cpu in (run.telemetry or {}).get("cpu") or []]
    known = [percent for percent in busy if percent is not None]
    if known and len(known) == len(busy):
        return max(round(sum(known) / 100, 1), 0.1)
    if run.recipe["placement"] == "same_cpu" and run.recipe["streams"] == 1:
        return 1.0
    cpus: int | None = run.system["cpus"]
    return float(cpus) if cpus else None


def payload_rate(subject: Subject) -> Iterator[str]:
    """The requests and responses alone would need a wire that there is not."""
    for figure in subject.figures:
        result = figure.result
        sizes = (result.request_size_bytes, result.response_size_bytes)
        bits_per_s = result.value * 8 * max(size or 0 for size in sizes)
        if figure.is_rate and bits_per_s > BITS_PER_STREAM:
            yield (
                f"{figure.place}: {result.value:,.0f} trans/s of {max(filter(None, sizes)):,} "
                f"bytes are {bits_per_s / 1e12:,.1f} Tbit/s in one direction: check the unit of "
                "the rate and of the sizes"
            )


def latency_and_rate(subject: Subject) -> Iterator[str]:
    """Little's law: rate x mean latency = transactions in the air, 1 and what -b adds."""
    for figure in subject.figures:
        mean_us = figure.result.mean_latency_us
        if not (figure.is_rate and mean_us and figure.result.value):
            continue
        low, high = LATENCY_SHARE
        in_the_air = figure.result.value * mean_us / 1e6
        if in_the_air < low or (_knows_burst(figure) and in_the_air > high * _most(figure)):
            yield (
                f"{figure.place}: {figure.result.value:,.2f} trans/s and a mean latency of "
                f"{mean_us:,.2f} us are {in_the_air:,.3g} transactions at a time, netperf kept "
                f"{_most(figure)}: one of the two figures has another unit or another run"
            )


def _knows_burst(figure: Figure) -> bool:
    return figure.command.asked.is_shown or figure.result.test in CONNECTION_TESTS


def _most(figure: Figure) -> int:
    return 1 + (figure.command.asked.burst or 0)


def latency_order(subject: Subject) -> Iterator[str]:
    """Minimum, percentiles and maximum rise."""
    for figure in subject.figures:
        result = figure.result
        named = (
            ("minimum", result.min_latency_us),
            ("50th percentile", result.p50_latency_us),
            ("90th percentile", result.p90_latency_us),
            ("99th percentile", result.p99_latency_us),
            ("maximum", result.max_latency_us),
        )
        known = [(name, value) for name, value in named if value is not None]
        for (low_name, low), (high_name, high) in pairwise(known):
            if low > high * ORDER_MARGIN:
                yield (
                    f"{figure.place}: the {low_name} of the latency, {low:,.2f} us, is above the "
                    f"{high_name}, {high:,.2f} us: one of them belongs to another run or unit"
                )


def round_trip(subject: Subject) -> Iterator[str]:
    """P1, where measuring.md 9 lets it hold: off loopback, or on one CPU with enough samples."""
    for run in subject.runs:
        times_us = (run.telemetry or {}).get("connect_times_us") or []
        on_one_cpu = run.recipe["placement"] == "same_cpu"
        needed = ROUND_TRIPS_KNOWN if is_remote(run) else ROUND_TRIPS_KNOWN_ON_ONE_CPU
        may_hold = is_remote(run) or (is_loopback(run) and on_one_cpu)
        is_asked = may_hold and run.recipe["test"] == "TCP_CRR" and len(times_us) >= needed
        fastest_us = min(times_us) if is_asked else 0
        if not fastest_us:
            continue
        streams = run.recipe["streams"] or 1
        limit = ROUND_TRIP_MARGIN * streams * 1e6 / (ROUND_TRIPS * fastest_us)
        if run.value > limit:
            yield (
                f"{subject.place_of(run)}: {run.value:,.0f} trans/s with {streams} streams, but a "
                f"connect took {fastest_us:,.1f} us or more, which leaves {limit:,.0f}: was the "
                "far end the same one in both measurements?"
            )
