"""Taking a report in: check, redact, read, and one transaction that stores bytes, trail and facts
together.

The answer comes with the POST. What is refused leaves nothing but a count; what is stored is never
lost, and if our own reading of it breaks, it waits as `received` for the sweep. Nothing after the
commit can change the answer.
"""

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from registry import hints
from registry.models import Machine, RawReport, Reading, Submitter
from registry.models.identity import keyed_digest
from registry.refusal import Refused
from registry.tasks import REST_S, summarise_readings
from submissions.decode import decode
from submissions.ingest import Written, write_reading
from submissions.moderation import hold
from submissions.privacy import SCRUBBER_VERSION
from submissions.read import Content, read_document
from submissions.redact import redacted, stored_bytes
from submissions.validate import validate

log = logging.getLogger(__name__)

ACTOR = "intake"
CLAIM_PREFIX = "crrc_"
SECRET_LENGTH_LIMIT = 200


@dataclass(frozen=True)
class Sender:
    """Who sends: the peer's address and the two secrets that the client made, where it brought
    them.
    """

    address: str
    idempotency_key: str | None = None
    claim_token: str | None = None


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
    None where reading broke on our side.
    """

    body: bytes
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
    submitter = _submitter(sender.address)
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
        written = store(report, prepared, actor="sender")
    except IntegrityError:
        repeated = _repeated(digest, sender.idempotency_key)
        if repeated is None:
            raise
        return Receipt(repeated, created=False)
    return Receipt(report, created=True, claim_token=made_token, written=written)


def store(report: RawReport, prepared: Prepared, actor: str) -> Written | None:
    """Fill `report` from `prepared` and store bytes, trail and facts in one transaction. None where
    there are no facts yet.
    """
    fill(report, prepared)
    written = None
    with transaction.atomic():
        report.save()
        report.record("received", actor, format=report.format)
        if prepared.content is not None:
            written = _try_to_publish(report, prepared.content)
        hints.after_commit(summarise_readings, rest_s=REST_S)
    return written


def fill(report: RawReport, prepared: Prepared) -> None:
    """The bytes that are stored, and what they are."""
    report.body, report.body_sha256 = prepared.body, hashlib.sha256(prepared.body).hexdigest()
    report.format, report.scrubber_version = prepared.format, SCRUBBER_VERSION
    if prepared.unlisted:
        report.visibility = RawReport.Visibility.UNLISTED


def caught_by(reading: Reading) -> dict[str, str]:
    """The rules that hold a report with this reading, and why. Refusing is for senders who wait for
    the answer; what was accepted before is held.
    """
    return {
        flag["rule"]: flag["message"]
        for flag in reading.flags
        if flag["mode"] in ("hold", "refuse")
    }


def _try_to_publish(report: RawReport, content: Content) -> Written | None:
    """The facts in a savepoint: if they cannot be written, the bytes are stored all the same."""
    try:
        with transaction.atomic():
            return publish(report, content)
    except Exception:
        log.exception("writing the facts of a report failed, the sweep will try again")
        report.status, report.status_reason = RawReport.Status.RECEIVED, ""
        return None


def publish(report: RawReport, content: Content) -> Written:
    """Write the facts and make the report public, or hold it where a rule says so. The caller
    holds the transaction.
    """
    written = write_reading(report, content)
    caught = caught_by(written.reading)
    before, report.notes = report.status, report.notes or content.notes
    if caught:
        report.save(update_fields=["notes"])
        hold(report, *next(iter(caught.items())), rules=caught)
        return written
    report.status, report.status_reason = RawReport.Status.PUBLISHED, ""
    report.save(update_fields=["status", "status_reason", "notes"])
    report.record(RawReport.Status.PUBLISHED, actor=ACTOR, before=before)
    return written


def _repeated(received_digest: str, idempotency_key: str | None) -> RawReport | None:
    """The report these bytes already made. Raises Refused when the key came with other bytes."""
    same = Q(received_digest=received_digest)
    if idempotency_key:
        same |= Q(idempotency_digest=_digest(idempotency_key))
    found = list(RawReport.objects.filter(same).select_related("machine"))
    if any(report.received_digest != received_digest for report in found):
        raise Refused(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key was used with another body: make a new key for a new report.",
        )
    return found[0] if found else None


def _digest(secret: str | None) -> str | None:
    return hashlib.sha256(secret.encode()).hexdigest() if secret else None


def _submitter(address: str) -> Submitter:
    """The opaque row of the day's sender, within its quota. Raises Refused 429."""
    today = timezone.now().date().isoformat()
    submitter = Submitter.for_link(f"{today} {address}")
    limit = settings.REPORTS_PER_DAY
    since = timezone.now() - timedelta(days=1)
    sent = RawReport.objects.filter(submitter=submitter, received_at__gte=since)
    if limit and sent.count() >= limit:
        message = f"{limit} reports came from this address today: send the rest tomorrow."
        raise Refused(429, "quota_reached", message)
    return submitter


def claimed_by(report: RawReport, token: str) -> bool:
    """Whether `token` is the report's claim token, compared in constant time."""
    return bool(report.claim_digest) and hmac.compare_digest(
        report.claim_digest, _digest(token) or ""
    )
