"""Taking a report in: check, redact, read, and one transaction that stores bytes, trail and facts
together.

The answer comes with the POST. What is refused leaves nothing but a count; what is stored is never
lost, and if our own reading of it breaks, it waits as `received` for the sweep. Nothing after the
commit can change the answer.
"""

import hashlib
import hmac
import logging
import math
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from registry import hints
from registry.errors import DATABASE_AWAY
from registry.models import Machine, RawReport, ReportEvent, Submitter
from registry.models.identity import keyed_digest
from registry.models.rows import create, insert
from registry.models.written_once import WrittenOnce
from registry.refusal import Refused
from registry.tasks import REST_S, summarise_readings
from submissions.accounts.models import Account
from submissions.decode import decode
from submissions.ingest import Judged, Written, judge, write_readings
from submissions.moderation import hold
from submissions.privacy import SCRUBBER_VERSION
from submissions.read import Content, read_document
from submissions.redact import redacted, stored_bytes
from submissions.together import Together
from submissions.validate import validate

log = logging.getLogger(__name__)

ACTOR, SENDER = "intake", "sender"
CLAIM_PREFIX = "crrc_"
SECRET_LENGTH_LIMIT = 200
_DAY = timedelta(days=1)


# A report that is filled, and what its bytes say, None where they could not be read.
New = tuple[RawReport, Content | None]


@dataclass(frozen=True)
class Sender:
    """Who sends: the peer's address, the two secrets that the client made, where it brought them,
    and the account whose API token came with the report.
    """

    address: str
    idempotency_key: str | None = None
    claim_token: str | None = None
    account: Account | None = None


@dataclass(frozen=True)
class Receipt:
    """What intake answers: `claim_token` is set only where we made it, `created` is False for a
    repeat. `written` is None where nothing was read now.
    """

    report: RawReport
    created: bool
    claim_token: str | None = None
    written: Written | None = None


@dataclass(frozen=True)
class Prepared:
    """A body that was checked and read: the scrubbed bytes to store and what they say. `content` is
    None where reading broke on our side, `body` too for a restored report whose bytes were erased.
    """

    body: bytes | None
    format: str
    machine_id: str | None
    content: Content | None
    unlisted: bool


def prepare(body: bytes, media_type: str, imported: bool = False) -> Prepared:
    """Decode, validate, redact and read `body`. Raises Refused; stores nothing."""
    document = decode(body, media_type)
    envelope = document.envelope or {}
    warnings = validate(envelope) if document.envelope is not None else []
    clean = redacted(document)
    content: Content | None = None
    try:
        content = read_document(clean, imported)
        content.warnings[:0] = warnings
        refuse_flagged(content)
    except Refused:
        raise
    except Exception:
        # A fault of ours must not cost the sender the report: it is stored, and read later.
        log.exception("reading a report failed, it will be stored unread")
    return Prepared(
        body=stored_bytes(clean),
        format=clean.format,
        machine_id=envelope.get("machine_id"),
        content=content,
        unlisted=envelope.get("visibility") == RawReport.Visibility.UNLISTED,
    )


def refuse_flagged(content: Content) -> None:
    """Refuse what breaks a rule whose mode is refuse, and name the rule."""
    broken = [flag for flag in content.flags if flag["mode"] == "refuse"]
    if broken:
        message = f"The report breaks the plausibility rule {broken[0]['rule']}."
        details = [{"path": flag["rule"], "message": flag["message"]} for flag in broken]
        raise Refused(422, "implausible", message, details)


def submit(
    body: bytes, media_type: str, sender: Sender, source: str = RawReport.Source.API
) -> Receipt:
    """Take in one report. Raises Refused; a repeat of the same bytes or key gives the report there
    is.
    """
    digest = keyed_digest("received", body)
    repeated = _repeated(digest, sender.idempotency_key)
    if repeated:
        return Receipt(repeated, created=False)
    prepared = prepare(body, media_type)
    submitter = _submitter(sender)
    made_token = None if sender.claim_token else CLAIM_PREFIX + secrets.token_urlsafe(32)
    report = RawReport(
        received_digest=digest,
        idempotency_digest=_digest(sender.idempotency_key),
        claim_digest=_digest(sender.claim_token or made_token) or "",
        source=source,
        machine=Machine.for_id(prepared.machine_id) if prepared.machine_id else None,
        submitter=submitter,
    )
    try:
        written = store(report, prepared, SENDER)
    except IntegrityError:
        repeated = _repeated(digest, sender.idempotency_key)
        if repeated is None:
            raise
        return Receipt(repeated, created=False)
    return Receipt(report, created=True, claim_token=made_token, written=written)


def store(report: RawReport, prepared: Prepared, actor: str) -> Written | None:
    """Fill `report` from `prepared` and store bytes, trail and facts in one transaction, which is
    the caller's, or is shared with whatever else senders bring now. None where there are no facts
    yet: if they cannot be written, the bytes are stored all the same.
    """
    fill(report, prepared)
    new = report, prepared.content
    is_shared = actor == SENDER and not connection.in_atomic_block
    try:
        return _store_together(new) if is_shared else _store_all([new], actor)[0]
    except Exception as error:
        if prepared.content is None:
            raise
        _store_all([(report, None)], actor)  # raises again where the bytes are at fault
        log.error("writing the facts of a report failed, the sweep tries again", exc_info=error)
        return None


