"""What a report says: versioned readings of its bytes. A re-read writes a new reading beside the
old one, then switches.
"""

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, When
from django.utils import timezone

from registry.models.factors import Machine, Recipe, Submitter, System
from registry.models.report import RawReport
from registry.models.written_once import WrittenOnce

VALUE_LIMIT = 10**15
REPLACED_KEPT = timedelta(days=90)


class Bound(models.TextChoices):
    """How a figure bounds the truth. Only exact figures enter statistics."""

    EXACT = "exact"
    APPROXIMATE = "approximate"
    AT_MOST = "at_most"
    AT_LEAST = "at_least"


class ReadingQuerySet(models.QuerySet["Reading"]):
    def outdated(self) -> "ReadingQuerySet":
        """Readings that were replaced 90 days ago or longer, and that no cell counts any more."""
        later = Reading.objects.filter(
            report=OuterRef("report"),
            pk__gt=OuterRef("pk"),
            created_at__lte=timezone.now() - REPLACED_KEPT,
        )
        return self.filter(Exists(later), active=False, summarised=True)

    def mark(self, **values: Any) -> None:
        """Have these readings summed up anew; those that wait already go on waiting."""
        marked = Case(When(summarised=True, then=timezone.now()), default=F("marked_at"))
        self.update(summarised=False, marked_at=marked, **values)


class Reading(models.Model):
    """One report as one version of the parser and the vocabularies understood it."""

    report = models.ForeignKey(RawReport, on_delete=models.CASCADE)
    parser_version = models.PositiveIntegerField()
    vocabulary_version = models.PositiveIntegerField()
    active = models.BooleanField()
    created_at = models.DateTimeField(default=timezone.now)
    warnings = models.JSONField(default=list)
    unrecognised = models.JSONField(default=list)
    flags = models.JSONField(default=list)  # [{"rule", "message", "mode"}]
    environment = models.JSONField(default=dict)  # the allow-listed, validated environment, as sent
    # Digest of the digits of all exact figures; empty where so few may agree by chance.
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    summarised = models.BooleanField(default=False)
    marked_at = models.DateTimeField(null=True)  # when it was last marked to be summed up anew
    # The generation in which summing it up changed cells last.
    generation = models.BigIntegerField(default=0, db_default=0)

    objects = ReadingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["report"], condition=Q(active=True), name="reading_one_active"
            ),
        ]
        indexes = [
            # Cell.summarise(): what is not yet summed up
            models.Index(fields=["id"], name="reading_to_sum", condition=Q(summarised=False)),
            # the rule same_figures: who sent these figures before
            models.Index(
                fields=["fingerprint"], name="reading_by_figures", condition=~Q(fingerprint="")
            ),
        ]

    def __str__(self) -> str:
        return f"reading {self.pk} of {self.report_id}"

    @staticmethod
    def of(report: RawReport) -> "Reading | None":
        """The active reading of a report; None before it was read."""
        found: Reading | None = _active.first(report.pk)
        return found

    @staticmethod
    def replace_in(report_ids: list[int]) -> None:
        """Make room for new active readings: those before stay beside them, and all are summed up
        anew.
        """
        Reading.objects.filter(report__in=report_ids, active=True).mark(active=False)


_active = WrittenOnce(lambda report: Reading.objects.filter(report=report, active=True))


class Result(models.Model):
    """One figure that one netperf output prints; null is what the output does not give."""

    reading = models.ForeignKey(Reading, on_delete=models.CASCADE, related_name="results")
    run_index = models.PositiveIntegerField()
    output_index = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    test = models.CharField(max_length=64)
    value = models.FloatField()
    unit = models.CharField(max_length=16)
    bound = models.CharField(max_length=16, choices=Bound.choices, default=Bound.EXACT)
    elapsed_time_s = models.FloatField(null=True)
    request_size_bytes = models.BigIntegerField(null=True)
    response_size_bytes = models.BigIntegerField(null=True)
    message_size_bytes = models.BigIntegerField(null=True)
    local_send_socket_bytes = models.BigIntegerField(null=True)
    local_recv_socket_bytes = models.BigIntegerField(null=True)
    remote_send_socket_bytes = models.BigIntegerField(null=True)
    remote_recv_socket_bytes = models.BigIntegerField(null=True)
    sent_value = models.FloatField(null=True)
    local_cpu_percent = models.FloatField(null=True)
    remote_cpu_percent = models.FloatField(null=True)
    local_service_demand_us = models.FloatField(null=True)
    remote_service_demand_us = models.FloatField(null=True)
    mean_latency_us = models.FloatField(null=True)
    min_latency_us = models.FloatField(null=True)
    max_latency_us = models.FloatField(null=True)
    p50_latency_us = models.FloatField(null=True)
    p90_latency_us = models.FloatField(null=True)
    p99_latency_us = models.FloatField(null=True)
    stddev_latency_us = models.FloatField(null=True)
    netperf_confidence_level = models.FloatField(null=True)
    netperf_confidence_width_percent = models.FloatField(null=True)
    migrated = models.BooleanField(null=True)
    address_family = models.CharField(max_length=8, null=True)
    warnings = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reading", "run_index", "output_index", "position"], name="result_place"
            ),
            models.CheckConstraint(
                condition=Q(value__gte=0, value__lt=VALUE_LIMIT), name="result_value_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.test} {self.value} {self.unit}"


class Run(models.Model):
    """One netperf invocation, or N started together as N streams, whose results it sums."""

    class Part(models.TextChoices):
        FIGURE = "figure"  # enters cells
        WARM_UP = "warm_up"  # declared so by the plan
        PARTIAL = "partial"  # cut short, or a stream of it gave no result
        ARM = "arm"  # of an experiment: feeds effects only

    reading = models.ForeignKey(Reading, on_delete=models.CASCADE, related_name="runs")
    run_index = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT)
    system = models.ForeignKey(System, on_delete=models.PROTECT)
    machine = models.ForeignKey(Machine, null=True, on_delete=models.PROTECT)
    submitter = models.ForeignKey(Submitter, on_delete=models.PROTECT)
    value = models.FloatField()
    bound = models.CharField(max_length=16, choices=Bound.choices, default=Bound.EXACT)
    part = models.CharField(max_length=16, choices=Part.choices, default=Part.FIGURE)
    started_at = models.DateTimeField(null=True)
    telemetry = models.JSONField(null=True)
    moved = models.JSONField(default=list)  # names of the counters that rose during it, sorted

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reading", "run_index", "position"], name="run_place"),
            models.CheckConstraint(
                condition=Q(value__gte=0, value__lt=VALUE_LIMIT), name="run_value_in_range"
            ),
        ]
        indexes = [
            # Cell.summarise(): all runs of one cell
            models.Index(fields=["recipe", "system", "machine", "submitter"], name="run_of_cell"),
        ]

    def __str__(self) -> str:
        return f"run {self.run_index} of {self.reading_id}"
