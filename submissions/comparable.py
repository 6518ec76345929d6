"""What a moderator sets a report's figures beside: published reports of the very same recipe, those
on the very same system first. Called by the admin; reads facts only.
"""

from dataclasses import dataclass

from django.db.models import Avg, Case, Count, Max, Min, QuerySet, Value, When

from registry.models import RawReport, Recipe, Run

RECIPES_SHOWN = 8
OTHERS_SHOWN = 12


@dataclass(frozen=True)
class Figure:
    """The runs of one report with one recipe: their mean, and how far they reach."""

    report_id: int
    public_id: str
    same_system: bool
    rate: float
    low: float
    high: float
    n_runs: int


@dataclass(frozen=True)
class Comparison:
    """One recipe of a report: its own figure and those beside it; `n_others` counts all."""

    recipe: Recipe
    own: Figure
    others: tuple[Figure, ...]
    n_others: int


def comparisons(report: RawReport) -> list[Comparison]:
    """The recipes with the most runs first; as many as a page can show."""
    own = Run.objects.filter(reading__report=report, reading__active=True, part=Run.Part.FIGURE)
    counts = own.values("recipe").annotate(n=Count("id")).order_by("-n", "recipe")[:RECIPES_SHOWN]
    recipes = Recipe.objects.in_bulk([row["recipe"] for row in counts])
    return [_comparison(report, recipe) for recipe in recipes.values()]


def _comparison(report: RawReport, recipe: Recipe) -> Comparison:
    runs = Run.objects.filter(recipe=recipe, part=Run.Part.FIGURE, reading__active=True)
    own = runs.filter(reading__report=report)
    systems = set(own.values_list("system_id", flat=True))
    listed = RawReport.objects.listed().exclude(pk=report.pk)
    others = runs.filter(reading__report__in=listed)
    return Comparison(
        recipe=recipe,
        own=_figures(own, systems)[0],
        others=tuple(_figures(others, systems)),
        n_others=others.aggregate(n=Count("reading__report", distinct=True))["n"],
    )


def _figures(runs: "QuerySet[Run]", systems: set[int]) -> list[Figure]:
    """One figure a report, as many as a page can show; the same system first, then the newest."""
    is_same = Case(When(system__in=systems, then=Value(1)), default=Value(0))
    rows = runs.values("reading__report_id", "reading__report__public_id").annotate(
        same=Max(is_same), rate=Avg("value"), low=Min("value"), high=Max("value"), n=Count("id")
    )
    return [
        Figure(
            report_id=row["reading__report_id"],
            public_id=row["reading__report__public_id"],
            same_system=bool(row["same"]),
            rate=row["rate"],
            low=row["low"],
            high=row["high"],
            n_runs=row["n"],
        )
        for row in rows.order_by("-same", "-reading__report_id")[:OTHERS_SHOWN]
    ]
