"""The page of the registry's own state: what waits, what came last, and by which versions its
reports were read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry.models import Generation, RawReport, Reading
from registry.models.summary import waiting_s
from registry.readiness import BACKLOG_LIMIT_S
from registry.vocabulary import VOCABULARY_VERSION

KEPT_SECONDS = 10  # long enough that a crowd asks the database once
_IMPORTED = (RawReport.Source.IMPORT, RawReport.Source.SEED)


@dataclass(frozen=True)
class Version:
    """How many reports were read, or scrubbed, by one version."""

    what: str
    version: str
    n_reports: int


@dataclass(frozen=True)
class State:
    """`waiting_s` is how long the oldest report waits to be counted; `imported` is when the last
    import came and what it was of.
    """

    by_status: tuple[tuple[str, int], ...]
    n_waiting: int
    waiting_s: float
    generation: Generation | None
    received_at: datetime | None
    imported: tuple[datetime, str] | None
    versions: tuple[Version, ...]

    @property
    def is_late(self) -> bool:
        return self.waiting_s > BACKLOG_LIMIT_S


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    state = cache.get_or_set("status", _state, KEPT_SECONDS)
    context: dict[str, Any] = {"state": state, "vocabulary": VOCABULARY_VERSION}
    return render(request, "registry/status.html", context)


def _state() -> State:
    counted = dict(RawReport.objects.values_list("status").annotate(Count("pk")))
    newest = RawReport.objects.order_by("-id")
    imported = newest.filter(source__in=_IMPORTED)
    return State(
        by_status=tuple((status, counted.get(status, 0)) for status in RawReport.Status.values),
        n_waiting=Reading.objects.filter(summarised=False).count(),
        waiting_s=waiting_s(),
        generation=Generation.objects.filter(pk=1).first(),
        received_at=newest.values_list("received_at", flat=True).first(),
        imported=imported.values_list("received_at", "format").first(),
        versions=tuple(_versions()),
    )


def _versions() -> Sequence[Version]:
    """Newest versions first: what still stands below them waits for `reparse_reports`."""
    columns = {
        "parser": "parser_version",
        "vocabulary": "vocabulary_version",
        "scrubber": "report__scrubber_version",
    }
    rows = Reading.objects.filter(active=True).order_by().values_list(*columns.values())
    found: dict[tuple[str, int], int] = {}
    for *versions, count in rows.annotate(Count("pk")):
        for key in zip(columns, versions, strict=True):
            found[key] = found.get(key, 0) + count
    return [
        Version(what, str(version), count)
        for (what, version), count in sorted(found.items(), key=lambda each: each[0], reverse=True)
    ]
