"""Where a report's headline figure lies among those of the very same recipe: how they are spread,
and the nearest better one with what is different there.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from registry.evidence.comparability import Difference, compare
from registry.evidence.direction import HIGHER, better
from registry.models import Cell, RawReport, Recipe, Run, System
from registry.models.summary import CellQuerySet
from registry.standing import headline_recipe, voters

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
    cells = Cell.objects.exact().filter(recipe=recipe)
    return Neighbours(recipe.unit, _spread(recipe, mean), _better(report, cells, own[0], mean))


def _spread(recipe: Recipe, mean: float) -> tuple[Bin, ...]:
    """Every bin from the lowest figure to the highest, those that nobody is in too."""
    counts = voters(recipe.pk).by_bin(BINS_PER_E)
    own = math.floor(mean * BINS_PER_E)
    if not counts:
        return ()
    bins = range(min(own, *counts), max(own, *counts) + 1)
    return tuple(Bin(math.exp(b / BINS_PER_E), counts[b], b == own) for b in bins)


def _better(report: RawReport, cells: CellQuerySet, own: Run, mean: float) -> Neighbour | None:
    """Of the next better figures the one of the host that differs in the fewest things."""
    is_higher = better(own.recipe.unit) == HIGHER
    ahead = cells.filter(mean_ln__gt=mean) if is_higher else cells.filter(mean_ln__lt=mean)
    others = ahead.exclude(machine=report.machine_id) if report.machine_id else ahead
    shown = RawReport.objects.listed().filter(pk=OuterRef("last_report_id")).exclude(pk=report.pk)
    named = others.annotate(public_id=Subquery(shown.values("public_id"))).exclude(public_id=None)
    near = named.select_related("system").order_by("mean_ln" if is_higher else "-mean_ln")
    rows = [(_differs(own.system, cell.system), cell) for cell in near[:LOOKED_AT]]
    differs, cell = min(rows, key=lambda row: len(row[0]), default=((), None))
    if cell is None:
        return None
    ratio = math.exp(cell.mean_ln - mean)
    return Neighbour(cell.public_id, math.exp(cell.mean_ln), ratio, differs)


def _differs(here: System, there: System) -> tuple[Difference, ...]:
    return compare(({}, {}), (here.factors(), there.factors()), is_one_machine=False).factors
