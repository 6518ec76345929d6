"""Writing prepared items: many reports in one transaction, each as intake would have stored it.

In: a batch of the pool. Out: a note for each item. What cannot be written together is written one
by one, so that a report that breaks the database keeps no other out.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q

from registry.models import Machine, RawReport, ReportEvent, Result, Submitter
from registry.models.identity import keyed_digest
from submissions import intake
from submissions.dump.records import FOLLOWED, REASON_LENGTH, Record
from submissions.importers.item import Item, Note
from submissions.importers.mbox import Figure
from submissions.importers.pool import Batch, PreparedBatch
from submissions.importers.records import IMPORTED
from submissions.intake import Prepared

log = logging.getLogger(__name__)

ACTOR = "operator"
New = tuple[Item, Prepared, RawReport]


class _Reports:
    """The reports that items made, found by their bytes or by their source_ref."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._digests = {id(item): _digest_of(item) for item in items}
        named = {item.source_ref for item in items if item.source_ref}
        kept = {item.record.id for item in items if item.record and item.keeps}
        same = Q(received_digest__in=self._digests.values())
        if named:
            same |= Q(source__in=IMPORTED, source_ref__in=named)
        if kept:
            same |= Q(public_id__in=kept)
        found = RawReport.objects.filter(same).defer("body") if items else ()
        self._found: dict[str | None, RawReport] = {}
        for report in found:
            self._remember(report)

    def of(self, item: Item) -> RawReport | None:
        names = [self._digests[id(item)], item.source_ref]
        names += [item.record.id] if item.record and item.keeps else []
        return next((self._found[name] for name in names if name and name in self._found), None)

    def new(self, item: Item) -> RawReport:
        """A report that is not yet filled; a later item of the same bytes finds it."""
        report = RawReport(
            received_digest=self._digests[id(item)],
            source=item.record.source if item.record else RawReport.Source.IMPORT,
            source_ref=item.source_ref,
        )
        if item.record and item.keeps:
            report.public_id = item.record.id
            report.received_at = datetime.fromisoformat(item.record.received_at)
        self._remember(report)
        return report

    def _remember(self, report: RawReport) -> None:
        for name in (report.received_digest, report.public_id, report.source_ref):
            if name:
                self._found[name] = report


def _digest_of(item: Item) -> str:
    return digest_of_record(item.record.id) if item.record else keyed_digest("received", item.body)


def digest_of_record(public_id: str) -> str:
    """What a sender's bytes were is known to the registry that took them in, and not here."""
    return keyed_digest("dump", public_id.encode())


def without_known(batch: Batch) -> Batch:
    """The batch with a note in the place of each item that is stored already."""
    reports = _Reports([thing for thing in batch if isinstance(thing, Item)])
    noted: Batch = []
    for thing in batch:
        report = reports.of(thing) if isinstance(thing, Item) else None
        noted.append(thing if report is None else _known(thing.place, report))
    return noted


def origin(address: str, public_id: str) -> str:
    """How the trail names the report that one was at the registry at `address`."""
    return f"{address}/r/{public_id}"[:REASON_LENGTH]


def place(url: str) -> str:
    """The same by http and by https."""
    return url.partition("://")[2]


def store(batch: PreparedBatch, followed: str = "") -> list[Note]:
    """Store what is ready; a note for everything in the batch, in its order. `followed` is the
    address of the registry that it comes from, where that is followed.
    """
    ready = [
        (item, became)
        for item, became in batch
        if isinstance(item, Item) and isinstance(became, Prepared)
    ]
    reports = _Reports([item for item, _ in ready])
    new = [(item, became, reports.new(item)) for item, became in ready if not reports.of(item)]
    written = {id(item): report for item, _, report in _write(new, followed)}
    return [_note(thing, became, written, reports) for thing, became in batch]


def _note(
    thing: Item | Note,
    became: Prepared | Note,
    written: Mapping[int, RawReport],
    reports: _Reports,
) -> Note:
    if isinstance(became, Note) or isinstance(thing, Note):
        assert isinstance(became, Note)  # a note stands for itself
        return became
    report = written.get(id(thing))
    if report is None:
        there = reports.of(thing)
        assert there is not None  # it was known, or it was written
        return _known(thing.place, there)
    return _stored(thing.place, report, became)


def _known(place: str, report: RawReport) -> Note:
    message = "stored by an earlier import or sent before"
    return Note(place, "known", message=message, report=report.public_id, status=report.status)


def _stored(place: str, report: RawReport, prepared: Prepared) -> Note:
    held = report.status == RawReport.Status.HELD
    content = prepared.content
    message = report.status_reason if content else "stored unread, the sweep will try again"
    if prepared.body is None:
        message = "its tombstone"
    return Note(
        place,
        "held" if held else "stored",
        message=message,
        report=report.public_id,
        status=report.status,
        n_results=len(content.results) if content else 0,
        warnings=tuple(content.warnings) if content else (),
    )


