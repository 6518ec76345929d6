"""From received bytes to a document: an envelope or raw netperf text, or a refusal with every
fault named. No Django.

Nothing here looks at meaning: encoding, JSON, depth, numbers, text only. Called by intake, by the
parse endpoint and by the readers of imports.
"""

import codecs
from dataclasses import dataclass
from typing import Any

from registry.refusal import Refused
from registry.safe_json import NEVER_TEXT, load_object, utf8
from submissions import mail_block

TEXT_TYPES = frozenset(
    {"text/plain", "application/octet-stream", "application/x-www-form-urlencoded"}
)
JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Document:
    """What was received: `envelope` or `text`, never both."""

    envelope: dict[str, Any] | None = None
    text: str | None = None

    @property
    def format(self) -> str:
        return "netperf-text" if self.envelope is None else "envelope/1"


def decode(body: bytes, media_type: str) -> Document:
    """The document in `body`. Raises Refused 400, 415 or 422.

    A JSON report sent under curl's default type is still a report, so text that is a JSON object
    is read as one, and so is text that holds one for a mail.
    """
    if media_type != JSON_TYPE and media_type not in TEXT_TYPES:
        raise Refused(
            415,
            "unsupported_media_type",
            f"{media_type or 'No media type'} is not read: send application/json or text/plain.",
        )
    if media_type != JSON_TYPE:
        body = in_utf8(body)
    if media_type == JSON_TYPE or _looks_like_envelope(body):
        return Document(envelope=load_object(body))
    text = _text(body)
    if mail_block.is_in(text):
        return Document(envelope=load_object(mail_block.unpacked(text)))
    return Document(text=text)


def in_utf8(body: bytes) -> bytes:
    """The same, but for text in UTF-16: `netperf > report.txt` writes that in PowerShell."""
    if not body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body
    try:
        return body.decode("utf-16").encode()
    except UnicodeDecodeError:
        return body  # and is refused as what is not UTF-8


def _looks_like_envelope(body: bytes) -> bool:
    start = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"{") and b'"report_version"' in body


def _text(body: bytes) -> str:
    text = utf8(body)
    if not text.strip():
        raise Refused(422, "empty", "The body is empty: send what netperf printed.")
    found = NEVER_TEXT.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        fault = {"path": f"line {line}", "message": "NUL is not text"}
        raise Refused(422, "bad_text", "The text holds a NUL character.", [fault])
    return text
