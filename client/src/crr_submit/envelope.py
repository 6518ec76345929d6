"""The report as it is sent: built, fitted to the format, redacted, written as readable text, saved
to disk.

In: environment and runs. Out: the exact bytes that are shown, saved and sent. `crr_submit.fields`
is the allow-list: what has no row there is dropped here, whatever a collector found.
"""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from crr_submit import __version__
from crr_submit.report import BLOCK_BEGINS, BLOCK_ENDS, REPORT_VERSION, schema

LINE_COLUMNS = 120
REDACTED = "[redacted]"


def build(
    environment: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]] = (),
    machine_id: Optional[str] = None,
    notes: Optional[str] = None,
    redact: Sequence[str] = (),
    experiment: Optional[Mapping[str, Any]] = None,
) -> Dict[str, Any]:
    """The envelope: everything redacted, nothing but what the format knows."""
    envelope = {
        "report_version": REPORT_VERSION,
        "client": {"name": "crr-submit", "version": __version__},
        "machine_id": machine_id,
        "environment": dict(environment),
        "runs": [dict(run) for run in runs],
        "experiment": experiment,
        "notes": notes,
        "visibility": "public",
    }
    fitted: Dict[str, Any] = fit(redacted(envelope, redact), schema())
    return fitted


def fit(value: Any, node: Mapping[str, Any]) -> Any:
    """The value without keys that the schema node does not know, and with over-long strings cut."""
    if isinstance(value, str):
        return value[: node.get("maxLength", len(value))]
    if isinstance(value, dict):
        known = node.get("properties")
        free = node.get("additionalProperties", {})
        return {
            key: fit(item, (known or {}).get(key, free))
            for key, item in value.items()
            if known is None or key in known
        }
    if isinstance(value, list):
        return [fit(item, node.get("items", {})) for item in value]
    return value


def redacted(value: Any, words: Sequence[str]) -> Any:
    """The value with every word replaced in all its strings, in upper or lower case; keys are ours
    and stay.
    """
    wanted = [re.escape(word) for word in words if word]
    if not wanted:
        return value
    pattern = re.compile("|".join(sorted(wanted, key=len, reverse=True)), re.IGNORECASE)
    return _map_strings(value, lambda text: pattern.sub(REDACTED, text))


def to_text(envelope: Mapping[str, Any]) -> str:
    """The envelope as JSON, laid out for reading: what fits in a line stands in one. US-ASCII."""
    return _layout(envelope, "", 0) + "\n"


def to_bytes(envelope: Mapping[str, Any]) -> bytes:
    return to_text(envelope).encode("ascii")


def to_mail(body: bytes) -> str:
    """A report as lines that survive mail, for a host that reaches no registry."""
    packed = base64.encodebytes(zlib.compress(body, 9)).decode("ascii")
    return "%s\n%s%s" % (BLOCK_BEGINS, packed, BLOCK_ENDS)


def default_path(ending: str = "json") -> str:
    """A new name in the current folder, by UTC time."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    path, number = "crr-report-%s.%s" % (stamp, ending), 1
    while Path(path).exists():
        number += 1
        path = "crr-report-%s-%d.%s" % (stamp, number, ending)
    return path


def save(path: str, content: bytes) -> None:
    """Write a file that only its owner can read, wholly or not at all; raises OSError."""
    folder = Path(path).absolute().parent
    handle, temporary = tempfile.mkstemp(prefix=".crr-", dir=str(folder))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Make the new name last over a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _map_strings(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_strings(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_map_strings(item, change) for item in value]
    return value


def _layout(value: Any, indent: str, taken: int) -> str:
    """JSON of a value that begins in column `taken`: on one line where it fits, else an item a
    line.
    """
    compact = json.dumps(value, allow_nan=False)
    if taken + len(compact) <= LINE_COLUMNS or not value or not isinstance(value, (dict, list)):
        return compact
    inner = indent + "  "
    if isinstance(value, list):
        rows: List[str] = [inner + _layout(item, inner, len(inner)) for item in value]
        return "[\n" + ",\n".join(rows) + "\n" + indent + "]"
    rows = []
    for key, item in value.items():
        start = "%s%s: " % (inner, json.dumps(key))
        rows.append(start + _layout(item, inner, len(start)))
    return "{\n" + ",\n".join(rows) + "\n" + indent + "}"
