"""A finished paired experiment: as the report has it, and in words for the one who ran it.

Called by `crr_submit.tune`. One host gives a ratio and an interval, never a verdict.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from crr_submit import envelope, paired, summary
from crr_submit.factors import PLACEMENT, TOPOLOGY, WORKLOAD, Trial
from crr_submit.paired import Effect, Ratio
from crr_submit.programs import CannotMeasure

# Not in a home: a folder that root makes there would be closed to its owner.
TRIED = "/run/crr-submit.tried"


@dataclass(frozen=True)
class Result:
    """A finished experiment: every run with the pilot's before them, which `first` leaves out."""

    trial: Trial
    orders: Tuple[str, ...]
    runs: Tuple[Dict[str, Any], ...]
    first: int
    conntrack_active: bool

    @property
    def rates(self) -> List[float]:
        return [rate_of(run) for run in self.runs[self.first :]]

    @property
    def row(self) -> Dict[str, Any]:
        """As the report has it: A is the first arm."""
        letters = "".join(self.orders)
        rows = [
            {
                "value": value,
                "runs": [self.first + n for n, arm in enumerate(letters) if arm == letter],
            }
            for letter, value in zip("AB", self.trial.values)
        ]
        return {"factor": self.trial.factor, "blocks": list(self.orders), "arms": rows}


def rate_of(run: Dict[str, Any]) -> float:
    """Raises CannotMeasure when netperf printed none."""
    rate = summary.transaction_rate(run)
    if not rate:
        raise CannotMeasure("netperf printed no rate: %s" % " / ".join(run["outputs"])[-200:])
    return rate


def lines(result: Result, n_factors: int) -> Iterator[str]:
    """The result for people: every block, the ratio, and how far it can be trusted."""
    effect = paired.effect(result.orders, result.rates)
    first, second = result.trial.values
    yield "%s: %s (B) over %s (A)" % (result.trial.factor, second, first)
    yield "%s over %s, %s, transactions a second:" % (WORKLOAD, TOPOLOGY, PLACEMENT)
    yield from _block_rows(result, effect)
    yield "Ratio B/A:              %s, %d blocks" % (_shown(effect.overall), len(effect.blocks))
    yield "Smallest to be seen:    %.1f %%, in 4 of 5 such experiments" % (
        100 * (effect.smallest_visible - 1)
    )
    yield "Carry-over:             %s, first over second of %d pairs of AA or BB" % (
        _shown(effect.carry_over),
        effect.carry_over.count,
    )
    text = "One host; factors tried on it since its start: %d. Of many, some differ by chance."
    yield text % n_factors


def count_tried(factor: str) -> int:
    """How many factors were tried on this host since it was started, with this one; where the list
    cannot be kept, this one alone.
    """
    tried = {factor}
    with contextlib.suppress(OSError):
        if Path(TRIED).exists():
            tried.update(Path(TRIED).read_text(encoding="ascii", errors="replace").split())
        envelope.save(TRIED, "".join(name + "\n" for name in sorted(tried)).encode("ascii"))
    return len(tried)


def _block_rows(result: Result, effect: Effect) -> Iterator[str]:
    yield "  block  order          A          B     B/A"
    rates = result.rates
    for number, (order, ratio) in enumerate(zip(result.orders, effect.blocks)):
        block = rates[4 * number : 4 * number + 4]
        means = [sum(r for r, arm in zip(block, order) if arm == letter) / 2 for letter in "AB"]
        shown = ["{:,.0f}".format(mean) for mean in means]
        yield "  %5d  %s  %10s %10s  %6.3f" % (number + 1, order, shown[0], shown[1], ratio)


def _shown(ratio: Ratio) -> str:
    return "%.3f (95 %% interval %.3f to %.3f)" % (ratio.value, ratio.low, ratio.high)
