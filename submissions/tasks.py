"""Celery tasks of intake: read what was stored but could not be read at once; erase what is due."""

import contextlib
import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from registry import hints
from registry.models import RawReport, Reading
from registry.models.report import BACK_OFF_BASE, MAX_ATTEMPTS
from registry.refusal import Refused
from registry.tasks import REST_S, summarise_readings
from submissions.accounts import visitors
from submissions.dump.folder import Busy
from submissions.intake import publish
from submissions.read import read
from submissions.withdrawal import erase_due

log = logging.getLogger(__name__)

REPORTS_AT_ONCE = 50
ERASED_AT_ONCE = 50
DUMP_LIMIT_S = 6 * 3600


@shared_task
def read_report(report_id: int) -> None:
    """Read one stored report. A report that breaks us five times is held; it never loops and never
    hides.
    """
    if not RawReport.objects.claim(report_id):
        return
    report = RawReport.objects.get(pk=report_id)
    if report.attempts > MAX_ATTEMPTS:  # it took its reader down with it each time
        report.move_to(RawReport.Status.HELD, actor="reader", reason="processing_failed")
        return
    try:
        assert report.body is not None  # only withdrawn reports lose their bytes
        content = read(bytes(report.body), report.format, report.imported)
        with transaction.atomic():
            # Locked and looked at again: it may have been withdrawn while it was read.
            report = RawReport.objects.select_for_update().get(pk=report_id)
            if report.status == RawReport.Status.RECEIVED:
                publish(report, content)
            RawReport.objects.filter(pk=report_id).update(lease_until=None, last_error="")
            hints.after_commit(summarise_readings, True, rest_s=REST_S)
    except Refused as refused:
        report.move_to(RawReport.Status.HELD, actor="reader", reason=refused.message)
    except Exception as error:
        log.exception("reading report %s failed", report.public_id)
        _put_off(report, error)


def _put_off(report: RawReport, error: Exception) -> None:
    """Try again later: after 1, 4, 16, 64 minutes; then hold it."""
    report.last_error, report.lease_until = f"{type(error).__name__}: {error}"[:500], None
    report.not_before = timezone.now() + timedelta(minutes=BACK_OFF_BASE ** (report.attempts - 1))
    report.save(update_fields=["last_error", "lease_until", "not_before"])
    if report.attempts >= MAX_ATTEMPTS:
        report.move_to(RawReport.Status.HELD, actor="reader", reason="processing_failed")


@shared_task
def sweep() -> None:
    """Read whatever waits."""
    waiting = RawReport.objects.to_read().order_by("id").values_list("pk", flat=True)
    for report_id in waiting[:REPORTS_AT_ONCE]:
        read_report(report_id)


@shared_task
def erase_withdrawn() -> None:
    """Erase what was withdrawn 30 days ago; a full batch calls for another."""
    if erase_due(ERASED_AT_ONCE) == ERASED_AT_ONCE:
        hints.send(erase_withdrawn)


@shared_task
def prune_readings() -> None:
    """Remove readings that were replaced 90 days ago; a full batch calls for another."""
    outdated = Reading.objects.outdated().order_by("id").values_list("pk", flat=True)
    due = list(outdated[:ERASED_AT_ONCE])
    for reading_id in due:  # one transaction each, since each may hold thousands of rows
        Reading.objects.filter(pk=reading_id).delete()
    if len(due) == ERASED_AT_ONCE:
        hints.send(prune_readings)


@shared_task
def forget_visitors() -> None:
    """Forget who came to sign up or in and went."""
    visitors.forget()


@shared_task(time_limit=DUMP_LIMIT_S, soft_time_limit=DUMP_LIMIT_S)
def export_dump() -> None:
    """Write the nightly dump. A second worker that was told the same leaves it to the first."""
    from submissions.dump.export import export  # pyarrow is slow to load, and needed once a night

    with contextlib.suppress(Busy):
        export(settings.DUMP_DIR, chained=True)
