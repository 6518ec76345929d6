"""From received bytes to a document: an envelope or raw netperf text, or a refusal with every
fault named. No Django.

Nothing here looks at meaning: UTF-8, JSON, depth, numbers and text only. Called by intake, by the
parse endpoint and by the readers of imports.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from registry.refusal import Refused

DEPTH_LIMIT = 32
TEXT_TYPES = frozenset(
    {"text/plain", "application/octet-stream", "application/x-www-form-urlencoded"}
)
JSON_TYPE = "application/json"
# One string (closed or cut off by the end, so that no start is scanned twice) or one bracket.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)|[\[{\]}]', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NEVER = re.compile(r"[\x00\ud800-\udfff]")


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
    is read as one.
    """
    if media_type != JSON_TYPE and media_type not in TEXT_TYPES:
        raise Refused(
            415,
            "unsupported_media_type",
            f"{media_type or 'No media type'} is not read: send application/json or text/plain.",
        )
    if media_type == JSON_TYPE or _looks_like_envelope(body):
        return Document(envelope=_envelope(body))
    return Document(text=_text(body))


def _looks_like_envelope(body: bytes) -> bool:
    start = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"{") and b'"report_version"' in body


def _text(body: bytes) -> str:
    text = _utf8(body)
    if not text.strip():
        raise Refused(422, "empty", "The body is empty: send what netperf printed.")
    found = _NEVER.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        fault = {"path": f"line {line}", "message": "NUL is not text"}
        raise Refused(422, "bad_text", "The text holds a NUL character.", [fault])
    return text


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = {"path": f"byte {error.start}", "message": "not UTF-8"}
        raise Refused(400, "not_utf8", "The body is not UTF-8 text.", [fault]) from None


def _envelope(body: bytes) -> dict[str, Any]:
    if depth(body) > DEPTH_LIMIT:
        raise Refused(400, "too_deep", f"JSON is nested more than {DEPTH_LIMIT} levels deep.")
    text = _utf8(body)
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        fault = {"path": f"line {error.lineno}, column {error.colno}", "message": error.msg}
        raise Refused(400, "not_json", "The body is not JSON.", [fault]) from None
    except ValueError as error:  # an integer of thousands of digits
        fault = {"path": "", "message": str(error)[:200]}
        raise Refused(400, "not_json", "The body is not JSON.", [fault]) from None
    if not isinstance(value, dict):
        fault = {"path": "", "message": f"expected an object, got {type(value).__name__}"}
        raise Refused(422, "invalid", "The report is not a JSON object.", [fault])
    return value


def _no_constant(token: str) -> NoReturn:
    raise Refused(400, "not_json", f"{token} is not JSON: unknown is null.")


def depth(body: bytes) -> int:
    """How deep the brackets of a JSON text nest, counted by us: the interpreter's own limit moves
    between versions.
    """
    deepest = level = 0
    for token in _STRING_OR_BRACKET.findall(body):
        if token in (b"[", b"{"):
            level += 1
            deepest = max(deepest, level)
        elif token in (b"]", b"}"):
            level -= 1
    return deepest


def faults(value: Any, path: str = "") -> Iterator[dict[str, str]]:
    """What no schema says: numbers that are not finite, and characters that are no text, wherever
    they stand.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if _CONTROL.search(key):
                yield {"path": path, "message": "a key holds control characters"}
                continue
            yield from faults(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from faults(item, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield {"path": path, "message": "the number is too large to be one"}
    elif isinstance(value, str):
        yield from _text_faults(value, path)


def _text_faults(value: str, path: str) -> Iterator[dict[str, str]]:
    """Terminal output may hold escapes; every other string is plain text. NUL and lone surrogates
    are never text.
    """
    free = path.startswith("runs[") and ".outputs[" in path
    if (_NEVER if free else _CONTROL).search(value):
        yield {"path": path, "message": "the text holds control characters (NUL or the like)"}
