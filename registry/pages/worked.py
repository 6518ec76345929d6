"""Worked examples of the page of methods, made from what the registry holds now: every step of one
row of the leaderboard, and of one platform's cost.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from registry import costs, leaderboard
from registry.evidence.groups import Row
from registry.pages import words
from registry.pages.costs import Line, line
from registry.pages.numbers import figure

MOST_MACHINES = 12  # whose figures can be read one by one


@dataclass(frozen=True)
class WorkedRow:
    """From the rates of the machines to the interval: `mean` and `deviation` are of their natural
    logarithms, `factor` is e to half the interval's width on them.
    """

    name: str
    address: str
    rates: tuple[str, ...]
    mean: str
    deviation: str
    rate: str
    low: str
    high: str
    factor: str


@dataclass(frozen=True)
class Worked:
    """None where the registry holds nothing yet that a step could be shown of."""

    row: WorkedRow | None
    cost: Line | None


def worked() -> Worked:
    query = leaderboard.ask({})
    ranked = [
        (board, row) for board in leaderboard.boards(query) for row in board.rows if row.ranked
    ]
    board, row = min(ranked, key=lambda each: len(each[1].group.host_logs), default=(None, None))
    told = (cost for cost in costs.find(costs.ask({})).rows if cost.strata and cost.found)
    first = next(told, None)
    is_short = row is not None and len(row.group.host_logs) <= MOST_MACHINES
    return Worked(
        row=_row(leaderboard.group_name(query, row.group), row, board.recipe["unit"])
        if row and board and is_short
        else None,
        cost=line(first) if first else None,
    )


def _row(name: Mapping[str, str | None], row: Row, unit: str) -> WorkedRow:
    logs, found = row.group.host_logs, row.group.estimate
    assert found.ci_low is not None  # three machines or more
    assert found.ci_high is not None
    known = {factor: value for factor, value in name.items() if value is not None}
    return WorkedRow(
        name=words.group(known),
        address=f"/leaderboard/?{urlencode(known)}",
        rates=tuple(figure(math.exp(log), unit) for log in sorted(logs)),
        mean=f"{statistics.fmean(logs):.4f}",
        deviation=f"{statistics.stdev(logs):.4f}",
        rate=figure(found.rate, unit),
        low=figure(found.ci_low, unit),
        high=figure(found.ci_high, unit),
        factor=f"{found.ci_high / found.rate:.3f}",
    )
