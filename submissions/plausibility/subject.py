"""What a rule looks at: one report, figure by figure, each with its place and what is known around
it. No Django.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crr_submit.netperf import Result
from submissions.command import Command
from submissions.normalise import Normalised, NormalisedRun
from submissions.parsing import Parsed

CONNECTION_TESTS = ("TCP_CRR", "TCP_CC")
REMOTE = ("same_lan", "same_zone", "cross_zone", "wan")
TRANSACTIONS = "trans/s"


@dataclass(frozen=True)
class Figure:
    """One result, the run it belongs to and the envelope's settings of that run, {} for raw text.

    `place` is where the sender finds it: `runs[2].outputs[0] line 7`, or `line 7` in raw text.
    """

    place: str
    result: Result
    command: Command
    run: NormalisedRun
    settings: Mapping[str, Any]

    @property
    def is_rate(self) -> bool:
        return self.result.unit == TRANSACTIONS


@dataclass(frozen=True)
class Subject:
    """One report. `envelope` is the redacted one, None for raw text."""

    parsed: Parsed
    normalised: Normalised
    envelope: Mapping[str, Any] | None

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(self._figures())

    @property
    def runs(self) -> tuple[NormalisedRun, ...]:
        return self.normalised.runs

    def _figures(self) -> Iterator[Figure]:
        for run in self.normalised.runs:
            settings = self.parsed.runs[run.run_index].settings
            for source in run.sources:
                place = f"line {source.result.line}"
                if self.envelope is not None:
                    place = f"runs[{run.run_index}].outputs[{source.output_index}] {place}"
                yield Figure(place, source.result, source.surroundings.command, run, settings)

    def settings_of(self, run: NormalisedRun) -> Mapping[str, Any]:
        return self.parsed.runs[run.run_index].settings

    def place_of(self, run: NormalisedRun) -> str:
        """Where a run stands; in raw text each result is a run of its own."""
        if self.envelope is not None:
            return f"runs[{run.run_index}]"
        return f"line {run.sources[0].result.line}"


def is_loopback(run: NormalisedRun) -> bool:
    return run.recipe["topology"] == "loopback"


def is_remote(run: NormalisedRun) -> bool:
    """The far end is known to be another machine; unknown is not remote."""
    return run.recipe["topology"] in REMOTE


def significant_digits(value: float) -> str:
    """The digits of a figure without its magnitude: 23456.70, 2345.67 and 234567 are alike."""
    return f"{value:.12g}".partition("e")[0].replace(".", "").strip("0")
