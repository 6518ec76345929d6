"""The report: JSON Schema of its envelope, by which the registry validates; the figure that a run
gives; and the envelope as it is sent: built, redacted, written as readable text, saved to disk.

The format is `crr_submit.fields`, and the allow-list: what has no row there is dropped here.
"""

import base64
import contextlib
import json
import os
import re
import tempfile
import zlib
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from crr_submit import __version__, app_output, netperf
from crr_submit.fields import ENVELOPE, TRANSACTION_UNIT, Field

REPORT_VERSION = 1
MEDIA_TYPE = "application/json"
# Around a report that goes by mail: base64 of its zlib stream.
BLOCK_BEGINS = "-----BEGIN CRR REPORT-----"
BLOCK_ENDS = "-----END CRR REPORT-----"

LINE_COLUMNS = 120
REDACTED = "[redacted]"

_JSON_TYPES = {"list": "array", "map": "object"}
_SCALARS = {"string": "string", "number": "number", "boolean": "boolean"}


def schema() -> Dict[str, Any]:
    """JSON Schema (draft 2020-12) of a report. Unknown keys are allowed."""
    root: Dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "CRR registry report, version %d" % REPORT_VERSION,
        "type": "object",
        "properties": {},
        "required": ["report_version", "runs"],
    }
    nodes: Dict[str, Dict[str, Any]] = {"": root}
    for field in ENVELOPE:
        node = _node(field)
        nodes[field.path] = node
        parent_path, key = _split(field.path)
        parent = nodes.get(parent_path)
        if parent is None:  # the items of a list whose row describes the list itself
            parent = nodes[parent_path] = {"type": "object", "properties": {}}
            nodes[parent_path[:-2]]["items"] = parent
        if key is None:
            parent["items"] = node
        else:
            parent.setdefault("properties", {})[key] = node
    nodes["runs[]"]["required"] = ["outputs"]
    nodes["runs[]"]["properties"]["remote_environment"] = nodes["environment"]
    return root


def _split(path: str) -> Tuple[str, Any]:
    """`runs[].outputs` → (`runs[]`, `outputs`); `runs[].outputs[]` → (`runs[].outputs`, None)."""
    if path.endswith("[]"):
        return path[:-2], None
    parent, _, key = path.rpartition(".")
    return parent, key


def _node(field: Field) -> Dict[str, Any]:
    name = _JSON_TYPES.get(field.type, field.type)
    node: Dict[str, Any] = {
        "type": name if field.required else [name, "null"],
        "description": field.text,
    }
    if field.type == "string":
        node["maxLength"] = field.max_length
    if field.type == "list":
        node["maxItems"] = field.max_items
    if field.type == "map":
        node["maxProperties"] = field.max_items
        node["propertyNames"] = {"maxLength": 128}
        node["additionalProperties"] = _map_value(field)
    if field.choices:
        node["enum"] = list(field.choices) + ([] if field.required else [None])
    for key, value in (
        ("minimum", field.minimum),
        ("maximum", field.maximum),
        ("pattern", field.pattern),
    ):
        if value is not None:
            node[key] = value
    return node


def _map_value(field: Field) -> Dict[str, Any]:
    return {"type": [_SCALARS[name] for name in field.values] + ["null"], "maxLength": 4_096}


@dataclass(frozen=True)
class Figure:
    """What a run gave: the rate of all its streams, in the time when all of them ran."""

    test: str
    unit: str
    rate: float


def figure(run: Mapping[str, Any]) -> Optional[Figure]:
    """None unless every output holds one result, all of one test, and the streams ran together."""
    outputs = [str(output) for output in run.get("outputs") or []]
    results = [result for output in outputs for result in parse(output).results]
    kinds = {(result.test, result.unit) for result in results}
    together = netperf.together(outputs)
    is_short = together is not None and together.share < netperf.LEAST_SHARE
    if len(kinds) != 1 or len(results) != len(outputs) or is_short:
        return None
    (test, unit) = kinds.pop()
    return Figure(test, unit, together.rate if together else sum(row.value for row in results))


def parse(output: str) -> netperf.ParsedReport:
    return app_output.parse(output) or netperf.parse(output)


def transaction_rate(run: Mapping[str, Any]) -> Optional[float]:
    """Transactions a second; None where there is no such figure."""
    found = figure(run)
    return found.rate if found and found.unit == TRANSACTION_UNIT else None


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

    def changed(item: Any) -> Any:
        if isinstance(item, str):
            return pattern.sub(REDACTED, item)
        if isinstance(item, dict):
            return {key: changed(part) for key, part in item.items()}
        return [changed(part) for part in item] if isinstance(item, list) else item

    return changed(value)


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
    """Make the new name last over a power cut, where the filesystem knows how."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


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