def _store_all(new: Sequence[New], actor: str = SENDER) -> list[Written | None]:
    try:
        with transaction.atomic():
            written = write_new(new, actor)
            hints.after_commit(summarise_readings, True, rest_s=REST_S)
    except BaseException:
        for report, _ in new:  # as they were, for another try
            report.pk, report.status = None, RawReport.Status.RECEIVED
            report.status_reason = report.notes = ""
        raise
    by_report = {one.reading.report_id: one for one in written}
    return [by_report.get(report.pk) for report, _ in new]


_store_together = Together[New, Written | None](_store_all, hopeless=DATABASE_AWAY)


def write_new(new: Sequence[New], actor: str) -> list[Written]:
    """Store new reports, filled before: with their facts, where these could be read, public, or
    held where a rule says so. The caller holds the transaction. Many take as many statements as
    one. Gives what was written of those that were read.
    """
    judged = judge([(report, content) for report, content in new if content])
    for one in judged:
        one.report.notes = one.content.notes
        if not one.caught_by():
            one.report.status = RawReport.Status.PUBLISHED
    create([report for report, _ in new])
    written = write_readings(judged, are_first=True)
    events = {report.pk: list(_first_events(report, actor)) for report, _ in new}
    insert(ReportEvent, (vars(event) for trail in events.values() for event in trail))
    held = {one.report.pk for one in judged if _hold_caught(one)}
    return [
        one if one.reading.report_id in held else replace(one, events=events[one.reading.report_id])
        for one in written
    ]


def _first_events(report: RawReport, actor: str) -> Iterator[ReportEvent]:
    yield report.event("received", actor, format=report.format)
    if report.status == RawReport.Status.PUBLISHED:
        yield report.event(report.status, ACTOR, before=RawReport.Status.RECEIVED)


def _hold_caught(judged: Judged) -> bool:
    """Hold the report where a rule says so."""
    rules = judged.caught_by()
    return bool(rules) and hold(judged.report, *next(iter(rules.items())), rules=rules)


def fill(report: RawReport, prepared: Prepared) -> None:
    """The bytes that are stored, and what they are."""
    if prepared.body is not None:
        report.body, report.body_sha256 = prepared.body, hashlib.sha256(prepared.body).hexdigest()
    report.format, report.scrubber_version = prepared.format, SCRUBBER_VERSION
    if prepared.unlisted:
        report.visibility = RawReport.Visibility.UNLISTED


def publish(report: RawReport, content: Content) -> None:
    """Write the facts of a stored report and make it public, or hold it where a rule says so. The
    caller holds the transaction.
    """
    (judged,) = judge([(report, content)])
    write_readings([judged])
    before, report.notes = report.status, report.notes or content.notes
    if judged.caught_by():
        report.save(update_fields=["notes"])
        _hold_caught(judged)
        return
    report.status, report.status_reason = RawReport.Status.PUBLISHED, ""
    report.save(update_fields=["status", "status_reason", "notes"])
    report.record(RawReport.Status.PUBLISHED, actor=ACTOR, before=before)


def _repeated(received_digest: str, idempotency_key: str | None) -> RawReport | None:
    """The report these bytes already made. Raises Refused when the key came with other bytes."""
    keys = [key for (key,) in _same(received_digest, _digest(idempotency_key))]
    if not keys:
        return None
    found = list(RawReport.objects.filter(pk__in=keys).select_related("machine"))
    if any(report.received_digest != received_digest for report in found):
        raise Refused(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key was used with another body: make a new key for a new report.",
        )
    return found[0] if found else None


def _same_bytes_or_key(received: str, idempotency: str | None) -> Any:
    same = Q(received_digest=received)
    if idempotency:
        same |= Q(idempotency_digest=idempotency)
    return RawReport.objects.filter(same).values_list("pk")


_same = WrittenOnce(_same_bytes_or_key)


def _digest(secret: str | None) -> str | None:
    return hashlib.sha256(secret.encode()).hexdigest() if secret else None


def _submitter(sender: Sender) -> Submitter:
    """The opaque row of the account, else of the day's address, within its quota. Raises Refused
    429.
    """
    now = timezone.now()
    account = sender.account
    submitter = account.submitter if account else Submitter.of_today(sender.address)
    limit = settings.REPORTS_PER_DAY
    if not limit:
        return submitter
    sent = RawReport.objects.filter(submitter=submitter, received_at__gte=now - _DAY)
    n_sent = sent.count()
    if n_sent >= limit:
        whose = "this account" if sender.account else "this address"
        message = f"{limit} reports came from {whose} today: send the rest tomorrow."
        times = sent.order_by("received_at").values_list("received_at", flat=True)
        free_at = times[n_sent - limit] + _DAY
        if not sender.account:  # whose row is of the day
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
            free_at = min(free_at, midnight)
        wait_s = math.ceil((free_at - now).total_seconds())
        raise Refused(429, "quota_reached", message, retry_after_s=max(wait_s, 1))
    return submitter


def claimed_by(report: RawReport, token: str) -> bool:
    """Whether `token` is the report's claim token, compared in constant time."""
    return bool(report.claim_digest) and hmac.compare_digest(
        report.claim_digest, _digest(token) or ""
    )
