"""Rules about time: how long a run took, by netperf, by its command and by the client's clock. No
Django.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from submissions.plausibility.subject import CONNECTION_TESTS, Figure, Subject, is_remote

SHARE_OFF = 0.2  # evidence.md 2 (6): elapsed against -l
SLOW_END_S = 2.0  # the last answer of a slow path is waited for
CLOCK_STEP_S = 1.5  # the clock's instants are whole seconds
# netserver waits 4 s at the end of a run; starting and stopping many streams takes longer.
WALL_FACTOR, WALL_MARGIN_S = 10.0, 60.0
# netperf 2.4 walks through the ports 5000 to 65535 and a closed connection keeps its port for 60 s.
CLIENT_PORTS = 60_536
TIME_WAIT_S = 60.0


def elapsed_time(subject: Subject) -> Iterator[str]:
    """Elapsed against -l. `-l -N` counts transactions and `-i` repeats: both are exempt."""
    for figure in subject.figures:
        elapsed_s, asked_s = figure.result.elapsed_time_s, figure.command.asked.duration_s
        if not elapsed_s or not asked_s or "confidence" in figure.command.timing:
            continue
        is_short = elapsed_s < asked_s * (1 - SHARE_OFF) and not figure.settings.get("partial")
        # A stream waits until the far end has taken all that was sent.
        is_long = figure.is_rate and elapsed_s > asked_s * (1 + SHARE_OFF) + SLOW_END_S
        if is_short or is_long:
            yield (
                f"{figure.place}: it took {elapsed_s:g} s, and its command asked for {asked_s:g} "
                "with -l: send the output with the command that made it"
            )


def transaction_count(subject: Subject) -> Iterator[str]:
    """In count mode rate x elapsed is the count that `-l -N` asked for."""
    for figure in subject.figures:
        asked, elapsed_s = figure.command.asked.transactions, figure.result.elapsed_time_s
        if not asked or not elapsed_s or not figure.is_rate:
            continue
        made = figure.result.value * elapsed_s
        if not 1 - SHARE_OFF < made / asked < 1 + SHARE_OFF:
            yield (
                f"{figure.place}: {figure.result.value:,.2f} trans/s in {elapsed_s:g} s are "
                f"{made:,.0f} transactions, and its command asked for {asked:,}: check the unit "
                "of the rate and of the time"
            )


def wall_clock(subject: Subject) -> Iterator[str]:
    """Started and ended against what netperf says it took."""
    for index, run in enumerate(subject.parsed.runs):
        seconds = _wall_s(run.settings)
        elapsed = [
            result.elapsed_time_s
            for output in run.outputs
            for result in output.results
            if result.elapsed_time_s is not None
        ]
        if seconds is None or not elapsed or run.settings.get("partial"):
            continue
        is_repeated = "-i" in (run.settings.get("command") or "").lower()
        longest_s = max(elapsed)
        if seconds < longest_s - CLOCK_STEP_S:
            yield (
                f"runs[{index}]: netperf measured for {longest_s:g} s, but the run ended "
                f"{seconds:g} s after its start: the times belong to another run, or the clock "
                "was set meanwhile"
            )
        elif seconds > longest_s * WALL_FACTOR + WALL_MARGIN_S and not is_repeated:
            yield (
                f"runs[{index}]: netperf measured for {longest_s:g} s, but the run ended "
                f"{seconds:g} s after its start: is the elapsed time in seconds?"
            )


def _wall_s(settings: Mapping[str, Any]) -> float | None:
    started, ended = (instant(settings.get(name)) for name in ("started_at", "ended_at"))
    if started is None or ended is None:
        return None
    return (ended - started).total_seconds()


def instant(text: str | None) -> datetime | None:
    """The instant, with its zone; None for text that is none."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None


def time_wait(subject: Subject) -> Iterator[str]:
    """netperf 2.4 leaves TIME_WAIT on its own ports, so a remote run cannot go on above about
    1,000 a second. Later versions and loopback are exempt (measuring.md 5).
    """
    for figure in subject.figures:
        if not _leaves_time_wait(figure):
            continue
        window_s = min(figure.result.elapsed_time_s or 0.0, TIME_WAIT_S)
        opened = figure.result.value * window_s
        if opened > CLIENT_PORTS:
            yield (
                f"{figure.place}: {opened:,.0f} connections in {window_s:g} s, but netperf 2.4 "
                f"has {CLIENT_PORTS:,} ports and each rests for {TIME_WAIT_S:g} s after use: say "
                "in the notes how it was set up, or measure with netperf 2.7"
            )


def _leaves_time_wait(figure: Figure) -> bool:
    recipe = figure.run.recipe
    is_old = recipe["netperf_generation"] == "bsd"
    return is_old and recipe["test"] in CONNECTION_TESTS and is_remote(figure.run)
