"""JSON from strangers: UTF-8, depth, numbers and text, with every fault named. No Django.

The interpreter's parser stops neither at a million brackets nor at 1e400, and takes NUL for text.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from registry.refusal import Refused

DEPTH_LIMIT = 32
INTEGER_LIMIT = 2**63
# One string (closed or cut off by the end, so that no start is scanned twice) or one bracket.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)|[\[{\]}]', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
NEVER_TEXT = re.compile(r"[\x00\ud800-\udfff]")


def utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = {"path": f"byte {error.start}", "message": "not UTF-8"}
        raise Refused(400, "not_utf8", "The body is not UTF-8 text.", [fault]) from None


def load_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises Refused 400 for what is no JSON, 422 for other JSON."""
    if depth(body) > DEPTH_LIMIT:
        raise Refused(400, "too_deep", f"JSON is nested more than {DEPTH_LIMIT} levels deep.")
    text = utf8(body)
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
        raise Refused(422, "invalid", "The body is not a JSON object.", [fault])
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
    elif isinstance(value, int | float) and not _is_usable(value):
        yield {"path": path, "message": "the number is too large to be one"}
    elif isinstance(value, str):
        yield from _text_faults(value, path)


def _text_faults(value: str, path: str) -> Iterator[dict[str, str]]:
    """Terminal output may hold escapes; every other string is plain text. NUL and lone surrogates
    are never text.
    """
    free = path.startswith("runs[") and ".outputs[" in path
    if (NEVER_TEXT if free else _CONTROL).search(value):
        yield {"path": path, "message": "the text holds control characters (NUL or the like)"}


def _is_usable(number: float) -> bool:
    """Finite, and small enough for an integer column and for arithmetic with floats."""
    return math.isfinite(number) if isinstance(number, float) else abs(number) < INTEGER_LIMIT
