"""What intake adds to `/metrics`."""

from collections.abc import Iterable

from django.db.models import Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, Metric

from registry.metrics import gauge
from registry.models import RawReport
from submissions.models import Refusal


def families() -> Iterable[Metric]:
    refused = CounterMetricFamily("crr_refusals", "Bodies refused, by error code", labels=["code"])
    for code, count in Refusal.objects.values_list("code").annotate(Sum("count")):
        refused.add_metric([code], count)
    yield refused
    waiting = RawReport.objects.filter(status=RawReport.Status.RECEIVED)
    yield gauge("crr_reports_unread", "Reports stored and not yet read", [("", waiting.count())])
    oldest = waiting.order_by("received_at").values_list("received_at", flat=True).first()
    age_s = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield gauge("crr_reports_unread_seconds", "Age of the oldest of them", [("", age_s)])
