"""What a chart says of reports that are in it no more: a live one how many were withdrawn, a frozen
one which were taken out since it was drawn. Called by the pipeline and the pages.
"""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from charts.params import ChartParams
from registry.models import RawReport, Reading, Run

Status = RawReport.Status


def count_withdrawn(params: ChartParams) -> int:
    """How many withdrawn reports had figures for this chart. Their facts are erased after 30 days,
    and with them what is known of this.
    """
    found = RawReport.objects.filter(
        Exists(_figures(params)),
        status=Status.WITHDRAWN,
        visibility=RawReport.Visibility.PUBLIC,
        events__kind=Status.WITHDRAWN,
        events__details__before=Status.PUBLISHED,
    )
    return found.distinct().count()


def taken_out_since(params: ChartParams, instant: datetime) -> QuerySet[RawReport]:
    """Reports that may have been in this chart at `instant` and were withdrawn or rejected since,
    the newest first. What is erased may have been in any chart.
    """
    gone = RawReport.objects.taken_out_since(instant)
    return gone.filter(Exists(_figures(params)) | ~Exists(_readings())).newest()


def _readings() -> QuerySet[Reading]:
    return Reading.objects.filter(report=OuterRef("pk"), active=True)


def _figures(params: ChartParams) -> QuerySet[Run]:
    """Runs of the outer report that the chart's parameters choose."""
    asked: dict[str, Any] = {f"recipe__{name}": value for name, value in params.recipe.items()}
    if params.tests:
        asked["recipe__test__in"] = params.tests
    if params.reports:
        asked["reading__report__public_id__in"] = params.reports
    return Run.objects.filter(
        Q(reading__report=OuterRef("pk"), reading__active=True), part=Run.Part.FIGURE, **asked
    )
