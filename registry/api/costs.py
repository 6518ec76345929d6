"""GET /api/v1/costs/: what each platform costs against bare metal on the same CPU."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import costs
from registry.api.openapi import (
    BOOLEAN,
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
from registry.evidence.costs import BARE_METAL, Cost
from registry.vocabulary.factors import RECIPE_FACTORS

VERDICTS = ("not_enough_data", "differs_by_cpu", "no_difference", "slower", "faster", "unclear")
_STRATUM = object_of(
    cpu_model=TEXT,
    cpus=nullable(INTEGER),
    ratio=NUMBER,
    ci_low=nullable(NUMBER),
    ci_high=nullable(NUMBER),
)
_ROW = object_of(
    virtualization=TEXT,
    virtualization_mode=nullable(TEXT),
    ratio=nullable(NUMBER),
    ci_low=nullable(NUMBER),
    ci_high=nullable(NUMBER),
    n_strata=INTEGER,
    n_machines=INTEGER,
    n_baseline_machines=INTEGER,
    n_unmatched_machines=INTEGER,
    range_low=nullable(NUMBER),
    range_high=nullable(NUMBER),
    i2_percent=nullable(NUMBER),
    pooled_ratio=nullable(NUMBER),
    pooled_misleads=BOOLEAN,
    verdict={"type": "string", "enum": list(VERDICTS)},
    needs=nullable(TEXT),
    strata=list_of(_STRATUM),
)
_ANSWER = object_of(
    recipe={"type": "object", "additionalProperties": True},
    baseline=TEXT,
    generation=INTEGER,
    rows=list_of(_ROW),
)
COLUMNS = {
    "virtualization": "the hypervisor's identifier",
    "virtualization_mode": "its mode, where it has several",
    "ratio": "of the rate to bare metal's; empty where the CPU models differ too much for one",
    "ci_low": "lower end of the ratio's 95 % interval",
    "ci_high": "upper end",
    "n_strata": "CPU models, with their number of CPUs, that both were measured on",
    "n_machines": "hosts of the platform that have a counterpart",
    "n_baseline_machines": "hosts of bare metal beside them",
    "n_unmatched_machines": "hosts of the platform without a counterpart",
    "range_low": "the smallest ratio of a CPU model",
    "range_high": "the largest",
    "i2_percent": "share of the ratios' spread that chance does not make",
    "pooled_ratio": "the ratio without regard to the CPU",
    "pooled_misleads": "whether that one would mislead",
    "verdict": f"one of {', '.join(VERDICTS)}",
    "needs": "what is missing for a verdict",
}
_PARAMETERS = [
    OpenApiParameter(
        name,
        pattern("^([0-9]{1,7}|any)$") if name == "streams" else NO_NUL,
        description="Only this value; with any, that of the workload which the most hosts share.",
    )
    for name in RECIPE_FACTORS
]


class CostsView(APIView):
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="costs",
        summary="Virtualisation cost: ratios to bare metal on the same CPU",
        description="The table is of one workload: test, topology, streams, placement and unit. "
        "Where the query leaves some of them open, it is the one that the most hosts share; "
        "`recipe` says which. Of a CPU model and number of CPUs the one recipe counts in which "
        "the two sides have the most hosts, so that a machine is one value there.",
        parameters=_PARAMETERS,
        responses={**answers(_ANSWER, COLUMNS), **errors(406, 422, 503)},
    )
    def get(self, request: Request) -> Response:
        dated = costs.find.dated(costs.ask(parameters(request.query_params)))
        found = dated.value
        return Response(
            {
                "recipe": found.recipe,
                "baseline": BARE_METAL,
                "generation": dated.generation,
                "rows": [_row(cost) for cost in found.rows],
            }
        )

    def table(self, answer: dict[str, Any]) -> Table:
        """Without the strata, which are rows of their own: JSON has them."""
        return list(COLUMNS), answer["rows"]


def _row(cost: Cost) -> dict[str, Any]:
    """Where the ratios of the strata differ, there is no average: the range is given alone."""
    found, (low, high) = cost.found, cost.range or (None, None)
    has_average = found is not None and not found.is_heterogeneous
    overall = found.overall if found and has_average else None
    return {
        "virtualization": cost.platform[0],
        "virtualization_mode": cost.platform[1],
        "ratio": overall.ratio if overall else None,
        "ci_low": overall.ci_low if overall else None,
        "ci_high": overall.ci_high if overall else None,
        "n_strata": len(cost.strata),
        "n_machines": cost.matched.n_guests,
        "n_baseline_machines": cost.matched.n_bare,
        "n_unmatched_machines": cost.n_unmatched,
        "range_low": low,
        "range_high": high,
        "i2_percent": found.i2_percent if found else None,
        "pooled_ratio": found.pooled if found else None,
        "pooled_misleads": bool(found and found.is_simpson),
        "verdict": cost.verdict,
        "needs": cost.needs or None,
        "strata": [
            {
                "cpu_model": stratum.cpu_model,
                "cpus": stratum.cpus,
                "ratio": ratio.ratio,
                "ci_low": ratio.ci_low,
                "ci_high": ratio.ci_high,
            }
            for stratum, ratio in cost.strata
        ],
    }
