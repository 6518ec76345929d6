"""GET /api/v1/results/: every figure there is, in pages, as JSON or CSV."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import results
from registry.api.leaderboard import RECIPE_MEANINGS
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
from registry.models import Run
from registry.models.reading import Bound
from registry.vocabulary.factors import RECIPE_FACTORS, SYSTEM_FACTORS

ADDRESS = "/api/v1/results/"
_COUNTS = ("streams", "cpus")
_SIZES = ("request_size_bytes", "response_size_bytes", "message_size_bytes")
COLUMNS = {
    "id": "the report: its page is /r/{id}, what netperf printed /api/v1/reports/{id}/raw/",
    "run": "which run of the report, from 0",
    "position": "which figure of a run that has several, from 0",
    "part": "figure, warm_up, partial or arm of an experiment; only figures enter statistics",
    "value": "the figure, summed over streams",
    "bound": "exact, approximate, at_most or at_least",
    **RECIPE_MEANINGS,
    **dict.fromkeys(SYSTEM_FACTORS, "factor of the host, as the vocabulary names it"),
    "started_at": "when the client says that the run began",
    "received_at": "when the registry received the report",
    "flags": "rules of plausibility that the report broke",
}
_OF_ROW: dict[str, Any] = {
    "id": TEXT,
    "run": INTEGER,
    "position": INTEGER,
    "part": {"type": "string", "enum": list(Run.Part.values)},
    "value": NUMBER,
    "bound": {"type": "string", "enum": list(Bound.values)},
    **{name: nullable(TEXT) for name in (*RECIPE_MEANINGS, *SYSTEM_FACTORS)},
    **{name: nullable(INTEGER) for name in (*_COUNTS, *_SIZES)},
    "test": TEXT,
    "unit": TEXT,
    "source": TEXT,
    "started_at": nullable(TEXT),
    "received_at": TEXT,
    "flags": list_of(TEXT),
}
_ANSWER = object_of(next=nullable(TEXT), rows=list_of(object_of(**_OF_ROW)))
_PARAMETERS = [
    OpenApiParameter("cursor", pattern("^([0-9]{1,18})?$"), description="From `next`."),
    OpenApiParameter("limit", pattern("^([1-9][0-9]{0,2}|1000)?$"), description="Rows, 100."),
    *(
        OpenApiParameter(
            name,
            pattern("^([0-9]{1,7}|any)$" if name == "streams" else "^[0-9]{1,7}$")
            if name in _COUNTS
            else NO_NUL,
            description="Only these.",
        )
        for name in (*RECIPE_FACTORS, *HOST_FACTORS)
    ),
]


class ResultsView(APIView):
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="results",
        summary="Every figure, newest first",
        description="A row a run. Both forms name the next page in the header `Link`.",
        parameters=_PARAMETERS,
        responses={**answers(_ANSWER, COLUMNS), **errors(406, 422, 503)},
    )
    def get(self, request: Request) -> Response:
        params = parameters(request.query_params)
        rows, cursor = results.page(results.ask({k: v for k, v in params.items() if k != "format"}))
        following = None
        if cursor:
            query = urlencode({**params, "cursor": cursor})
            following = f"{settings.PUBLIC_URL}{ADDRESS}?{query}"
        answer = {"next": following, "rows": [results.row(run) for run in rows]}
        headers = {"Link": f'<{following}>; rel="next"'} if following else {}
        return Response(answer, headers=headers)

    def table(self, answer: dict[str, Any]) -> Table:
        rows = [{**row, "flags": " ".join(row["flags"])} for row in answer["rows"]]
        return list(COLUMNS), rows
