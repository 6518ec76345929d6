"""The API of charts: save a comparison, read its spec and addresses, freeze it."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from charts import tasks
from charts.freezing import freeze, not_drawn_yet
from charts.kinds import BARS, KINDS
from charts.models import Chart, Drawing
from charts.params import (
    GROUP_BY_LIMIT,
    GROUPS_LIMIT,
    REPORT_ID,
    TESTS_LIMIT,
    VALUE,
)
from charts.pipeline import address_of
from charts.saving import save
from charts.views import MEDIA_TYPES
from registry.api.openapi import (
    TEXT,
    Schema,
    errors,
    group_by_of,
    list_of,
    nullable,
    object_of,
    pattern,
)
from registry.body import read_json, sender_address
from registry.refusal import Refused
from registry.vocabulary.factors import RECIPE_FACTORS, SETTINGS, SYSTEM_FACTORS

_LOOSE: dict[str, Any] = {"type": "object", "additionalProperties": True}
_RECIPE = {name: pattern(f"^{VALUE}$") for name in RECIPE_FACTORS if name != "test"}
_TESTS = {
    **list_of(pattern("^(?=[A-Z0-9_]{1,64}$)[0-9_]*[A-Z][A-Z0-9_]*$")),
    "minItems": 1,
    "uniqueItems": True,
}


def _asked(kinds: Sequence[str], tests: int) -> Schema:
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
    one = KINDS[kinds[0]]
    factors = group_by_of(one.least_groups, GROUP_BY_LIMIT)
    groups = {"group_by": factors} if one.is_grouped else {}
    named = [] if BARS in kinds else ["kind"]
    return {
        "type": "object",
        "properties": known | groups,
        "required": ["tests", *groups, *named],
        "additionalProperties": False,
    }


def _rows_of(kind: str) -> tuple[bool, int]:
    """What kinds of the same parameters have in common."""
    return KINDS[kind].is_grouped, KINDS[kind].least_groups


def _about(kind: str, schema: Schema) -> Schema:
    """The parameters of a chart that is about one thing."""
    about = KINDS[kind].about
    return {
        "type": "object",
        "properties": {"kind": {"type": "string", "enum": [kind]}, about: schema},
        "required": ["kind", about],
        "additionalProperties": False,
    }


def _group(side: str) -> Schema:
    """The factors of one side, at least one."""
    factors = [*SYSTEM_FACTORS, *sorted(SETTINGS)]
    values = {f"{side}.{name}": pattern(f"^{VALUE}$") for name in factors}
    return {
        "properties": values | {f"{side}.cpus": pattern("^[0-9]{1,5}$")},
        "anyOf": [{"required": [name]} for name in values],
    }


_GROUPS = [_group(side) for side in ("a", "b")]
_GROUPS_QUERY: Schema = {
    "type": "object",
    "description": "Two groups of hosts, as in the address of /compare/; a dotted sysctl is a "
    "factor too.",
    "properties": {
        **{name: schema for each in _GROUPS for name, schema in each["properties"].items()},
        **{name: pattern(f"^{VALUE}$") for name in RECIPE_FACTORS},
        "streams": pattern("^([0-9]{1,5}|any)$"),
    },
    "allOf": [{"anyOf": each["anyOf"]} for each in _GROUPS],
    "additionalProperties": False,
}
_REPORTS_QUERY: Schema = {
    **object_of(a=pattern(f"^{REPORT_ID}$"), b=pattern(f"^{REPORT_ID}$")),
    "description": "Two reports.",
    "additionalProperties": False,
}
_FREE = {name: kind for name, kind in KINDS.items() if not kind.about}
_OTHERS = [
    [name for name in _FREE if name != BARS and _rows_of(name) == rows]
    for rows in sorted({_rows_of(name) for name in _FREE})
]
_PARAMS = {
    "oneOf": [
        _asked([BARS], TESTS_LIMIT),
        *(_asked(kinds, 1) for kinds in _OTHERS),
        _about("comparison", _GROUPS_QUERY),
        _about("comparison", _REPORTS_QUERY),
        _about("cpus", pattern(f"^{REPORT_ID}$")),
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
        responses={200: _CHART, 201: _CHART, **errors(404, 406, 411, 413, 415, 422, 429, 503)},
    )
    def post(self, request: Request) -> Response:
        chart, created = save(read_json(request._request), sender_address(request._request))
        return Response(_answer(chart), status=201 if created else 200)


class ChartView(APIView):
    @extend_schema(
        operation_id="charts_read",
        summary="A chart's spec and addresses",
        responses={200: _CHART, **errors(404, 406, 503)},
    )
    def get(self, request: Request, slug: str) -> Response:
        chart = _chart(slug)
        tasks.asked(slug)
        return Response(_answer(chart))


class FreezeView(APIView):
    @extend_schema(
        operation_id="charts_freeze",
        summary="Give the chart as it is now an address that never changes",
        description="Is `409` with `not_drawn_yet` where the drawing is older than a minute and "
        "behind the facts, which a withdrawn report may be out of: ask again in a few seconds.",
        request=None,
        responses={200: _FROZEN, **errors(404, 406, 409, 429, 503)},
    )
    def post(self, request: Request, slug: str) -> Response:
        chart = _chart(slug)
        tasks.asked(slug)
        drawing = Drawing.objects.filter(chart=chart).first()
        if drawing is None:
            raise not_drawn_yet()
        frozen = freeze(drawing, sender_address(request._request))
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
