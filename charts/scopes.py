"""Which charts a change of facts concerns: those whose filters a recipe meets that changed, or
whose reports did.

Recipes and readings know the generation in which their figures changed last, so nothing is lost
with a message: what a hint would have marked, the sweep marks. Up to which generation charts are
marked is a row (`Marked`), so only what changed since is looked at.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import F, Max, Min

from charts.models import Chart, Marked
from charts.params import ChartParams
from registry.models import Generation, Reading, Recipe
from registry.vocabulary.factors import RECIPE_FACTORS

Load = Mapping[str, Any]  # RECIPE_FACTORS of a recipe


def mark_changed() -> list[int]:
    """Want every chart drawn anew that shows figures which changed since it was wanted last.
    Returns those that were fresh until now.
    """
    generation = Generation.current()  # first: what changes meanwhile, the next call looks at
    since = 0 if _learn_scopes() else Marked.up_to()
    if since == generation:
        return []
    scopes = Chart.objects.order_by().values_list("scope").annotate(oldest=Min("wanted"))
    asked = {scope: (json.loads(scope), oldest) for scope, oldest in scopes}
    loads = _changed_loads(since)
    reports = _changed_reports(
        {name for of, _ in asked.values() for name in of.get("reports", ())}, since
    )
    behind: dict[int, list[str]] = defaultdict(list)
    for scope, (of, oldest) in asked.items():
        if "reports" in of:
            found = [reports.get(public_id, 0) for public_id in of["reports"]]
        else:
            found = [changed for load, changed in loads if _meets(load, of)]
        newest = max(found, default=0)
        if newest > oldest:
            behind[newest].append(scope)
    fresh: list[int] = []
    for newest, late in behind.items():
        charts = Chart.objects.filter(scope__in=late)
        fresh += charts.filter(wanted__lt=newest, drawn__gte=F("wanted")).values_list(
            "pk", flat=True
        )
        charts.mark(newest)
    Marked.note(generation)
    return fresh


def _learn_scopes() -> bool:
    """Give their scope to charts that were saved before there were scopes; whether any was."""
    charts = list(Chart.objects.filter(scope=""))
    for chart in charts:
        Chart.objects.filter(pk=chart.pk).update(scope=ChartParams.from_dict(chart.params).scope)
    return bool(charts)


def _changed_loads(since: int) -> list[tuple[Load, int]]:
    """What recipes that changed after `since` are chosen by, each with its newest generation. Read
    in their order: SQLite, asked for the newest of each, would look at every recipe.
    """
    changed = Recipe.objects.filter(generation__gt=since).order_by("generation")
    rows = changed.values_list(*RECIPE_FACTORS, "generation").iterator()
    newest = {tuple(load): generation for *load, generation in rows}
    return [
        (dict(zip(RECIPE_FACTORS, load, strict=True)), generation)
        for load, generation in newest.items()
    ]


def _meets(load: Load, asked: Mapping[str, Any]) -> bool:
    """Whether figures of a recipe with these factors may be in a chart of this scope."""
    if asked["tests"] and load["test"] not in asked["tests"]:
        return False
    return all(str(load[name]) == value for name, value in asked["recipe"].items())


def _changed_reports(public_ids: set[str], since: int) -> dict[str, int]:
    """The newest generation after `since` in which each of these reports changed figures."""
    if not public_ids:
        return {}
    changed = Reading.objects.filter(report__public_id__in=public_ids, generation__gt=since)
    readings = changed.order_by()
    return dict(readings.values_list("report__public_id").annotate(newest=Max("generation")))
