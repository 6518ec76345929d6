"""What charts add to `/metrics`."""

from collections.abc import Iterable

from django.utils import timezone
from prometheus_client.core import Metric

from charts.models import Chart, Drawing
from registry.metrics import gauge


def families() -> Iterable[Metric]:
    stale = Chart.objects.stale().watched()
    yield gauge("crr_charts", "Saved charts", [("", Chart.objects.count())])
    yield gauge("crr_charts_stale", "Watched charts older than the facts", [("", stale.count())])
    due = stale.filter(not_before__lte=timezone.now())
    oldest = due.order_by("not_before").values_list("not_before", flat=True).first()
    age_s = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield gauge("crr_charts_due_seconds", "How long the oldest of them is due", [("", age_s)])
    drawn = Drawing.objects.order_by("-drawn_at").values_list("drawn_at", flat=True).first()
    newest = [("", drawn.timestamp())] if drawn else []
    yield gauge("crr_chart_drawn_timestamp_seconds", "When a chart was last drawn", newest)
