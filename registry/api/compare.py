"""GET /api/v1/compare/: two reports, their ratio, and every factor that differs."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import compare
from registry.api.openapi import (
    INTEGER,
    NUMBER,
    TEXT,
    errors,
    list_of,
    nullable,
    object_of,
    pattern,
)
from registry.api.query import parameters
from registry.evidence.comparability import COMPATIBLE_VERSION, VERDICTS, Difference

_ANY: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
_DIFFERENCE = object_of(factor=TEXT, a=_ANY, b=_ANY)
_SIDE = object_of(
    id=TEXT,
    url=TEXT,
    rate=NUMBER,
    ci_low=nullable(NUMBER),
    ci_high=nullable(NUMBER),
    n_runs=INTEGER,
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
_PARAMETERS = [
    OpenApiParameter(name, pattern("^[a-z2-7]{16}$"), required=True, description="A report's id.")
    for name in ("a", "b")
]


class CompareView(APIView):
    @extend_schema(
        operation_id="compare",
        summary="Two reports beside each other",
        description="`ratio` is of b to a, over the runs of one recipe that both have. Where none "
        "is shared the verdict is refused and `recipe_differs` says why.",
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


def _side(side: compare.Side) -> dict[str, Any]:
    estimate = side.estimate
    return {
        "id": side.report.public_id,
        "url": f"{settings.PUBLIC_URL}/r/{side.report.public_id}",
        "rate": estimate.rate,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "n_runs": estimate.n,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {"factor": difference.name, "a": difference.a, "b": difference.b}
