"""The leaderboard's page and its feed. Their address is the whole question."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from registry import leaderboard
from registry.pages import boards
from registry.pages.factor_fields import facets, is_narrowed
from registry.refusal import Refused


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """A form sends what is left empty too, and each ticked box by itself: its address is redirected
    to the one that says the same.
    """
    params = clean(request)
    if params != request.GET.dict() or len(request.GET.getlist("group_by")) > 1:
        return redirect(f"{request.path}?{urlencode(params, safe=',')}" if params else request.path)
    after = params.pop("after", None)
    context: dict[str, Any] = {
        "recipes": boards.recipe_choices(params),
        "facets": facets(params),
        "is_narrowed": is_narrowed(params),
    }
    try:
        query = leaderboard.ask(params)
    except Refused as refused:
        context |= {"faults": refused.details, **_rows_by(leaderboard.DEFAULT_GROUP_BY)}
        return render(request, "registry/leaderboard.html", context, status=refused.status)
    found = boards.tables(query, after)
    if after and not found.tables:
        return redirect(f"{request.path}?{urlencode(params, safe=',')}")  # the facts have changed
    context |= {
        "boards": found.tables,
        "n_more_boards": found.n_more,
        "after": after,
        "query": query,
        "other_recipes": boards.other_recipes(),
        "address": boards.address_of(query),
        **_rows_by(query.group_by),
    }
    return render(request, "registry/leaderboard.html", context)


def clean(request: HttpRequest) -> dict[str, str]:
    """The parameters without what is empty; an empty `group_by` alone asks for one row a board."""
    given = request.GET.dict().items()
    params = {name: value for name, value in given if value != "" or name == "group_by"}
    groups = request.GET.getlist("group_by")
    return params | {"group_by": ",".join(groups)} if groups else params


def _rows_by(group_by: tuple[str, ...]) -> dict[str, Any]:
    return {
        "groups": boards.group_choices(group_by),
        "group_words": boards.group_in_words(group_by),
    }
