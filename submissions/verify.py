"""Checks of what is promised about stored reports: bytes against digest, facts against bytes,
states against trail.
"""

import hashlib
from collections.abc import Iterator

from registry.models import RawReport, Reading
from submissions.read import read
from submissions.reparse import facts_in, facts_of


def broken_promises() -> Iterator[str]:
    """One sentence for each broken promise; none when all is well."""
    for report in RawReport.objects.order_by("pk").iterator(chunk_size=200):
        yield from _bytes(report)
        yield from _facts(report)


def _bytes(report: RawReport) -> Iterator[str]:
    if (
        report.body is not None
        and hashlib.sha256(bytes(report.body)).hexdigest() != report.body_sha256
    ):
        yield f"report {report.public_id}: its bytes do not have their sha256"
    if not report.events.exists():
        yield f"report {report.public_id}: nothing in its trail"


def _facts(report: RawReport) -> Iterator[str]:
    reading = Reading.objects.filter(report=report, active=True).first()
    if report.status == RawReport.Status.PUBLISHED and reading is None:
        yield f"report {report.public_id}: published without facts"
    if reading is None or report.body is None:
        return
    try:
        content = read(bytes(report.body), report.format, report.imported)
    except Exception as error:  # whatever it is, it is this report's fault and is named so
        yield f"report {report.public_id}: its bytes cannot be read again: {error}"
        return
    if facts_of(reading) != facts_in(content):
        yield f"report {report.public_id}: its facts are not what its bytes say"
