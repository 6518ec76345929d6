"""What a report's sender may do with its claim token: edit notes and visibility, or withdraw. And
what follows: 30 days later the bytes and facts of a withdrawn report are erased.
"""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from registry import hints, safe_json
from registry.models import Generation, RawReport, Run
from registry.refusal import Refused
from registry.tasks import summarise_readings
from submissions.privacy import Scrubber

NOTES_LENGTH = 10_000
WITHDRAWN = RawReport.Status.WITHDRAWN


def edit(report: RawReport, changes: dict[str, Any], actor: str = "sender") -> RawReport:
    """Apply `{"notes", "visibility"}`. Raises Refused 422 with every fault, 410 when withdrawn."""
    found = list(_faults(changes))
    if found:
        raise Refused(422, "invalid", "The change is not valid.", found)
    notes = Scrubber().scrub(changes.get("notes") or "")
    with transaction.atomic():
        report = RawReport.objects.select_for_update().get(pk=report.pk)
        if report.status == WITHDRAWN:
            raise Refused(410, "withdrawn", "This report was withdrawn: nothing can be changed.")
        before = report.visibility
        report.notes = notes if "notes" in changes else report.notes
        report.visibility = changes.get("visibility", before)
        report.save(update_fields=["notes", "visibility"])
        report.record("edited", actor, fields=sorted(changes))
        if report.visibility != before:
            report.touch_summaries()
            hints.after_commit(summarise_readings)
    return report


def withdraw(report: RawReport) -> None:
    """Hide the report at once and for ever, whatever its state; its id, digests and dates stay.
    Doing it again changes nothing.
    """
    with transaction.atomic():
        report = RawReport.objects.select_for_update().defer("body").get(pk=report.pk)
        if report.status != WITHDRAWN:
            report.move_to(WITHDRAWN, actor="sender", reason="withdrawn by its sender")
            hints.after_commit(summarise_readings)


def erase_due(limit: int) -> int:
    """Erase bytes and facts of up to `limit` reports that were withdrawn 30 days ago. Returns how
    many were looked at.
    """
    due = list(RawReport.objects.to_erase().order_by("id").values_list("pk", flat=True)[:limit])
    for report_id in due:
        with transaction.atomic():
            # Locked and looked at again: another worker may have erased it.
            report = RawReport.objects.select_for_update().get(pk=report_id)
            if report.erased_at is None:
                _erase(report)
    return len(due)


def _erase(report: RawReport) -> None:
    """Everything the sender said goes; id, digests, dates, reason and trail stay. Charts no longer
    count it among what was withdrawn lately.
    """
    runs = Run.objects.filter(reading__report=report).order_by()
    Generation.note_change(set(runs.values_list("recipe_id", flat=True).distinct()))
    report.reading_set.all().delete()
    report.body, report.erased_at, report.machine = None, timezone.now(), None
    report.notes = report.last_error = ""
    report.save(update_fields=["body", "erased_at", "machine", "notes", "last_error"])
    report.record("erased", actor="registry", reason="30 days after it was withdrawn")


def _faults(changes: dict[str, Any]) -> Iterator[dict[str, str]]:
    if not changes:
        yield {"path": "", "message": "nothing to change: give notes, visibility or both"}
    yield from safe_json.faults(changes)
    for name in sorted(changes.keys() - {"notes", "visibility"}):
        yield {"path": name[:100], "message": "only notes and visibility can be changed"}
    notes = changes.get("notes")
    if notes is not None and (not isinstance(notes, str) or len(notes) > NOTES_LENGTH):
        yield {"path": "notes", "message": f"expected text of at most {NOTES_LENGTH:,} characters"}
    if "visibility" in changes and changes["visibility"] not in RawReport.Visibility.values:
        yield {"path": "visibility", "message": "expected public or unlisted"}
