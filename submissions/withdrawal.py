"""What a report's sender may do with its claim token: edit notes and visibility, or withdraw."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from registry import hints
from registry.models import RawReport
from registry.refusal import Refused
from registry.tasks import summarise_readings
from submissions.privacy import Scrubber

NOTES_LENGTH = 10_000


def edit(report: RawReport, changes: dict[str, Any]) -> None:
    """Apply `{"notes", "visibility"}`. Raises Refused 422 with every fault."""
    found = list(_faults(changes))
    if found:
        raise Refused(422, "invalid", "The change is not valid.", found)
    before = report.visibility
    with transaction.atomic():
        if "notes" in changes:
            report.notes = Scrubber().scrub(changes["notes"] or "")
        if "visibility" in changes:
            report.visibility = changes["visibility"]
        report.save(update_fields=["notes", "visibility"])
        report.record("edited", actor="sender", fields=sorted(changes))
        if report.visibility != before:
            report.touch_summaries()
            hints.after_commit(summarise_readings)


def withdraw(report: RawReport) -> None:
    """Hide the report at once; its id, digests and dates stay."""
    with transaction.atomic():
        report.move_to(RawReport.Status.WITHDRAWN, actor="sender", reason="withdrawn by its sender")
        hints.after_commit(summarise_readings)


def _faults(changes: dict[str, Any]) -> Iterator[dict[str, str]]:
    for name in sorted(changes.keys() - {"notes", "visibility"}):
        yield {"path": name[:100], "message": "only notes and visibility can be changed"}
    notes = changes.get("notes")
    if notes is not None and (not isinstance(notes, str) or len(notes) > NOTES_LENGTH):
        yield {"path": "notes", "message": f"expected text of at most {NOTES_LENGTH:,} characters"}
    if "visibility" in changes and changes["visibility"] not in RawReport.Visibility.values:
        yield {"path": "visibility", "message": "expected public or unlisted"}
