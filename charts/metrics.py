"""What charts add to `/metrics`."""

from collections.abc import Iterable

from django.db.models import Max, Min, Sum
from django.db.models.functions import Greatest
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, Metric, SummaryMetricFamily

from charts.models import Chart, Drawing
from registry.metrics import gauge


def families() -> Iterable[Metric]:
    yield from _queue()
    yield from _drawings()


def _queue() -> Iterable[Metric]:
    """What waits to be drawn. A chart is due from when it is stale and has rested."""
    stale = Chart.objects.stale().watched()
    now = timezone.now()
    since = Greatest("not_before", "stale_since")
    oldest = stale.filter(not_before__lte=now).aggregate(since=Min(since))["since"]
    yield gauge("crr_charts", "Saved charts", [("", Chart.objects.count())])
    yield gauge("crr_charts_stale", "Watched charts older than the facts", [("", stale.count())])
    age_s = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    yield gauge("crr_charts_due_seconds", "How long the oldest of them is due", [("", age_s)])


def _drawings() -> Iterable[Metric]:
    """How often charts were drawn, and in what time; what was begun and is not counted as drawn is
    being drawn, failed or was killed.
    """
    done = Chart.objects.aggregate(
        started=Sum("started"), count=Sum("drawings"), seconds=Sum("drawing_s")
    )
    newest = Drawing.objects.aggregate(at=Max("drawn_at"), slowest=Max("took_s"))
    text = "Attempts of workers to draw a chart"
    yield CounterMetricFamily("crr_chart_attempts", text, value=done["started"] or 0)
    text = "Seconds that drawing a chart in all its forms took"
    count, seconds = done["count"] or 0, done["seconds"] or 0.0
    yield SummaryMetricFamily("crr_chart_drawing_seconds", text, count, seconds)
    text = "The longest that the newest drawing of any chart took"
    yield gauge("crr_chart_drawing_seconds_most", text, [("", newest["slowest"] or 0.0)])
    values = [("", newest["at"].timestamp())] if newest["at"] else []
    yield gauge("crr_chart_drawn_timestamp_seconds", "When a chart was last drawn", values)
