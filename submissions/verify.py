"""Checks of what is promised about stored reports: bytes against digest, facts against bytes,
states against trail, that what was withdrawn is erased in time, and the chain of manifests.
"""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from django.conf import settings
from django.db.models import Max, Q
from django.utils import timezone

from registry.models import RawReport, Reading, ReportEvent
from registry.models.report import BODY_KEPT
from registry.models.walk import walk
from registry.verify import not_as_promised
from registry.vocabulary import VOCABULARY_VERSION
from submissions.dump import chain
from submissions.facts import facts_in, facts_of
from submissions.parsing import PARSER_VERSION
from submissions.read import read

Status = RawReport.Status
REPORTS_AT_ONCE = 50
ERASURE_LATE = timedelta(days=1)  # the task runs every hour


def broken_promises() -> Iterator[str]:
    """One sentence for each broken promise; none when all is well."""
    for report in walk(RawReport.objects.all(), REPORTS_AT_ONCE):
        for fault in _faults(report) and _lasting_faults(report.pk):
            yield f"report {report.public_id}: {fault}"
    broken_chain = list(chain.broken_promises(settings.DUMP_DIR))
    yield from broken_chain or not_as_promised(chain.published(settings.DUMP_DIR))


def remarks() -> Iterator[str]:
    """What could not be checked, and is no broken promise."""
    current = Q(parser_version=PARSER_VERSION, vocabulary_version=VOCABULARY_VERSION)
    old = Reading.objects.filter(~current, active=True).count()
    if old:
        yield (
            f"{old} reports were read by another version of parser or vocabulary, so their facts "
            "were not compared with their bytes: manage.py reparse_reports reads them anew"
        )


def _faults(report: RawReport) -> list[str]:
    return [*_bytes(report), *_trail(report), *_erasure(report), *_facts(report)]


def _lasting_faults(report_id: int) -> list[str]:
    """Those of the report as it is now; one that something happens to meanwhile is looked at again,
    since whatever changes it is an event of its trail.
    """
    events = ReportEvent.objects.filter(report=report_id)
    while True:
        last = events.aggregate(last=Max("pk"))
        found = _faults(RawReport.objects.get(pk=report_id))
        if events.aggregate(last=Max("pk")) == last:
            return found


def _bytes(report: RawReport) -> Iterator[str]:
    if report.body is None:
        return
    if hashlib.sha256(bytes(report.body)).hexdigest() != report.body_sha256:
        yield "its bytes do not have their sha256"


def _trail(report: RawReport) -> Iterator[str]:
    changes = list(report.events.changes())
    if not changes:
        yield "nothing in its trail"
        return
    if changes[-1].kind != report.status:
        yield f"it is {report.status}, and its trail ends with {changes[-1].kind}"
    for earlier, later in pairwise(changes):
        before = later.details.get("before", earlier.kind)
        if before != earlier.kind:
            yield f"its trail has a gap: {later.kind} after {before}, which was {earlier.kind}"


def _erasure(report: RawReport) -> Iterator[str]:
    if report.erased_at:
        if report.status != Status.WITHDRAWN:
            yield "erased, and not withdrawn"
        if report.reading_set.exists():
            yield "erased, and facts of it are left"
        if not report.events.filter(kind="erased").exists():
            yield "erased, and its trail does not say so"
    elif report.status == Status.WITHDRAWN and _is_overdue(report.events.changes().last()):
        yield "withdrawn more than 30 days ago, and not erased"


def _is_overdue(withdrawal: ReportEvent | None) -> bool:
    if withdrawal is None:
        return False
    return withdrawal.at < timezone.now() - BODY_KEPT - ERASURE_LATE


def _facts(report: RawReport) -> Iterator[str]:
    reading = Reading.of(report)
    if reading is None:
        if report.status == Status.PUBLISHED:
            yield "published without facts"
        return
    versions = (reading.parser_version, reading.vocabulary_version)
    if report.body is None or versions != (PARSER_VERSION, VOCABULARY_VERSION):
        return
    try:
        content = read(bytes(report.body), report.format, report.imported)
    except Exception as error:  # whatever it is, it is this report's fault and is named so
        yield f"its bytes cannot be read again: {error}"
        return
    if not facts_of(reading).same_figures(facts_in(content)):
        yield "its facts are not what its bytes say"
