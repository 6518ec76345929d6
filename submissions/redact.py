"""From a document to the one that is stored: scrubbed, without what is private or unknown. No
Django.

The scrubber (`submissions.privacy`) reads free text only: outputs, commands, notes and free maps of
an envelope, all of a raw text.
"""

import json
from typing import Any

from crr_submit.report import schema
from submissions.decode import Document
from submissions.privacy import Scrubber

KEY_LENGTH = 128
VALUE_LENGTH = 512

_SCHEMA = schema()


def _leading_to_maps(node: dict[str, Any]) -> dict[str, Any]:
    """The branches of a schema that end in maps with free keys."""
    if "additionalProperties" in node:
        return node
    inside = {key: _leading_to_maps(item) for key, item in node.get("properties", {}).items()}
    found: dict[str, Any] = {"properties": {key: item for key, item in inside.items() if item}}
    if "items" in node:
        found["items"] = _leading_to_maps(node["items"])
    return {name: branch for name, branch in found.items() if branch}


_FREE_MAPS = _leading_to_maps(_SCHEMA)
EXACT_FLOAT = 2.0**53  # above it a float is no whole number that anybody wrote


def redacted(document: Document) -> Document:
    """The document as it may be kept and shown."""
    if document.envelope is None:
        return Document(text=Scrubber().scrub(document.text or ""))
    envelope = known(document.envelope)
    envelope.pop("machine_id", None)
    scrubber = scrubber_of(envelope)
    envelope = _scrubbed_maps(envelope, _FREE_MAPS, scrubber)
    for run in envelope.get("runs") or []:
        run["outputs"] = [scrubber.scrub(output) for output in run["outputs"]]
        if run.get("command"):
            run["command"] = scrubber.scrub(run["command"])
    if envelope.get("notes"):
        envelope["notes"] = scrubber.scrub(envelope["notes"])
    return Document(envelope=envelope)


def scrubber_of(envelope: dict[str, Any]) -> Scrubber:
    """A scrubber that has seen every text of a valid envelope: a machine that the last text names
    is taken out of the first one too.
    """
    scrubber = Scrubber()
    for run in envelope.get("runs") or []:
        for text in (*run["outputs"], run.get("command") or ""):
            scrubber.learn(text)
    scrubber.learn(envelope.get("notes") or "")
    _scrubbed_maps(envelope, _FREE_MAPS, scrubber)  # for the names in them
    return scrubber


def _scrubbed_maps(value: Any, node: dict[str, Any], scrubber: Scrubber) -> Any:
    """The value with its maps of free keys scrubbed and short; all else stays as it is. `node` is
    one of `_FREE_MAPS`.
    """
    if isinstance(value, dict) and "additionalProperties" in node:
        return dict(_scrubbed_entry(key, item, scrubber) for key, item in value.items())
    if isinstance(value, dict) and "properties" in node:
        inside = node["properties"]
        return {
            key: _scrubbed_maps(item, inside[key], scrubber) if key in inside else item
            for key, item in value.items()
        }
    if isinstance(value, list) and "items" in node:
        return [_scrubbed_maps(item, node["items"], scrubber) for item in value]
    return value


def _scrubbed_entry(key: str, item: Any, scrubber: Scrubber) -> tuple[str, Any]:
    if not isinstance(item, str):
        return scrubber.scrub(key)[:KEY_LENGTH], item
    key, item = scrubber.scrub_entry(key, item)
    return key[:KEY_LENGTH], item[:VALUE_LENGTH]


def stored_bytes(document: Document) -> bytes:
    """The bytes of a redacted document."""
    if document.envelope is None:
        return (document.text or "").encode()
    return json.dumps(document.envelope, ensure_ascii=False, separators=(",", ":")).encode()


def known(envelope: dict[str, Any]) -> dict[str, Any]:
    """A copy with the keys of the format only."""
    found: dict[str, Any] = _known(envelope, _SCHEMA)
    return found


def _known(value: Any, node: dict[str, Any]) -> Any:
    """The parts of `value` that `node` of the schema knows; 2.0 is 2, as JSON means it."""
    if isinstance(value, dict) and "properties" in node:
        properties = node["properties"]
        return {
            key: _known(item, properties[key]) for key, item in value.items() if key in properties
        }
    if isinstance(value, dict) and "additionalProperties" in node:
        return {key: _known(item, node["additionalProperties"]) for key, item in value.items()}
    if isinstance(value, list) and "items" in node:
        return [_known(item, node["items"]) for item in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOAT
    return int(value) if is_whole else value
