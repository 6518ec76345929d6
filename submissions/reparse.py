"""Reading everything again: new readings beside the old, then the switch, report by report.

A report whose new reading says the same is left alone, so a run without a new parser or vocabulary
changes nothing, and a run after one that was killed does what is left. What a rule or a moderator
decided about a report stays decided; what was held because nobody could read it is published when
it can be read now, and what a restore published without facts gets them.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from registry import hints
from registry.models import RawReport, Reading
from registry.tasks import summarise_readings
from registry.vocabulary import VOCABULARY_VERSION
from submissions.facts import NO_FACTS, differences, facts_in, facts_of
from submissions.ingest import judge, write_readings
from submissions.intake import publish
from submissions.parsing import PARSER_VERSION
from submissions.read import Content, read

log = logging.getLogger(__name__)

REPORTS_AT_ONCE = 50
REPORTS_TOLD = 100
LINES_TOLD = 10
_ACTIVE = Reading.objects.filter(report=OuterRef("pk"), active=True)


@dataclass
class Outcome:
    """Counts before and after. Of reports whose facts changed, the first `REPORTS_TOLD` with up to
    `LINES_TOLD` lines each; of those that could not be read again, all, with the reason. `freed`
    were held unread and can be read now.
    """

    dry_run: bool = False
    reports: int = 0
    results_before: int = 0
    results_after: int = 0
    n_changed: int = 0
    n_switched: int = 0
    changed: dict[str, list[str]] = field(default_factory=dict)
    freed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def reparse(dry_run: bool = False, progress: Callable[[int, int], None] | None = None) -> Outcome:
    """Read every report that has bytes and was not withdrawn. Old readings stay beside the new.

    Walks in closed batches up to the last report there is now: a cursor left open would meet the
    rows it writes, and on SQLite hold a snapshot from which nothing can be written. Each report is
    one short transaction, so that the site goes on writing.
    """
    outcome = Outcome(dry_run)
    waiting = _to_reread()
    ids = list(waiting.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), REPORTS_AT_ONCE):
        switched = outcome.n_switched
        for report in list(waiting.filter(pk__in=ids[start : start + REPORTS_AT_ONCE])):
            _reparse_one(report, outcome)
        if outcome.n_switched > switched:
            hints.send(summarise_readings, True)
        if progress:
            progress(min(start + REPORTS_AT_ONCE, len(ids)), len(ids))
    return outcome


def _to_reread() -> QuerySet[RawReport]:
    """Those with facts, those held without, and those that a restore published without. What waits
    as received is the sweep's.
    """
    kept = RawReport.objects.filter(body__isnull=False).exclude(status=RawReport.Status.WITHDRAWN)
    unread = kept.filter(status__in=(RawReport.Status.HELD, RawReport.Status.PUBLISHED))
    return (kept.filter(Exists(_ACTIVE)) | unread).order_by("pk")


def _reparse_one(report: RawReport, outcome: Outcome) -> None:
    reading = Reading.of(report)
    n_before = reading.results.count() if reading else 0
    outcome.reports += 1
    outcome.results_before += n_before
    try:
        content = read(bytes(report.body or b""), report.format, report.imported)
        if reading is None and report.status == RawReport.Status.HELD:
            _free(report, content, outcome)
        else:
            _compare(report, reading, content, outcome)
    except Exception as error:  # one report that cannot be read keeps no other from it
        outcome.results_after += n_before
        if reading is None and report.status == RawReport.Status.HELD:
            return  # because it could not be read: it still cannot
        log.exception("reading report %s again failed", report.public_id)
        outcome.failed[report.public_id] = f"{type(error).__name__}: {error}"[:200]
        return
    outcome.results_after += len(content.results)


def _compare(
    report: RawReport, reading: Reading | None, content: Content, outcome: Outcome
) -> None:
    before, after = facts_of(reading) if reading else NO_FACTS, facts_in(content)
    is_new = reading is None or (reading.parser_version, reading.vocabulary_version) != (
        PARSER_VERSION,
        VOCABULARY_VERSION,
    )
    if before != after:
        outcome.n_changed += 1
        if len(outcome.changed) < REPORTS_TOLD:
            lines = islice(differences(before, after), LINES_TOLD + 1)
            outcome.changed[report.public_id] = _at_most(list(lines))
    if (is_new or before != after) and not outcome.dry_run:
        outcome.n_switched += _switch(report, reading, content)


def _at_most(lines: list[str]) -> list[str]:
    return lines if len(lines) <= LINES_TOLD else [*lines[:LINES_TOLD], "and more"]


def _switch(report: RawReport, reading: Reading | None, content: Content) -> bool:
    """Write the new reading and make it the active one, whatever state the report is in; False when
    somebody was faster.
    """
    with transaction.atomic():
        locked = RawReport.objects.select_for_update().defer("body").get(pk=report.pk)
        active = Reading.of(report)
        if locked.status == RawReport.Status.WITHDRAWN or active != reading:
            return False
        write_readings(judge([(locked, content)]))
        locked.record(
            "reparsed", actor="operator", parser=PARSER_VERSION, vocabulary=VOCABULARY_VERSION
        )
    return True


def _free(report: RawReport, content: Content, outcome: Outcome) -> None:
    """Publish what was held because it could not be read; a person's decision stands."""
    last = report.events.changes().last()
    if last is None or last.actor != "reader":
        return
    outcome.freed.append(report.public_id)
    if outcome.dry_run:
        return
    with transaction.atomic():
        locked = RawReport.objects.select_for_update().defer("body").get(pk=report.pk)
        if locked.status == RawReport.Status.HELD:
            publish(locked, content)
            RawReport.objects.filter(pk=report.pk).update(last_error="")
            outcome.n_switched += 1
