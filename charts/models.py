"""Saved charts, their newest drawing, and the frozen ones whose bytes never change.

`Chart.wanted` is the generation of facts the chart ought to show, `drawn` the one it shows. A
drawing is content-addressed files (`charts.artefacts`) and one row that is written last, so a
reader sees the old drawing or the new one, whole.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from charts.params import REPORTS_SCOPE, ChartParams, slug_of
from registry.models import Generation, Submitter
from registry.refusal import Refused

# Many times what a drawing takes. Each attempt in a row that came to nothing doubles it, so that a
# chart that kills its workers leaves them time for the others.
LEASE = timedelta(seconds=20)
DOUBLINGS = 7
# The database's clock is everybody's; SQLite's has milliseconds.
TICK = timedelta(milliseconds=1)

WATCHED = timedelta(days=7)


@dataclass(frozen=True)
class Quota:
    """How much is kept of what strangers ask for: of one, an address or a network of IPv6, in a day
    of UTC, and of all in 24 hours.
    """

    what: str
    of_one: int
    of_all: int

    def require(self, made: models.QuerySet[Any], made_by: Submitter | None, at: str) -> None:
        """Raises Refused 429 where this sender, or all of them, made enough; `at` is the field that
        says when.
        """
        now, day = timezone.now(), timedelta(days=1)
        if made_by and made.filter(made_by=made_by).count() >= self.of_one:
            free_at = made_by.created_at.replace(hour=0, minute=0, second=0, microsecond=0) + day
            message = f"{self.of_one} new {self.what} came from this address today"
            raise _enough(f"{message}: save the rest tomorrow.", free_at - now)
        newest = made.filter(**{f"{at}__gte": now - day}).order_by(f"-{at}").values_list(at)
        if last := newest[self.of_all - 1 : self.of_all].first():
            raise _enough(f"Enough new {self.what} for a day: try tomorrow.", last[0] + day - now)


def _enough(message: str, wait: timedelta) -> Refused:
    retry_after_s = max(math.ceil(wait.total_seconds()), 1)
    return Refused(429, "quota_reached", message, retry_after_s=retry_after_s)


NEW_CHARTS = Quota("charts", of_one=50, of_all=200)
NEW_FROZEN = Quota("frozen charts", of_one=50, of_all=500)  # some 165 KB each, kept for ever


class ChartQuerySet(models.QuerySet["Chart"]):
    def stale(self) -> "ChartQuerySet":
        """Charts whose facts moved on since they were drawn."""
        return self.filter(wanted__gt=F("drawn"))

    def due(self) -> "ChartQuerySet":
        """Stale, past their throttle, and not being drawn by somebody. A rest or lease that is
        longer than any is given was written while the clock was wrong.
        """
        rest = timedelta(seconds=settings.CHART_THROTTLE_SECONDS)
        rested = Q(not_before__lte=Now() + TICK) | Q(not_before__gt=Now() + rest)
        lost = Q(lease_until__lt=Now()) | Q(lease_until__gt=Now() + LEASE * 2**DOUBLINGS)
        return self.stale().filter(rested, Q(lease_until=None) | lost)

    def mark(self, generation: int) -> int:
        """Want these charts drawn from `generation`. Returns how many were marked."""
        since = Case(When(wanted__lte=F("drawn"), then=Now()), default=F("stale_since"))
        behind = self.filter(wanted__lt=generation)
        return behind.update(wanted=generation, stale_since=since)

    def redraw(self) -> None:
        """Want these charts drawn as if they never were."""
        self.filter(drawn__gte=0).update(drawn=-1, stale_since=Now())

    def watched(self) -> "ChartQuerySet":
        """Charts that are kept fresh: those with a name, those somebody asked for lately, and those
        about reports, which show the figures of a report that may be withdrawn.
        """
        forgotten = Q(name="", asked_at__lt=timezone.now() - WATCHED)
        return self.exclude(forgotten & ~Q(scope__startswith=REPORTS_SCOPE))

    def longest_due(self) -> "ChartQuerySet":
        return self.order_by(Greatest("not_before", "stale_since"), "pk")

    def asked(self, slug: str) -> None:
        """Note that somebody asked for a chart; at the most one write an hour."""
        now = timezone.now()
        self.filter(slug=slug, asked_at__lt=now - timedelta(hours=1)).update(asked_at=now)

    def claim(self, chart_id: int) -> int | None:
        """Take the lease on drawing a due chart. Returns the number of the attempt, which nobody
        else has; None when the chart is not due or somebody draws it.
        """
        due = self.due().filter(pk=chart_id)
        before = due.values_list("started", "in_vain").first()
        if before is None:
            return None
        started, in_vain = before
        lease = LEASE * 2 ** min(in_vain, DOUBLINGS)
        taken = due.filter(started=started).update(
            started=started + 1, in_vain=in_vain + 1, lease_until=Now() + lease
        )
        return started + 1 if taken else None

    def save_comparison(self, params: ChartParams, address: str = "") -> tuple["Chart", bool]:
        """The chart of these parameters, and whether it is new, which counts for the sender at
        `address`. Raises Refused 429.
        """
        known = self.filter(slug=slug_of(params)).first()
        if known:
            return known, False
        made_by = Submitter.of_today(address) if address else None
        unnamed = self.filter(name="")
        NEW_CHARTS.require(unnamed, made_by, "created_at")
        return self.get_or_create(
            slug=slug_of(params),
            defaults={
                "params": params.as_dict(),
                "scope": params.scope,
                "wanted": Generation.current(),
                "made_by": made_by,
            },
        )


class Chart(models.Model):
    slug = models.CharField(max_length=64, unique=True)
    name = models.CharField(
        max_length=120, blank=True
    )  # for staff: an anonymous chart holds no user's text
    params = models.JSONField()
    # Of the parameters: what the facts must be of to change it; empty until mark_changed().
    scope = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(default=timezone.now)
    wanted = models.BigIntegerField(default=0)
    drawn = models.BigIntegerField(default=-1)
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    stale_since = models.DateTimeField(default=timezone.now, db_default=Now())
    started = models.BigIntegerField(default=0, db_default=0)  # attempts; the last has the lease
    in_vain = models.PositiveIntegerField(default=0, db_default=0)  # since the last drawing
    drawings = models.BigIntegerField(default=0, db_default=0)
    drawing_s = models.FloatField(default=0.0, db_default=0.0)  # what all of them took
    # Who asked for it first, by the address of that day; nobody for charts with a name.
    made_by = models.ForeignKey(Submitter, null=True, on_delete=models.SET_NULL)

    objects = ChartQuerySet.as_manager()

    class Meta:
        indexes = [
            # due(): the sweep
            models.Index(
                fields=["not_before"], name="chart_due", condition=Q(wanted__gt=F("drawn"))
            ),
            # mark_changed(): the scopes there are, and the charts of one
            models.Index(fields=["scope", "wanted"], name="chart_by_scope"),
        ]

    def __str__(self) -> str:
        return self.slug


class Marked(models.Model):
    """One row: every chart there was when facts of this generation were looked at is marked with
    what had changed up to it. Who saves a chart later finds those facts when it is drawn first.
    """

    generation = models.BigIntegerField()

    def __str__(self) -> str:
        return f"marked up to {self.generation}"

    @classmethod
    def up_to(cls) -> int:
        return cls.objects.filter(pk=1).values_list("generation", flat=True).first() or 0

    @classmethod
    def note(cls, generation: int) -> None:
        """It never falls, whoever was faster."""
        if not cls.objects.filter(pk=1, generation__lt=generation).update(generation=generation):
            first = Marked(pk=1, generation=generation)
            Marked.objects.bulk_create([first], ignore_conflicts=True)


class Drawing(models.Model):
    """The newest drawing of a chart. `files` maps an ending (`png`) to {"digest", "size"}."""

    chart = models.OneToOneField(Chart, on_delete=models.CASCADE, related_name="drawing")
    generation = models.BigIntegerField()
    spec = models.JSONField()
    digest = models.CharField(max_length=64)  # of the spec
    files = models.JSONField()
    drawn_at = models.DateTimeField()
    took_s = models.FloatField(default=0.0, db_default=0.0)

    def __str__(self) -> str:
        return f"{self.chart_id} from generation {self.generation}"


class FrozenChart(models.Model):
    """A drawing under an address that never changes; `version` starts the spec's digest."""

    chart = models.ForeignKey(Chart, on_delete=models.PROTECT, related_name="frozen")
    version = models.CharField(max_length=12)
    digest = models.CharField(max_length=64)
    spec = models.JSONField()
    files = models.JSONField()
    drawn_at = models.DateTimeField()
    frozen_at = models.DateTimeField(default=timezone.now)
    # By the address of that day; nobody for what the registry froze by itself.
    made_by = models.ForeignKey(Submitter, null=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chart", "version"], name="frozen_version")]

    def __str__(self) -> str:
        return f"{self.chart_id}/{self.version}"
