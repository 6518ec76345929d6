"""Which charts a change of facts concerns: those whose filters a recipe meets that changed, or
whose reports did.

A recipe knows the generation in which its figures changed last, a report's trail when it changed,
so nothing is lost with a message: what a hint would have marked, the sweep marks.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Max, Min

from charts.models import Chart, Drawing
from charts.params import ChartParams
from registry.models import Recipe, ReportEvent


def mark_changed() -> None:
    """Want every chart drawn anew that shows figures which changed since it was wanted last."""
    for chart in Chart.objects.filter(scope=""):  # saved before there were scopes
        Chart.objects.filter(pk=chart.pk).update(scope=ChartParams.from_dict(chart.params).scope)
    changed = list(Recipe.objects.exclude(generation=0))
    behind: dict[int, list[str]] = defaultdict(list)
    of_reports: dict[str, list[str]] = {}
    scopes = Chart.objects.order_by().values_list("scope").annotate(oldest=Min("wanted"))
    for scope, oldest in scopes:
        asked = json.loads(scope)
        if "reports" in asked:
            of_reports[scope] = asked["reports"]
            continue
        newest = max((each.generation for each in changed if _meets(each, asked)), default=0)
        if newest > oldest:
            behind[newest].append(scope)
    for generation, found in behind.items():
        Chart.objects.filter(scope__in=found).mark(generation)
    if of_reports:
        _mark_of_reports(of_reports)


def _meets(recipe: Recipe, asked: Mapping[str, Any]) -> bool:
    """Whether figures of the recipe may be in a chart of this scope."""
    if asked["tests"] and recipe.test not in asked["tests"]:
        return False
    return all(str(getattr(recipe, name)) == value for name, value in asked["recipe"].items())


def _mark_of_reports(scopes: Mapping[str, Sequence[str]]) -> None:
    """Charts of reports, by scope: marked once something happened to one of them after the drawing.
    A report's state is no figure, so no generation tells; and nothing else marks these charts.
    """
    named = {public_id for ids in scopes.values() for public_id in ids}
    events = ReportEvent.objects.filter(report__public_id__in=named).order_by()
    last = dict(events.values_list("report__public_id").annotate(at=Max("at")))
    drawings = Drawing.objects.filter(chart__scope__in=scopes)
    old = [
        chart
        for chart, scope, drawn_at in drawings.values_list("chart", "chart__scope", "drawn_at")
        if any(last.get(public_id, drawn_at) > drawn_at for public_id in scopes[scope])
    ]
    Chart.objects.filter(pk__in=old).want_again()
