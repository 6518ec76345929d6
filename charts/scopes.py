"""Which charts a change of facts concerns: those whose filters a recipe meets that changed, or
whose reports did.

Recipes and readings know the generation in which their figures changed last, so nothing is lost
with a message: what a hint would have marked, the sweep marks.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import F, Max, Min

from charts.models import Chart
from charts.params import ChartParams
from registry.models import Reading, Recipe


def mark_changed() -> list[int]:
    """Want every chart drawn anew that shows figures which changed since it was wanted last.
    Returns those that were fresh until now.
    """
    for chart in Chart.objects.filter(scope=""):  # saved before there were scopes
        Chart.objects.filter(pk=chart.pk).update(scope=ChartParams.from_dict(chart.params).scope)
    scopes = Chart.objects.order_by().values_list("scope").annotate(oldest=Min("wanted"))
    asked = {scope: (json.loads(scope), oldest) for scope, oldest in scopes}
    recipes = list(Recipe.objects.exclude(generation=0))
    reports = _changed_reports({name for of, _ in asked.values() for name in of.get("reports", ())})
    behind: dict[int, list[str]] = defaultdict(list)
    for scope, (of, oldest) in asked.items():
        if "reports" in of:
            found = [reports.get(public_id, 0) for public_id in of["reports"]]
        else:
            found = [recipe.generation for recipe in recipes if _meets(recipe, of)]
        newest = max(found, default=0)
        if newest > oldest:
            behind[newest].append(scope)
    fresh: list[int] = []
    for generation, late in behind.items():
        charts = Chart.objects.filter(scope__in=late)
        fresh += charts.filter(wanted__lt=generation, drawn__gte=F("wanted")).values_list(
            "pk", flat=True
        )
        charts.mark(generation)
    return fresh


def _meets(recipe: Recipe, asked: Mapping[str, Any]) -> bool:
    """Whether figures of the recipe may be in a chart of this scope."""
    if asked["tests"] and recipe.test not in asked["tests"]:
        return False
    return all(str(getattr(recipe, name)) == value for name, value in asked["recipe"].items())


def _changed_reports(public_ids: set[str]) -> dict[str, int]:
    """The generation in which each of these reports changed figures last."""
    if not public_ids:
        return {}
    readings = Reading.objects.filter(report__public_id__in=public_ids).order_by()
    return dict(readings.values_list("report__public_id").annotate(newest=Max("generation")))
