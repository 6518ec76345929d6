"""GET /api/v1/leaderboard/: groups of one test with intervals and rank intervals."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import leaderboard, repeat
from registry.api.openapi import (
    BOOLEAN,
    HOST_FACTORS,
    INTEGER,
    NO_NUL,
    NUMBER,
    TEXT,
    errors,
    group_by_of,
    list_of,
    nullable,
    object_of,
    pattern,
)
from registry.api.query import parameters
from registry.api.tables import RENDERERS, Table, answers
from registry.evidence.groups import TRUST
from registry.vocabulary.factors import RECIPE_FACTORS

ESTIMATOR = "geometric mean of hosts, Student's t on logarithms"
_ROW = object_of(
    rank_low=nullable(INTEGER),
    rank_high=nullable(INTEGER),
    group={"type": "object", "additionalProperties": nullable(TEXT)},
    recipe={"type": "object", "additionalProperties": True},
    rate=NUMBER,
    ci_low=nullable(NUMBER),
    ci_high=nullable(NUMBER),
    ci_level=nullable(NUMBER),
    n_runs=INTEGER,
    n_machines=INTEGER,
    n_submitters=INTEGER,
    ranked=BOOLEAN,
    reason=nullable(TEXT),
    trust={"type": "string", "enum": list(TRUST)},
    repeat=nullable(TEXT),
)
_ANSWER = object_of(
    recipe={"type": "object", "additionalProperties": True},
    estimator=TEXT,
    generation=INTEGER,
    rows=list_of(_ROW),
)
RECIPE_MEANINGS = {
    "test": "netperf's name of the test",
    "unit": "of the rate",
    "topology": "where the two ends were",
    "address_family": "inet or inet6",
    "streams": "how many at once",
    "placement": "on which CPUs",
    "request_size_bytes": "size of a request",
    "response_size_bytes": "size of a response",
    "message_size_bytes": "size of a message, of tests that send a stream of them",
    "socket_options": "socket sizes that were asked for",
    "netperf_generation": "bsd up to 2.4, omni from 2.5 on",
    "timing_options": "what netperf also timed",
    "duration_class": "short under 2 s, normal to 20 s, long, or count",
    "far_end": "what the other end ran on, off loopback",
    "source": "plan, pasted or imported",
}
_GROUPED = ("topology", "streams", "placement", *HOST_FACTORS)  # and sysctls
COLUMNS = {
    "rank_low": "best rank among the rows of the same recipe at 95 %; empty for a row not ranked",
    "rank_high": "worst rank",
    **{f"group.{name}": "value of the factor, where rows are by it" for name in _GROUPED},
    **{f"recipe.{name}": meaning for name, meaning in RECIPE_MEANINGS.items()},
    "rate": "geometric mean of the hosts",
    "ci_low": "lower end of its interval; empty below 3 hosts",
    "ci_high": "upper end",
    "ci_level": "level of the interval",
    "n_runs": "runs behind the rate",
    "n_machines": "hosts behind it",
    "n_submitters": "senders behind it",
    "ranked": "whether the row has a rank",
    "reason": "why not",
    "trust": f"one of {', '.join(TRUST)}, by how many senders and machines it rests on",
    "repeat": "the command that measures the same on one more machine; empty where there is none",
}
_GROUPS = group_by_of(1, leaderboard.MOST_GROUP_BY)
_COUNTS = {"streams": pattern("^([0-9]{1,7}|any)$"), "cpus": pattern("^[0-9]{1,7}$")}
_PARAMETERS = [
    OpenApiParameter(
        name,
        _COUNTS.get(name, NO_NUL),
        description="Only this value" + ("; any for all." if name in RECIPE_FACTORS else "."),
    )
    for name in (*RECIPE_FACTORS, *HOST_FACTORS)
] + [
    OpenApiParameter(
        "group_by",
        {"anyOf": [_GROUPS, {"type": "string", "enum": [""]}]},
        style="form",
        explode=False,
        description="Factors, comma-separated; empty for one group of all. A sysctl is a factor "
        "too, here and as a parameter of its own: `net.core.somaxconn=4096`.",
    )
]


class LeaderboardView(APIView):
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="leaderboard",
        summary="Groups of one test, with intervals",
        parameters=_PARAMETERS,
        responses={**answers(_ANSWER, COLUMNS), **errors(406, 422, 503)},
    )
    def get(self, request: Request) -> Response:
        query = leaderboard.ask(parameters(request.query_params))
        return Response(answer(query))

    def table(self, answer: dict[str, Any]) -> Table:
        """A column for each factor that rows are by."""
        rows = [_flat(row) for row in answer["rows"]]
        groups = dict.fromkeys(f"group.{name}" for row in answer["rows"] for name in row["group"])
        ranks, others = ("rank_low", "rank_high"), (n for n in COLUMNS if "group." not in n)
        return list(dict.fromkeys((*ranks, *groups, *others))), rows


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    nested = {f"{of}.{name}": v for of in ("group", "recipe") for name, v in row[of].items()}
    return row | nested


def answer(query: leaderboard.Query) -> dict[str, Any]:
    """One list of rows; a rank holds among the rows of the same recipe, which every row names."""
    found = leaderboard.boards.dated(query)
    boards = (
        (board, repeat.command_of(board.recipe, settings.PUBLIC_URL)) for board in found.value
    )
    rows = [_row(query, board, row, again) for board, again in boards for row in board.rows]
    return {
        "recipe": dict(query.recipe),
        "estimator": ESTIMATOR,
        "generation": found.generation,
        "rows": rows,
    }


def _row(
    query: leaderboard.Query, board: leaderboard.Board, row: leaderboard.Row, again: str | None
) -> dict[str, Any]:
    estimate = row.group.estimate
    return {
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
        "group": leaderboard.group_name(query, row.group),
        "recipe": board.recipe,
        "rate": estimate.rate,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "ci_level": row.ci_level if estimate.ci_low is not None else None,
        "n_runs": row.group.n_runs,
        "n_machines": row.group.n_machines,
        "n_submitters": row.group.n_submitters,
        "ranked": row.ranked,
        "reason": row.reason,
        "trust": row.trust,
        "repeat": again,
    }
