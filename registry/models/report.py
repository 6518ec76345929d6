"""What was received: the scrubbed bytes of every report, for ever, and the trail of what happened
to it.

`RawReport.status` is the editorial state; `attempts`, `not_before`, `lease_until` and `last_error`
are the processing state, and the two never mix. Written by `submissions`, read by everything.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils import timezone

from registry.models.factors import Machine, Submitter
from registry.models.identity import PUBLIC_ID_LENGTH, new_public_id

MAX_ATTEMPTS = 5
LEASE = timedelta(minutes=2)
BACK_OFF_BASE = 4  # minutes: after 1, 4, 16, 64 an attempt is made again
LONGEST_BACK_OFF = timedelta(minutes=BACK_OFF_BASE ** (MAX_ATTEMPTS - 1))
BODY_KEPT = timedelta(days=30)  # after withdrawal
ENVELOPE = "envelope/1"


class ReportQuerySet(models.QuerySet["RawReport"]):
    def listed(self) -> "ReportQuerySet":
        """Reports that appear in lists and figures."""
        return self.filter(
            status=RawReport.Status.PUBLISHED, visibility=RawReport.Visibility.PUBLIC
        )

    def taken_out_since(self, instant: datetime) -> "ReportQuerySet":
        """Reports that were there at `instant` and were withdrawn or rejected after it; when, is
        their `taken_out_at`.
        """
        gone = (RawReport.Status.WITHDRAWN, RawReport.Status.REJECTED)
        later = ReportEvent.objects.filter(
            report=OuterRef("pk"), kind=OuterRef("status"), at__gt=instant
        )
        when = Subquery(later.order_by("-id").values("at")[:1])
        found = self.filter(received_at__lte=instant, status__in=gone)
        return found.annotate(taken_out_at=when).filter(taken_out_at__isnull=False)

    def to_erase(self) -> "ReportQuerySet":
        """Withdrawn 30 days ago or longer, and whose cells are without them already."""
        withdrawn = ReportEvent.objects.filter(
            report=OuterRef("pk"),
            kind=RawReport.Status.WITHDRAWN,
            at__lte=timezone.now() - BODY_KEPT,
        )
        found = self.filter(Exists(withdrawn), status=RawReport.Status.WITHDRAWN, erased_at=None)
        return found.exclude(reading__summarised=False)

    def newest(self) -> "ReportQuerySet":
        """For lists, which do not need what is long in a report: its bytes."""
        return self.order_by("-id").defer("body")

    def to_read(self) -> "ReportQuerySet":
        """Stored but not yet read, due now, and not being read by somebody else. What lies further
        ahead than we ever set it was set by a clock that was wrong, and holds nobody up.
        """
        now = timezone.now()
        is_free = Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + 2 * LEASE)
        is_due = Q(not_before__lte=now) | Q(not_before__gt=now + 2 * LONGEST_BACK_OFF)
        return self.filter(is_free, is_due, status=RawReport.Status.RECEIVED)

    def claim(self, report_id: int) -> bool:
        """Take the lease on a report that is to be read; False when another worker has it. Counts
        the attempt.
        """
        lease = timezone.now() + LEASE
        claimed = self.to_read().filter(pk=report_id)
        return bool(claimed.update(lease_until=lease, attempts=F("attempts") + 1))


class RawReport(models.Model):
    class Status(models.TextChoices):
        RECEIVED = "received"
        PUBLISHED = "published"
        HELD = "held"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    class Visibility(models.TextChoices):
        PUBLIC = "public"
        UNLISTED = "unlisted"

    class Source(models.TextChoices):
        API = "api"
        PASTE = "paste"
        IMPORT = "import"
        SEED = "seed"

    SHOWN = (Status.RECEIVED, Status.PUBLISHED, Status.HELD)
    STATE = ("status", "status_reason", "visibility", "notes")  # what its page says and may change

    public_id = models.CharField(max_length=PUBLIC_ID_LENGTH, unique=True, default=new_public_id)
    # HMAC of the bytes as they came, before scrubbing: the same bytes are the same report, also
    # after withdrawal.
    received_digest = models.CharField(max_length=64, unique=True)
    idempotency_digest = models.CharField(max_length=64, unique=True, null=True)
    claim_digest = models.CharField(max_length=64, blank=True)
    body = models.BinaryField(null=True)
    body_sha256 = models.CharField(max_length=64)
    erased_at = models.DateTimeField(null=True)
    scrubber_version = models.PositiveIntegerField()
    format = models.CharField(max_length=32)
    source = models.CharField(max_length=16, choices=Source.choices)
    source_ref = models.CharField(max_length=255, null=True)
    received_at = models.DateTimeField(default=timezone.now)
    machine = models.ForeignKey(Machine, null=True, on_delete=models.PROTECT)
    submitter = models.ForeignKey(Submitter, on_delete=models.PROTECT)

    status = models.CharField(max_length=16, choices=Status.choices, default=Status.RECEIVED)
    status_reason = models.CharField(max_length=200, blank=True)
    visibility = models.CharField(
        max_length=16, choices=Visibility.choices, default=Visibility.PUBLIC
    )
    notes = models.TextField(blank=True)

    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_ref"], name="report_source_ref_unique"
            ),
            models.CheckConstraint(
                condition=Q(body__isnull=False, erased_at=None)
                | Q(body=None, erased_at__isnull=False),
                name="report_body_or_erased",
            ),
        ]
        indexes = [
            # newest(): the home page and the list of reports
            models.Index(fields=["status", "visibility", "-id"], name="report_listed"),
            # to_read(): the sweep
            models.Index(
                fields=["not_before"], name="report_to_read", condition=Q(status="received")
            ),
            # the day's quota of one sender
            models.Index(fields=["submitter", "received_at"], name="report_by_submitter"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def imported(self) -> bool:
        """Came in by an operator's import, and in a form that leaves things out: shown with its
        source, metadata incomplete, never ranked. An envelope counts as if it had been sent.
        """
        is_import = self.source in {self.Source.IMPORT, self.Source.SEED}
        return is_import and self.format != ENVELOPE

    def record(self, kind: str, actor: str, reason: str = "", **details: Any) -> "ReportEvent":
        """Add one row to the trail."""
        event = self.event(kind, actor, reason, **details)
        event.save()
        return event

    def event(self, kind: str, actor: str, reason: str = "", **details: Any) -> "ReportEvent":
        """A row of the trail that is not yet written."""
        return ReportEvent(
            report=self, kind=kind, actor=actor, reason=reason[:200], details=details
        )

    def move_to(
        self,
        status: "RawReport.Status",
        actor: str,
        reason: str = "",
        status_reason: str | None = None,
        **details: Any,
    ) -> bool:
        """Change the editorial state and record who did it and why; facts are summed up anew.

        `status_reason` is the reason of the state where it is not that of the change: an undone
        change gives the state before it back, with its reason. False when somebody was faster.
        """
        before = {"before": self.status, "before_reason": self.status_reason}
        reason_kept = (reason if status_reason is None else status_reason)[:200]
        values: dict[str, Any] = {"status": status, "status_reason": reason_kept}
        if status == RawReport.Status.RECEIVED:  # to be read, with all its attempts before it
            values |= {"attempts": 0, "not_before": timezone.now(), "lease_until": None}
        with transaction.atomic():
            unmoved = RawReport.objects.filter(pk=self.pk, status=self.status)
            if not unmoved.update(**values):
                return False
            for name, value in values.items():
                setattr(self, name, value)
            self.record(status, actor, reason, **before, **details)
            self.touch_summaries()
        return True

    def touch_summaries(self) -> None:
        """Have the cells of this report summed up again."""
        self.reading_set.filter(active=True).mark()


class EventQuerySet(models.QuerySet["ReportEvent"]):
    def changes(self) -> "EventQuerySet":
        """The changes of the editorial state, the oldest first; `kind` is the state."""
        return self.filter(kind__in=RawReport.Status.values).order_by("id")


class ReportEvent(models.Model):
    """One thing that happened to a report. Rows are only ever added.

    `actor` is sender, intake, reader, operator, registry, `rule:<name>` or `moderator:<name>`. The
    event of a state has the state before it in `details`: {"before", "before_reason"}.
    """

    report = models.ForeignKey(RawReport, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=32)
    actor = models.CharField(max_length=64)
    reason = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.report_id} {self.kind}"
