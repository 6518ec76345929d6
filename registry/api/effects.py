"""GET /api/v1/effects/: whether a setting helps, by experiments, matched pairs and association."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry import effects
from registry.api.openapi import (
    INTEGER,
    NO_NUL,
    NUMBER,
    TEXT,
    errors,
    factor_of,
    list_of,
    nullable,
    object_of,
    pattern,
)
from registry.api.query import parameters
from registry.api.tables import RENDERERS, Table, answers
from registry.evidence.tweaks import KINDS, OBSERVATIONAL, Contrast, EffectRow
from registry.vocabulary.factors import RECIPE_FACTORS

VERDICTS = (
    *("helps", "hurts", "no_difference", "unclear"),
    *("not_enough_data", "not_exercised"),
)
_ROW = object_of(
    **{"from": TEXT},
    to=TEXT,
    factor=TEXT,
    kind={"type": "string", "enum": list(KINDS)},
    test=TEXT,
    topology=nullable(TEXT),
    streams=nullable(INTEGER),
    placement=nullable(TEXT),
    ratio=NUMBER,
    ci_low=nullable(NUMBER),
    ci_high=nullable(NUMBER),
    prediction_low=nullable(NUMBER),
    prediction_high=nullable(NUMBER),
    n_pairs=INTEGER,
    n_machines=INTEGER,
    n_submitters=INTEGER,
    n_up=nullable(INTEGER),
    q_value=nullable(NUMBER),
    n_machines_needed=nullable(INTEGER),
    command=nullable(TEXT),
    verdict={"type": "string", "enum": list(VERDICTS)},
)
_ANSWER = object_of(generation=INTEGER, has_associations={"type": "boolean"}, rows=list_of(_ROW))
COLUMNS = {
    "kind": "experiment, matched or observational: never to be averaged together",
    "factor": "the setting",
    "from": "its value before",
    "to": "its value after",
    "test": "netperf's name of the test",
    "topology": "where the two ends were",
    "streams": "how many at once",
    "placement": "on which CPUs",
    "ratio": "of the rate after to the rate before",
    "ci_low": "lower end of the ratio's 95 % interval",
    "ci_high": "upper end",
    "prediction_low": "lower end of what is to be expected on one more machine",
    "prediction_high": "upper end",
    "n_pairs": "blocks of an experiment, pairs of reports, or kinds of host",
    "n_machines": "machines behind the ratio",
    "n_submitters": "senders behind it",
    "n_up": "machines that became faster",
    "q_value": "share of false finds among rows of the kind as strong (Benjamini, Hochberg)",
    "n_machines_needed": "machines that would tell a 3 % effect from none",
    "command": "what contributes one machine more, where crr-submit can try the setting",
    "verdict": f"one of {', '.join(VERDICTS)}",
}
_PARAMETERS = [
    OpenApiParameter(
        "factor",
        factor_of(""),
        description="Only this factor.",
    ),
    *(
        OpenApiParameter(
            name,
            pattern("^([0-9]{1,7}|any)$") if name == "streams" else NO_NUL,
            description="Only this workload.",
        )
        for name in RECIPE_FACTORS
    ),
]


class EffectsView(APIView):
    renderer_classes = RENDERERS

    @extend_schema(
        operation_id="effects",
        summary="Whether a setting helps",
        description="Experiments, matched pairs and associations are rows of their own and never "
        "averaged together. Only experiments are said to help or hurt. Where more figures match "
        "than are looked at at once, `has_associations` is false: ask for one workload.",
        parameters=_PARAMETERS,
        responses={**answers(_ANSWER, COLUMNS), **errors(406, 422, 503)},
    )
    def get(self, request: Request) -> Response:
        found = effects.find(effects.ask(parameters(request.query_params)))
        rows = [_paired(row) for row in found.paired]
        rows += [_seen(row) for row in found.associations or ()]
        return Response(
            {
                "generation": found.generation,
                "has_associations": found.associations is not None,
                "rows": rows,
            }
        )

    def table(self, answer: dict[str, Any]) -> Table:
        return list(COLUMNS), answer["rows"]


def _paired(row: EffectRow) -> dict[str, Any]:
    effect = row.effect
    return {
        **_contrast(row.contrast),
        "kind": row.kind,
        "ratio": effect.ratio,
        "ci_low": effect.ci_low,
        "ci_high": effect.ci_high,
        "prediction_low": effect.prediction_low,
        "prediction_high": effect.prediction_high,
        "n_pairs": row.n_pairs,
        "n_machines": row.n_machines,
        "n_submitters": row.n_submitters,
        "n_up": effect.n_up,
        "q_value": row.q_value,
        "n_machines_needed": row.n_needed,
        "verdict": row.verdict,
    }


def _seen(row: effects.Association) -> dict[str, Any]:
    """An association has no word but these: what it shows is a ratio among hosts that differ."""
    return {
        **_contrast(row.contrast),
        "kind": OBSERVATIONAL,
        "ratio": row.overall.ratio,
        "ci_low": row.overall.ci_low,
        "ci_high": row.overall.ci_high,
        "prediction_low": None,
        "prediction_high": None,
        "n_pairs": row.n_strata,
        "n_machines": row.n_machines,
        "n_submitters": row.n_submitters,
        "n_up": None,
        "q_value": None,
        "n_machines_needed": None,
        "verdict": "unclear" if row.has_enough else "not_enough_data",
    }


def _contrast(contrast: Contrast) -> dict[str, Any]:
    return {
        "factor": contrast.factor,
        "from": contrast.before,
        "to": contrast.after,
        "test": contrast.test,
        "topology": contrast.topology,
        "streams": contrast.streams,
        "placement": contrast.placement,
        "command": effects.command_of(contrast.factor, settings.PUBLIC_URL),
    }
