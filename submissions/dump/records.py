"""A report as one line of JSON Lines, and back. No Django.

What is left out is what nobody may see: the sender's secrets and address, the client's machine id,
the names of moderators, the bytes of what was withdrawn. Bytes that are no UTF-8 stand in base64
under `body_base64`.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from registry.refusal import Refused
from registry.safe_json import NEVER_TEXT

FORMAT = "crr-dump/1"
HEAD = b'{"dump":"crr-dump/1",'  # how a line begins
FOLLOWED = "followed"  # the event that says which registry a report came from
STATUSES = ("published", "withdrawn")
SOURCES = ("api", "paste", "import", "seed")
FORMAT_LENGTH, REFERENCE_LENGTH, REASON_LENGTH, NAME_LENGTH = 32, 255, 200, 64


@dataclass(frozen=True)
class Event:
    """One row of the trail, as everybody may read it. `at` is an instant with its zone."""

    at: str
    kind: str
    actor: str
    reason: str


@dataclass(frozen=True)
class Record:
    """One report. `machine` and `submitter` are the registry's public numbers; `body` is None for
    what was withdrawn.
    """

    id: str
    received_at: str
    body_sha256: str
    format: str
    status: str
    status_reason: str
    source: str
    source_ref: str | None
    machine: str | None
    submitter: str
    notes: str
    events: tuple[Event, ...]
    body: bytes | None


def to_line(record: Record) -> bytes:
    """The record as one line; the same record gives the same bytes."""
    value = {"dump": FORMAT, **asdict(record)}
    del value["body"]
    if record.body is not None:
        try:
            value["body"] = record.body.decode()
        except UnicodeDecodeError:
            value["body_base64"] = base64.b64encode(record.body).decode()
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Record:
    """The record of a line. Raises Refused 422 with every fault."""
    try:
        value = json.loads(line)
        body = _body(value)
    except (ValueError, TypeError, RecursionError, AttributeError):
        raise Refused(422, "not_a_record", "The line is no record of a dump.") from None
    faults = list(_faults(value, body))
    if faults:
        raise Refused(422, "not_a_record", "The line is no record of a dump.", faults)
    events = tuple(
        Event(**{name: event[name] for name in ("at", "kind", "actor", "reason")})
        for event in value["events"]
    )
    names = [field.name for field in fields(Record) if field.name not in ("events", "body")]
    return Record(**{name: value[name] for name in names}, events=events, body=body)


def _body(value: Mapping[str, Any]) -> bytes | None:
    if value.get("body_base64") is not None:
        return base64.b64decode(value["body_base64"], validate=True)
    text = value.get("body")
    return None if text is None else text.encode()


_LENGTHS = {
    "id": 16,
    "received_at": 40,
    "body_sha256": 64,
    "format": FORMAT_LENGTH,
    "status_reason": REASON_LENGTH,
    "submitter": NAME_LENGTH,
    "notes": 100_000,  # tokens are longer than the names and addresses they stand for
}


def _faults(value: Mapping[str, Any], body: bytes | None) -> Any:
    if value.get("dump") != FORMAT:
        yield _fault("dump", f"expected {FORMAT}")
    for name, length in _LENGTHS.items():
        if not _is_text(value.get(name), length):
            yield _fault(name, f"expected a text of up to {length} characters")
    for name, length in (("source_ref", REFERENCE_LENGTH), ("machine", 16)):
        if value.get(name, 0) is not None and not _is_text(value.get(name), length):
            yield _fault(name, f"expected null or a text of up to {length} characters")
    for name, known in (("status", STATUSES), ("source", SOURCES)):
        if value.get(name) not in known:
            yield _fault(name, f"expected one of {', '.join(known)}")
    if not _is_instant(value.get("received_at")):
        yield _fault("received_at", "expected an instant with its zone")
    events = value.get("events")
    if not isinstance(events, list) or not all(map(_is_event, events)):
        yield _fault("events", "expected a list of {at, kind, actor, reason}")
    if (body is None) != (value.get("status") != "published"):
        yield _fault("body", "expected the bytes of a published report, and of no other")
    if body is not None and hashlib.sha256(body).hexdigest() != value.get("body_sha256"):
        yield _fault("body_sha256", "the bytes have another digest")


def _fault(path: str, message: str) -> dict[str, str]:
    return {"path": path, "message": message}


def _is_text(value: Any, length: int) -> bool:
    return isinstance(value, str) and len(value) <= length and not NEVER_TEXT.search(value)


def _is_event(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_instant(value.get("at"))
        and all(
            _is_text(value.get(name), length)
            for name, length in (("kind", 32), ("actor", 64), ("reason", REASON_LENGTH))
        )
    )


def _is_instant(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False
