"""GET /api/v1/drift/: what a kernel changes, on hosts that were measured under several."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import drift
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
from registry.api.tables import RENDERERS, Table, answers
from registry.evidence.drift import Drift
from registry.vocabulary.factors import RECIPE_FACTORS

_ROW = object_of(
    kernel=TEXT,
    ratio=nullable(NUMBER),
    ci_low=nullable(NUMBER),
    ci_high=nullable(NUMBER),
    n_machines=nullable(INTEGER),
    reason=nullable(TEXT),
)
_ANSWER = object_of(
    recipe={"type": "object", "additionalProperties": True},
    by={"type": "string", "enum": list(drift.BY)},
    reference=nullable(TEXT),
    n_machines=INTEGER,
    generation=INTEGER,
    steps=nullable(list_of(TEXT)),
    rows=list_of(_ROW),
)
COLUMNS = {
    "kernel": "series or release, in the order of kernels",
    "ratio": "of the rate to that under the reference, on the same machines",
    "ci_low": "lower end of the ratio's 95 % interval; empty for the reference",
    "ci_high": "upper end",
    "n_machines": "machines that were measured under it and another kernel",
    "reason": "why a kernel has no ratio",
}
_PARAMETERS = [
    OpenApiParameter("by", {"type": "string", "enum": list(drift.BY)}, description="What differs."),
    *(
        OpenApiParameter(
            name,
            pattern("^([0-9]{1,7}|any)$") if name == "streams" else NO_NUL,
            description="Only this value; with any, that of the workload of the most machines.",
        )
        for name in RECIPE_FACTORS
    ),
    *(
        OpenApiParameter(
            name,
            pattern("^[0-9]{1,7}$") if name == "cpus" else NO_NUL,
            description="Only machines with this value.",
        )
        for name in HOST_FACTORS
    ),
]


class DriftView(APIView):
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="drift",
        summary="What a kernel changes: ratios on the same machines",
        description="The curve is of one workload: test, topology, streams, placement and unit. "
        "Where the query leaves some of them open, it is the one that the most machines share; "
        "`recipe` says which. A machine takes part once, under the recipe and with the CPU that it "
        "has the most kernels of.",
        parameters=_PARAMETERS,
        responses={**answers(_ANSWER, COLUMNS), **errors(406, 422, 503)},
    )
    def get(self, request: Request) -> Response:
        dated = drift.find.dated(drift.ask(parameters(request.query_params)))
        kernels = dated.value
        found = kernels.found
        return Response(
            {
                "recipe": kernels.recipe,
                "by": kernels.by,
                "reference": found.reference if found else None,
                "n_machines": found.n_hosts if found else 0,
                "generation": dated.generation,
                "steps": None if kernels.steps is None else list(kernels.steps),
                "rows": _rows(found) if found else [],
            }
        )

    def table(self, answer: dict[str, Any]) -> Table:
        return list(COLUMNS), answer["rows"]


def _rows(found: Drift) -> list[dict[str, Any]]:
    told = [
        {
            "kernel": point.kernel,
            "ratio": point.ratio,
            "ci_low": point.ci_low,
            "ci_high": point.ci_high,
            "n_machines": point.n_hosts,
            "reason": None,
        }
        for point in found.points
    ]
    unknown = dict.fromkeys(("ratio", "ci_low", "ci_high", "n_machines"))
    return told + [
        {"kernel": kernel, **unknown, "reason": reason} for kernel, reason in found.left_out.items()
    ]
