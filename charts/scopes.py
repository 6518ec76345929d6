"""Which charts a change of facts concerns: those whose filters a recipe meets that changed, or
whose reports did.

A recipe knows the generation in which its figures changed last, a report's trail when it changed,
so nothing is lost with a message: what a hint would have marked, the sweep marks.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Max

from charts.models import Chart, Drawing
from registry.models import Recipe, ReportEvent


def mark_changed() -> None:
    """Want every chart drawn anew that shows figures which changed since it was wanted last."""
    changed = list(Recipe.objects.exclude(generation=0))
    for scope in Chart.objects.order_by().values_list("scope", flat=True).distinct():
        asked = json.loads(scope)
        if "reports" in asked:
            _mark_of_reports(scope, asked["reports"])
            continue
        newest = max((each.generation for each in changed if _meets(each, asked)), default=0)
        Chart.objects.filter(scope=scope).mark(newest)


def _meets(recipe: Recipe, asked: Mapping[str, Any]) -> bool:
    """Whether figures of the recipe may be in a chart of this scope."""
    if asked["tests"] and recipe.test not in asked["tests"]:
        return False
    return all(str(getattr(recipe, name)) == value for name, value in asked["recipe"].items())


def _mark_of_reports(scope: str, public_ids: Iterable[str]) -> None:
    """Marked once something happened to a report after the drawing: its state is no figure, so no
    generation tells. Nothing else marks these charts.
    """
    last = ReportEvent.objects.filter(report__public_id__in=public_ids).aggregate(at=Max("at"))
    if last["at"] is None:
        return
    old = Drawing.objects.filter(chart__scope=scope, drawn_at__lt=last["at"]).values("chart")
    Chart.objects.filter(pk__in=old).want_again()
