"""GET /api/v1/compare/: two reports or two groups, their ratio, and every factor that differs."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import compare
from registry.api.openapi import (
    HOST_FACTORS,
    INTEGER,
    NO_NUL,
    NUMBER,
    TEXT,
    errors,
    list_of,
    nullable,
    object_of,
    pattern,
)
from registry.api.query import parameters
from registry.evidence.comparability import COMPATIBLE_VERSION, VERDICTS, Difference, Several
from registry.sides import Side
from registry.vocabulary.factors import RECIPE_FACTORS

VALUES_TOLD = 20
_ANY: dict[str, Any] = {"type": ["string", "number", "boolean", "null", "array"]}
_DIFFERENCE = object_of(factor=TEXT, a=_ANY, b=_ANY)
_SIDE = object_of(
    id=nullable(TEXT),
    url=nullable(TEXT),
    group={"type": ["object", "null"], "additionalProperties": TEXT},
    rate=NUMBER,
    ci_low=nullable(NUMBER),
    ci_high=nullable(NUMBER),
    n_runs=INTEGER,
    n_machines=INTEGER,
    n_submitters=INTEGER,
)
_ANSWER = object_of(
    a=_SIDE,
    b=_SIDE,
    test=TEXT,
    unit=TEXT,
    verdict={"type": "string", "enum": list(VERDICTS)},
    ratio=nullable(NUMBER),
    ci_low=nullable(NUMBER),
    ci_high=nullable(NUMBER),
    recipe_differs=list_of(_DIFFERENCE),
    differs=list_of(_DIFFERENCE),
    compatible_recipes_version=INTEGER,
)
_COUNTS = {"streams": pattern("^([0-9]{1,7}|any)$"), "cpus": pattern("^[0-9]{1,7}$")}
_PARAMETERS = [
    OpenApiParameter(side, pattern("^[a-z2-7]{16}$"), description="A report's id.")
    for side in ("a", "b")
]
_PARAMETERS += [
    OpenApiParameter(
        f"{side}.{name}", _COUNTS.get(name, NO_NUL), description=f"Hosts of group {side}."
    )
    for side in ("a", "b")
    for name in HOST_FACTORS
]
_PARAMETERS += [
    OpenApiParameter(
        name, _COUNTS.get(name, NO_NUL), description="Of both groups; any for all recipes."
    )
    for name in RECIPE_FACTORS
]


class CompareView(APIView):
    @extend_schema(
        operation_id="compare",
        summary="Two reports or two groups beside each other",
        description="Two reports, `a` and `b`; or two groups, by values of factors that their "
        "hosts have: `a.virtualization=kvm&b.virtualization=none`. A setting is such a factor too: "
        "`a.conntrack=active`. `ratio` is of b to a, over the runs of reports or the hosts of "
        "groups, of one recipe that both have. Where none is shared the verdict is refused and "
        "`recipe_differs` says why. Where the hosts of a group differ from each other, a factor's "
        f"value is the list of its up to {VALUES_TOLD} commonest.",
        parameters=_PARAMETERS,
        responses={200: _ANSWER, **errors(404, 406, 422, 503)},
    )
    def get(self, request: Request) -> Response:
        found = compare.ask(parameters(request.query_params))
        ratio = found.ratio
        return Response(
            {
                "a": _side(found.a),
                "b": _side(found.b),
                "test": found.a.recipe.test,
                "unit": found.a.recipe.unit,
                "verdict": found.comparability.verdict,
                "ratio": ratio.ratio if ratio else None,
                "ci_low": ratio.ci_low if ratio else None,
                "ci_high": ratio.ci_high if ratio else None,
                "recipe_differs": [_difference(each) for each in found.comparability.recipe],
                "differs": [_difference(each) for each in found.comparability.factors],
                "compatible_recipes_version": COMPATIBLE_VERSION,
            }
        )


def _side(side: Side) -> dict[str, Any]:
    estimate, report = side.estimate, side.report
    return {
        "id": report.public_id if report else None,
        "url": f"{settings.PUBLIC_URL}/r/{report.public_id}" if report else None,
        "group": None if report else side.group,
        "rate": estimate.rate,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "n_runs": side.n_runs,
        "n_machines": side.n_machines,
        "n_submitters": side.n_submitters,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "factor": difference.name,
        "a": _told(difference.a),
        "b": _told(difference.b),
    }


def _told(value: Any) -> Any:
    if isinstance(value, Several):
        return [each for each, _ in value.counts[:VALUES_TOLD]]
    return value
