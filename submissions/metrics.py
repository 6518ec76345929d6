"""What intake adds to `/metrics`."""

from collections.abc import Iterable
from contextlib import suppress

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, Metric

from registry.metrics import gauge
from registry.models import RawReport
from submissions.dump.folder import SUMS
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
    with suppress(FileNotFoundError):  # none was written here
        written_at = (settings.DUMP_DIR / SUMS).stat().st_mtime
        yield gauge(
            "crr_dump_timestamp_seconds", "When the dump was last whole", [("", written_at)]
        )
