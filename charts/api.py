"""The API of charts: save a comparison, read its spec and addresses, freeze it."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from charts import tasks
from charts.kinds import BARS, KINDS
from charts.models import Chart, Drawing, FrozenChart
from charts.params import GROUP_BY_LIMIT, GROUPS_LIMIT, TESTS_LIMIT, VALUE, ChartParams
from charts.pipeline import address_of
from charts.views import MEDIA_TYPES
from registry import hints
from registry.api.openapi import (
    TEXT,
    Schema,
    errors,
    list_of,
    names_of,
    nullable,
    object_of,
    pattern,
)
from registry.body import read_json
from registry.refusal import Refused
from registry.vocabulary.factors import FACTORS, RECIPE_FACTORS

_LOOSE: dict[str, Any] = {"type": "object", "additionalProperties": True}
_RECIPE = {name: pattern(f"^{VALUE}$") for name in RECIPE_FACTORS if name != "test"}
_TESTS = {
    **list_of(pattern("^(?=[A-Z0-9_]{1,64}$)[0-9_]*[A-Z][A-Z0-9_]*$")),
    "minItems": 1,
    "uniqueItems": True,
}


def _asked(kinds: Iterable[str], tests: int, *, is_grouped: bool) -> Schema:
    """The parameters of charts of these kinds; a chart that names no kind is bars."""
    known = {
        "tests": {**_TESTS, "maxItems": tests},
        "recipe": {
            "type": "object",
            "properties": {**_RECIPE, "streams": pattern("^[0-9]{1,5}$")},
            "additionalProperties": False,
        },
        "limit": {"type": "integer", "minimum": 1, "maximum": GROUPS_LIMIT},
        "kind": {"type": "string", "enum": list(kinds)},
    }
    groups = {"group_by": names_of(FACTORS, least=1, most=GROUP_BY_LIMIT)} if is_grouped else {}
    named = [] if BARS in kinds else ["kind"]
    return {
        "type": "object",
        "properties": known | groups,
        "required": ["tests", *groups, *named],
        "additionalProperties": False,
    }


_GROUPED = [name for name, kind in KINDS.items() if kind.is_grouped and name != BARS]
_PARAMS = {
    "oneOf": [
        _asked([BARS], TESTS_LIMIT, is_grouped=True),
        _asked(_GROUPED, 1, is_grouped=True),
        _asked([name for name in KINDS if not KINDS[name].is_grouped], 1, is_grouped=False),
    ]
}
_CHART = object_of(slug=TEXT, url=TEXT, params=_LOOSE, addresses=_LOOSE, spec=nullable(_LOOSE))
_FROZEN = object_of(slug=TEXT, version=TEXT, url=TEXT, digest=TEXT)


class ChartsView(APIView):
    @extend_schema(
        operation_id="charts_save",
        summary="Save a comparison as a chart",
        description="The same parameters give the same slug.",
        request={"application/json": _PARAMS},
        responses={200: _CHART, 201: _CHART, **errors(406, 411, 413, 415, 422, 429, 503)},
    )
    def post(self, request: Request) -> Response:
        try:
            params = ChartParams.from_dict(read_json(request._request))
        except ValueError as error:
            fault = {"path": "", "message": str(error)[:200]}
            raise Refused(422, "invalid", "These are no chart's parameters.", [fault]) from None
        chart, created = Chart.objects.save_comparison(params)
        if created:
            hints.after_commit(tasks.draw_chart, chart.pk)
        return Response(_answer(chart), status=201 if created else 200)


class ChartView(APIView):
    @extend_schema(
        operation_id="charts_read",
        summary="A chart's spec and addresses",
        responses={200: _CHART, **errors(404, 406, 503)},
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(_answer(_chart(slug)))


class FreezeView(APIView):
    @extend_schema(
        operation_id="charts_freeze",
        summary="Give the chart as it is now an address that never changes",
        request=None,
        responses={200: _FROZEN, **errors(404, 406, 409, 503)},
    )
    def post(self, request: Request, slug: str) -> Response:
        drawing = Drawing.objects.filter(chart=_chart(slug)).select_related("chart").first()
        if drawing is None:
            raise Refused(
                409, "not_drawn_yet", "This chart was not drawn yet: freeze it in a few seconds."
            )
        frozen = FrozenChart.of(drawing)
        return Response(
            {
                "slug": slug,
                "version": frozen.version,
                "url": f"{address_of(slug)}/{frozen.version}",
                "digest": frozen.digest,
            }
        )


def _chart(slug: str) -> Chart:
    chart = Chart.objects.filter(slug=slug).first()
    if chart is None:
        raise Refused(404, "not_found", "There is no such chart.")
    return chart


def _answer(chart: Chart) -> dict[str, Any]:
    drawing = Drawing.objects.filter(chart=chart).first()
    return {
        "slug": chart.slug,
        "url": address_of(chart.slug),
        "params": chart.params,
        "addresses": {ending: f"{address_of(chart.slug)}.{ending}" for ending in MEDIA_TYPES},
        "spec": drawing.spec if drawing else None,
    }
