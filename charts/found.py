"""What was found in the facts for a chart, before it is decided what of it is drawn: plain data
that `charts.data` and its neighbours fill and `charts.build` reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RATIO_UNIT = "ratio"  # of a panel of ratios beside panels of rates


@dataclass(frozen=True)
class Value:
    """One figure of one row: rate and interval in the test's unit, `host_rates` one a host. A ratio
    has no runs of its own, the load of a CPU no machines. `prediction` is where the figure of
    another host is expected, at 95 %. `spread_percent` is that of runs; of hosts it is found.
    """

    rate: float
    ci_low: float | None = None
    ci_high: float | None = None
    host_rates: tuple[float, ...] = ()
    n_runs: int | None = None
    n_machines: int | None = None
    n_submitters: int | None = None
    bound: str = "exact"
    text: str = ""  # beside the mark; empty for three digits of the rate
    prediction: tuple[float, float] | None = None
    spread_percent: float | None = None


@dataclass(frozen=True)
class FoundRow:
    """One group of one recipe, as the facts have it: `recipe` in words, `recipe_key` what it is
    compared by. `order` sorts it on the axis, `recency` says how new it is.
    """

    label: str
    recipe: str
    family: str
    imported: bool
    order: tuple[Any, ...]
    recency: int
    values: Mapping[str, Value]
    usual: bool = True  # False for a row whose recipe is not the one most hosts used
    group: str = ""  # ties rows together; empty for the first word of the label
    recipe_key: tuple[Any, ...] = ()


@dataclass(frozen=True)
class ChartData:
    """Everything that was found. `units` by test, or by what else the panels are, in their order;
    `generation` is the oldest of the facts that it was found in,
    `left_out` counts groups of other recipes that were not chosen, `withdrawn` reports that were in
    it and are not any more, `hidden` groups that found no room. `remarks` are notes of its own,
    `differs` says in what the rows differ, `repeats` are commands that measure the same again.
    """

    rows: Sequence[FoundRow]
    units: Mapping[str, str]
    title: str
    subtitle: str
    address: str
    date: str
    generation: int
    left_out: int = 0
    withdrawn: int = 0
    unranked: int = 0
    hidden: int = 0
    panels: tuple[str, ...] = ()  # empty for the tests of the parameters
    remarks: tuple[str, ...] = ()
    differs: str = ""
    repeats: tuple[str, ...] = ()