def _write(new: Sequence[New], followed: str) -> list[New]:
    """Write them all at once, or one by one where that fails. Gives those that are written now."""
    _fill(new, followed)
    try:
        with transaction.atomic():
            intake.write_new([(report, ready.content) for _, ready, report in new], ACTOR)
            _keep([(report, item.record) for item, _, report in new if item.record and item.keeps])
            _note_origin([(report, item.record) for item, _, report in new], followed)
    except DatabaseError:
        log.exception("writing %d reports together failed, they are written one by one", len(new))
        return [written for one in new if (written := _write_alone(*one, followed))]
    return list(new)


def _fill(new: Sequence[New], followed: str) -> None:
    """Everything that the reports say themselves, senders included."""
    imported = {id(item): link for item, ready, _ in new if (link := _link(item, ready))}
    submitters = Submitter.for_links(set(imported.values()), is_import=True)
    machines = Machine.for_ids({ready.machine_id for _, ready, _ in new if ready.machine_id})
    of_dumps = [(item, item.record) for item, _, _ in new if item.record]
    senders = Submitter.for_links(
        {_named(item, record.submitter, followed) for item, record in of_dumps}
    )
    restored = Machine.for_public_ids(
        {record.machine for item, record in of_dumps if record.machine and item.keeps}
    )
    others = Machine.for_ids(
        {
            _named(item, record.machine, followed)
            for item, record in of_dumps
            if record.machine and not item.keeps
        }
    )
    for item, ready, report in new:
        intake.fill(report, ready)
        if item.record is None:
            report.submitter = submitters[imported[id(item)]]
            report.machine = machines.get(ready.machine_id or "")
            continue
        report.submitter = senders[_named(item, item.record.submitter, followed)]
        if item.record.machine:
            report.machine = (
                restored[item.record.machine]
                if item.keeps
                else others[_named(item, item.record.machine, followed)]
            )
        if item.record.body is None:
            gone_at = item.record.events[-1].at if item.record.events else item.record.received_at
            report.body_sha256 = item.record.body_sha256
            report.erased_at = datetime.fromisoformat(gone_at)


def _named(item: Item, number: str, followed: str) -> str:
    """A machine or a sender by the number that its dump gives it. The numbers of another registry
    are none of ours, whatever it lists: a vote of our machines is nobody else's.
    """
    return f"dump {number}" if item.keeps else f"dump of {place(followed)} {number}"


def _link(item: Item, ready: Prepared) -> str:
    return "" if item.record else f"import {item.source} {ready.machine_id or item.machine}"


def _keep(restored: Sequence[tuple[RawReport, Record]]) -> None:
    """State and trail as the records have them, whatever the rules of this registry would say."""
    ReportEvent.objects.filter(report__in=[report.pk for report, _ in restored]).delete()
    for report, record in restored:
        report.status, report.status_reason = record.status, record.status_reason
        report.notes = record.notes
    RawReport.objects.bulk_update(
        [report for report, _ in restored], ["status", "status_reason", "notes"]
    )
    ReportEvent.objects.bulk_create(
        ReportEvent(
            report=report,
            at=datetime.fromisoformat(event.at),
            kind=event.kind,
            actor=event.actor,
            reason=event.reason,
        )
        for report, record in restored
        for event in record.events
    )
    ReportEvent.objects.bulk_create(
        report.event("erased", ACTOR, "Its bytes are in no dump.")
        for report, record in restored
        if record.body is None and "erased" not in {event.kind for event in record.events}
    )


def _note_origin(new: Iterable[tuple[RawReport, Record | None]], followed: str) -> None:
    """In the transaction that stores them: no report is here whose origin is not known."""
    ReportEvent.objects.bulk_create(
        report.event(FOLLOWED, ACTOR, origin(followed, record.id))
        for report, record in new
        if record and followed
    )


def _write_alone(item: Item, prepared: Prepared, failed: RawReport, followed: str) -> New | None:
    """As intake stores one; None where somebody else has just stored it."""
    report = RawReport(
        received_digest=failed.received_digest,
        source=failed.source,
        source_ref=failed.source_ref,
        submitter=failed.submitter,
        machine=failed.machine,
        public_id=failed.public_id,
        received_at=failed.received_at,
        body_sha256=failed.body_sha256,
        erased_at=failed.erased_at,
    )
    try:
        with transaction.atomic():
            intake.store(report, prepared, ACTOR)
            if item.record and item.keeps:
                _keep([(report, item.record)])
            _note_origin([(report, item.record)], followed)
    except IntegrityError:
        if _Reports([item]).of(item) is None:
            raise
        return None
    return item, prepared, report


def figures_of(references: Iterable[str]) -> set[Figure]:
    """The figures of imported posts, by Message-ID."""
    posts = RawReport.objects.filter(source=RawReport.Source.IMPORT, source_ref__in=references)
    columns = (
        "test",
        "value",
        "unit",
        "elapsed_time_s",
        "request_size_bytes",
        "response_size_bytes",
    )
    found = Result.objects.filter(reading__report__in=posts, reading__active=True)
    return set(found.values_list(*columns))
