"""Rules that look at a normalised report and say what is odd about it. No Django.

A rule never drops anything: it flags, and the flag is shown with its reason. `mode` is log, flag,
hold or refuse; every rule starts as a flag. A rule gets the runs and the parsed report and yields
sentences that tell the sender what is wrong.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from submissions.normalise import Normalised
from submissions.parsing import Parsed

RATE_PER_STREAM_LIMIT = 250_000.0
IDENTICAL_RUNS = 3


@dataclass(frozen=True)
class Rule:
    name: str
    mode: str
    check: Callable[[Parsed, Normalised], Iterator[str]]


def _impossible_rate(parsed: Parsed, normalised: Normalised) -> Iterator[str]:
    """A single stream of connect, request, response, close has not been seen above this on any
    host.
    """
    for run in normalised.runs:
        limit = RATE_PER_STREAM_LIMIT * (run.recipe["streams"] or 1)
        if run.recipe["test"] == "TCP_CRR" and run.value > limit:
            yield (
                f"runs[{run.run_index}]: {run.value:,.0f} trans/s is more than {limit:,.0f}, "
                "which no host is known to reach with so many streams; is the unit right?"
            )


def _duplicated_runs(parsed: Parsed, normalised: Normalised) -> Iterator[str]:
    """Runs that agree to the last digit were copied, or are one run pasted again."""
    seen: dict[tuple[str, float], int] = defaultdict(int)
    for run in normalised.runs:
        if run.value > 0:
            seen[run.recipe["test"], run.value] += 1
    for (test, value), count in seen.items():
        if count >= IDENTICAL_RUNS:
            yield f"{count} runs of {test} give {value:,} to the last digit: one run, pasted again?"


RULES = (
    Rule("impossible_rate", "flag", _impossible_rate),
    Rule("duplicated_runs", "flag", _duplicated_runs),
)


def check(parsed: Parsed, normalised: Normalised) -> list[dict[str, str]]:
    """Flags: {"rule", "mode", "message"}."""
    return [
        {"rule": rule.name, "mode": rule.mode, "message": message}
        for rule in RULES
        for message in rule.check(parsed, normalised)
    ]
