"""Where a report's headline figure lies among those of the very same recipe: how they are spread,
and the nearest better one with what is different there.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import OuterRef, Subquery

from registry.evidence.comparability import Difference, compare
from registry.evidence.direction import HIGHER, better
from registry.models import Cell, RawReport, Recipe, Run
from registry.models.written_once import WrittenOnce
from registry.standing import headline_recipe, voters
from registry.vocabulary.factors import SYSTEM_FACTORS

BINS_PER_E = 10  # a bin is 10 % wide
LOOKED_AT = 50  # the next better figures, among which the host that differs least is chosen


@dataclass(frozen=True)
class Bin:
    """Figures from `low` up to a tenth more, and how many hosts have one there."""

    low: float
    count: int
    is_own: bool


@dataclass(frozen=True)
class Neighbour:
    """The report of a better host, its rate over one's own, and what differs from here to there."""

    public_id: str
    rate: float
    ratio: float
    differs: tuple[Difference, ...]


@dataclass(frozen=True)
class Neighbours:
    """`unit` is of all rates; `better` is None where no host of the recipe is."""

    unit: str
    spread: tuple[Bin, ...]
    better: Neighbour | None


def neighbours(report: RawReport, figures: Iterable[Run]) -> Neighbours | None:
    """None for a report without a figure that is ranked."""
    runs = list(figures)
    recipe = headline_recipe(runs)
    own = [run for run in runs if run.recipe == recipe and run.value > 0]
    if recipe is None or not own:
        return None
    mean = math.fsum(math.log(run.value) for run in own) / len(own)
    return Neighbours(recipe.unit, _spread(recipe, mean), _better(report, own[0], mean))


def _spread(recipe: Recipe, mean: float) -> tuple[Bin, ...]:
    """Every bin from the lowest figure to the highest, those that nobody is in too."""
    counts = voters(recipe.pk).by_bin(BINS_PER_E)
    own = math.floor(mean * BINS_PER_E)
    if not counts:
        return ()
    bins = range(min(own, *counts), max(own, *counts) + 1)
    return tuple(Bin(math.exp(b / BINS_PER_E), counts[b], b == own) for b in bins)


def _better(report: RawReport, own: Run, mean: float) -> Neighbour | None:
    """Of the next better figures the one of the host that differs in the fewest things."""
    query = _higher if better(own.recipe.unit) == HIGHER else _lower
    here = own.system.factors()
    best: Neighbour | None = None
    for public_id, mean_ln, settings, *values in query(
        own.recipe_id, mean, report.machine_id, report.pk
    ):
        there = dict(zip(SYSTEM_FACTORS, values, strict=True)) | settings
        differs = compare(({}, {}), (here, there), is_one_machine=False).factors
        if best is None or len(differs) < len(best.differs):
            best = Neighbour(public_id, math.exp(mean_ln), math.exp(mean_ln - mean), differs)
    return best


def _ahead(way: str, recipe: int, mean: float, but_machine: int | None, but_report: int) -> Any:
    """The LOOKED_AT next figures `way`, which is gt or lt: the report's name, ln of its rate, its
    settings and other factors.
    """
    cells = Cell.objects.exact().filter(recipe=recipe, **{f"mean_ln__{way}": mean})
    others = cells.exclude(machine=but_machine) if but_machine else cells
    shown = RawReport.objects.listed().filter(pk=OuterRef("last_report_id")).exclude(pk=but_report)
    named = others.annotate(public_id=Subquery(shown.values("public_id"))).exclude(public_id=None)
    near = named.order_by("mean_ln" if way == "gt" else "-mean_ln")
    factors = (f"system__{name}" for name in SYSTEM_FACTORS)
    return near.values_list("public_id", "mean_ln", "system__settings", *factors)[:LOOKED_AT]


_higher, _lower = WrittenOnce(partial(_ahead, "gt")), WrittenOnce(partial(_ahead, "lt"))
