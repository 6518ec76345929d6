"""The list of reports, newest first: all of them, or those with a figure of what is asked. Its
address is the whole question.
"""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from registry import leaderboard
from registry.models import RawReport, Run
from registry.models.identity import PUBLIC_ID
from registry.pages import words
from registry.pages.factor_fields import facets, is_narrowed
from registry.pages.headlines import headlines_before
from registry.refusal import Refused
from registry.vocabulary.factors import RECIPE_FACTORS, canonical


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """A form sends what is left empty too: its address is redirected to the one without."""
    given = request.GET.dict().items()
    params = {name: value for name, value in given if value != "" or name == "before"}
    if params != request.GET.dict():
        return redirect(f"{request.path}?{urlencode(params)}" if params else request.path)
    before = params.pop("before", None)
    context: dict[str, Any] = {
        "facets": facets(params),
        "is_narrowed": is_narrowed(params),
        "only": [
            (words.FACTORS.get(canonical(n), n), words.factor(n, v)) for n, v in params.items()
        ],
        "address": urlencode(params),
        "before": before,
    }
    try:
        query = ask(params)
    except Refused as refused:
        context["faults"] = refused.details
        return render(request, "registry/reports.html", context, status=refused.status)
    after = _cursor(before) if before is not None else None
    context["reports"], context["next"] = headlines_before(
        after, _having(query) if params else None
    )
    return render(request, "registry/reports.html", context)


def ask(params: dict[str, str]) -> leaderboard.Query:
    """What a figure of the report must have; what is left out is any. Raises Refused 422."""
    any_recipe = dict.fromkeys(RECIPE_FACTORS, "any")
    return leaderboard.ask({**any_recipe, **params, "group_by": params.get("group_by", "")})


def _having(query: leaderboard.Query) -> Any:
    """The reports with a figure that has what is asked."""
    figures = Run.objects.filter(reading__active=True, part=Run.Part.FIGURE)
    return leaderboard.having(query, figures).values("reading__report")


def _cursor(public_id: str) -> RawReport:
    """The report that a page of the list follows."""
    if not PUBLIC_ID.fullmatch(public_id):
        raise Http404
    return get_object_or_404(RawReport.objects.only("pk"), public_id=public_id)
