"""Saving what somebody asks for as a chart: checked, stored once, drawn soon. Called by API and
page.
"""

from typing import Any

from charts import tasks
from charts.models import Chart
from charts.params import ChartParams
from registry import compare, hints
from registry.models import RawReport
from registry.refusal import Refused


def save(value: Any, address: str) -> tuple[Chart, bool]:
    """The chart of these parameters, and whether it is new; `address` is the sender's. Raises
    Refused: 422 for parameters that are none, 404 for a report or a group that is not there, 429
    for too many.
    """
    try:
        params = ChartParams.from_dict(value)
    except ValueError as error:
        fault = {"path": "", "message": str(error)[:200]}
        raise Refused(422, "invalid", "These are no chart's parameters.", [fault]) from None
    if params.compare and compare.ask(params.compare).ratio is None:
        raise Refused(422, "invalid", "The recipes differ, so there is no ratio to draw.")
    if params.report and not RawReport.objects.listed().filter(public_id=params.report).exists():
        raise Refused(404, "not_found", "There is no listed report of this id.")
    chart, created = Chart.objects.save_comparison(params, address)
    if created:
        hints.after_commit(tasks.draw_chart, chart.pk)
    return chart, created
