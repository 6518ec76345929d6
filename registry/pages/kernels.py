"""The page of kernels: what each changes on the machines that were measured under several."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry import drift
from registry.evidence.direction import HIGHER
from registry.evidence.drift import LEAST_HOSTS, Drift, Point
from registry.pages import boards, words
from registry.refusal import Refused
from registry.vocabulary.factors import RECIPE_FACTORS

BY = {"kernel_series": "series, such as 6.12", "kernel_release": "full release"}


@dataclass(frozen=True)
class Line:
    kernel: str
    ratio: str
    interval: str
    hosts: int
    is_reference: bool


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    params = {name: value for name, value in request.GET.dict().items() if value != ""}
    asked_by = params.get("by", drift.BY[0])
    context: dict[str, Any] = {
        "recipes": boards.recipe_choices(params),
        "by": [boards.Choice(name, label, name == asked_by) for name, label in BY.items()],
    }
    try:
        query = drift.ask(params)
    except Refused as refused:
        context["faults"] = refused.details
        return render(request, "registry/kernels.html", context, status=refused.status)
    kernels = drift.find(query)
    context |= {
        "found": kernels.found,
        "lines": _lines(kernels.found),
        "left_out": kernels.found.left_out.items() if kernels.found else (),
        "steps": kernels.steps,
        "least": LEAST_HOSTS,
        "more_is_better": kernels.better == HIGHER,
        "is_open": len(query.cells.recipe) < len(RECIPE_FACTORS),
        "load": words.load(kernels.recipe),
        "test": kernels.recipe.get("test", "any test"),
        "filters": [(words.name_of(name), value) for name, value in query.cells.system],
        "address": urlencode(params),
    }
    return render(request, "registry/kernels.html", context)


def _lines(found: Drift | None) -> list[Line]:
    return [_line(point, found.reference) for point in found.points] if found else []


def _line(point: Point, reference: str) -> Line:
    has_interval = point.ci_low is not None and point.ci_high is not None
    return Line(
        kernel=point.kernel,
        ratio=f"{point.ratio:.2f}",
        interval=f"{point.ci_low:.2f}–{point.ci_high:.2f}" if has_interval else "",
        hosts=point.n_hosts,
        is_reference=point.kernel == reference,
    )
