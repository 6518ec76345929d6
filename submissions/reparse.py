"""Reading everything again: new readings beside the old, then the switch, report by report.

A report whose new reading says the same is left alone, so a run without a new parser or vocabulary
changes nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import transaction

from registry import hints
from registry.models import RawReport, Reading
from registry.models.identity import digest_of
from registry.tasks import summarise_readings
from registry.vocabulary import VOCABULARY_VERSION
from submissions.ingest import write_reading
from submissions.parsing import PARSER_VERSION
from submissions.read import Content, read

log = logging.getLogger(__name__)

REPORTS_AT_ONCE = 200


@dataclass
class Outcome:
    """Counts of results before and after, public ids of reports whose facts changed, reasons of
    those that failed.
    """

    reports: int = 0
    results_before: int = 0
    results_after: int = 0
    changed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def reparse(dry_run: bool = False, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Read every report that has bytes and facts. Old readings stay beside the new ones.

    Walks in closed batches up to the last report there is now: a cursor left open would meet the
    rows it writes, and on SQLite hold a snapshot from which nothing can be written.
    """
    outcome = Outcome()
    readings = Reading.objects.filter(active=True, report__body__isnull=False)
    reports = list(readings.order_by("report_id").values_list("report_id", flat=True))
    for start in range(0, len(reports), REPORTS_AT_ONCE):
        batch = readings.filter(report__in=reports[start : start + REPORTS_AT_ONCE])
        for reading in list(batch.select_related("report").order_by("report_id")):
            _reparse_one(reading, outcome, dry_run)
        if progress:
            progress(min(start + REPORTS_AT_ONCE, len(reports)), len(reports))
    if outcome.changed and not dry_run:
        hints.send(summarise_readings)
    return outcome


def _reparse_one(reading: Reading, outcome: Outcome, dry_run: bool) -> None:
    report = reading.report
    n_before = reading.results.count()
    outcome.reports += 1
    outcome.results_before += n_before
    try:
        content = read(bytes(report.body or b""), report.format, report.imported)
        same = facts_of(reading) == facts_in(content)
        versions = (reading.parser_version, reading.vocabulary_version)
        if not dry_run and not (same and versions == (PARSER_VERSION, VOCABULARY_VERSION)):
            _switch(report, content)
    except Exception as error:  # one report that cannot be read keeps no other from it
        log.exception("reading report %s again failed", report.public_id)
        outcome.failed[report.public_id] = f"{type(error).__name__}: {error}"[:200]
        outcome.results_after += n_before
        return
    outcome.results_after += len(content.results)
    if not same:
        outcome.changed.append(report.public_id)


def _switch(report: RawReport, content: Content) -> None:
    with transaction.atomic():
        write_reading(report, content)
        report.record(
            "reparsed", actor="operator", parser=PARSER_VERSION, vocabulary=VOCABULARY_VERSION
        )


def facts_of(reading: Reading) -> list[tuple[Any, ...]]:
    """The facts of a stored reading in comparable form."""
    rows = reading.runs.order_by("run_index", "position").values_list(
        "run_index", "position", "recipe__digest", "system__digest", "value", "bound", "part"
    )
    return [tuple(row) for row in rows]


def facts_in(content: Content) -> list[tuple[Any, ...]]:
    """The same form for what a reader has just read."""
    return sorted(
        (
            r.run_index,
            r.position,
            digest_of(r.recipe),
            digest_of(r.system),
            r.value,
            r.bound,
            r.part,
        )
        for r in content.runs
    )
