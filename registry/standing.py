"""Where a report stands: its figures against the cells there are, and what limits its host. Reads
summaries only.
"""

import math
import statistics
from typing import Any

from registry.evidence.limiter import RunRow, verdicts
from registry.models import Cell, RawReport, Reading, Run

HEADLINE = {"test": "TCP_CRR", "streams": 1, "placement": "same_cpu"}


def standing(report: RawReport) -> dict[str, Any] | None:
    """The headline figure among other voters of the very same recipe; None where the report has no
    TCP_CRR figure.

    `below` of `n_machines` others are slower. Counted over cells, so the newest reports may not be
    in it yet.
    """
    runs = list(_figures(report))
    recipe = _headline_recipe(runs)
    if recipe is None:
        return None
    logs = [math.log(run.value) for run in runs if run.recipe_id == recipe.pk and run.value > 0]
    if not logs:
        return None
    mean = math.fsum(logs) / len(logs)
    others = Cell.objects.exact().filter(recipe=recipe)
    if report.machine_id:
        others = others.exclude(machine=report.machine_id)
    else:
        others = others.exclude(machine=None, submitter=report.submitter_id)
    return {
        "test": recipe.test,
        "unit": recipe.unit,
        "rate": math.exp(mean),
        "n_runs": len(logs),
        "streams": recipe.streams,
        "placement": recipe.placement,
        "topology": recipe.topology,
        "n_machines": others.count(),
        "below": others.filter(mean_ln__lt=mean).count(),
    }


def advice(report: RawReport) -> list[dict[str, str]]:
    """What the report's own numbers say of its host: `{limiter, message}`."""
    rows = [
        RunRow(
            test=run.recipe.test,
            streams=run.recipe.streams,
            placement=run.recipe.placement,
            rate=run.value,
            telemetry=run.telemetry,
            elapsed_time_s=elapsed,
        )
        for run, elapsed in _with_elapsed(report)
    ]
    return [{"limiter": verdict.limiter, "message": verdict.message} for verdict in verdicts(rows)]


def _figures(report: RawReport) -> Any:
    return Run.objects.filter(
        reading__report=report, reading__active=True, part=Run.Part.FIGURE
    ).select_related("recipe")


def _with_elapsed(report: RawReport) -> list[tuple[Run, float | None]]:
    """Figures with the median time netperf says it measured."""
    reading = Reading.objects.filter(report=report, active=True).first()
    if reading is None:
        return []
    times: dict[int, list[float]] = {}
    for index, elapsed in reading.results.values_list("run_index", "elapsed_time_s"):
        if elapsed is not None:
            times.setdefault(index, []).append(elapsed)
    return [
        (run, statistics.median(times[run.run_index]) if run.run_index in times else None)
        for run in _figures(report)
    ]


def _headline_recipe(runs: list[Run]) -> Any:
    """The recipe of the ranked headline if the report has it, else that of its first TCP_CRR
    figure.
    """
    crr = [run.recipe for run in runs if run.recipe.test == HEADLINE["test"]]
    exact = [recipe for recipe in crr if all(getattr(recipe, k) == v for k, v in HEADLINE.items())]
    return next(iter(exact or crr), None)
