"""What Prometheus scrapes: the state of the whole registry, read from its database when it asks, so
every process answers the same, and what the processes of this host counted (`registry.traffic`).
The applications add theirs when they start (`add`).
"""

from collections import Counter
from collections.abc import Callable, Iterable

from django.db.models import Count
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from registry import backup, traffic
from registry.models import Generation, RawReport, Reading
from registry.models.summary import waiting_s
from registry.readiness import free_bytes

LOOKED_AT = 1000
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Family = Callable[[], Iterable[Metric]]
_families: list[Family] = []


def add(family: Family) -> None:
    """Have `family` asked at each scrape; once, at the start."""
    if family not in _families:
        _families.append(family)


def exposition() -> bytes:
    """Every metric in Prometheus' text format."""
    try:
        return _exposed()
    except FileNotFoundError:  # a process just begins, and removed what one that is gone counted
        return _exposed()


def _exposed() -> bytes:
    registry = CollectorRegistry()
    for family in (_reports, _flags, _summaries, _disk, _backups, *_families):
        registry.register(_Collector(family))
    traffic.add_to(registry)
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return self._family()

    def describe(self) -> Iterable[Metric]:
        return ()  # else the registry asks the database once more for the names


def gauge(name: str, text: str, values: Iterable[tuple[str, float]], label: str = "") -> Metric:
    """A gauge with one label, or without one where `label` is empty."""
    family = GaugeMetricFamily(name, text, labels=[label] if label else None)
    for key, value in values:
        family.add_metric([key] if label else [], value)
    return family


def _reports() -> Iterable[Metric]:
    counted = dict(RawReport.objects.values_list("status").annotate(Count("pk")))
    values = [(status, counted.get(status, 0)) for status in RawReport.Status.values]
    yield gauge("crr_reports", "Reports by editorial state", values, "status")


def _flags() -> Iterable[Metric]:
    newest = Reading.objects.filter(active=True).order_by("-report_id").values_list("flags")
    counted = Counter(
        rule for (flags,) in newest[:LOOKED_AT] for rule in {flag["rule"] for flag in flags}
    )
    text = f"Of the newest {LOOKED_AT} reports that were read, how many a rule flagged"
    yield gauge("crr_flagged", text, sorted(counted.items()), "rule")


def _disk() -> Iterable[Metric]:
    text = "Room on the disk of charts, or of DATA_DIR where they are in a bucket"
    yield gauge("crr_disk_free_bytes", text, [("", free_bytes())])


def _backups() -> Iterable[Metric]:
    done = {"written": backup.noted(backup.WRITTEN), "rehearsed": backup.noted(backup.REHEARSED)}
    text = "When a backup was last written here, and one last rehearsed"
    values = [(step, at.timestamp()) for step, at in done.items() if at]
    yield gauge("crr_backup_timestamp_seconds", text, values, "step")


def _summaries() -> Iterable[Metric]:
    waiting = Reading.objects.filter(summarised=False).count()
    yield gauge("crr_readings_waiting", "Readings not yet counted in summaries", [("", waiting)])
    text = "How long the oldest of them has waited"
    yield gauge("crr_readings_waiting_seconds", text, [("", waiting_s())])
    text = "Rises with every change of the summaries"
    yield gauge("crr_generation", text, [("", Generation.current())])
