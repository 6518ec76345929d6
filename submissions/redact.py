"""From a document to the one that is stored: scrubbed, without what is private or unknown. No
Django.

The scrubber (`submissions.privacy`) reads free text only: outputs, commands and notes of an
envelope, all of a raw text.
"""

import json
from typing import Any

from crr_submit.report import schema
from submissions.decode import Document
from submissions.privacy import Scrubber


def redacted(document: Document) -> Document:
    """The document as it may be kept and shown."""
    scrubber = Scrubber()
    if document.envelope is None:
        return Document(text=scrubber.scrub(document.text or ""))
    envelope = known(document.envelope)
    envelope.pop("machine_id", None)
    for run in envelope.get("runs") or []:
        run["outputs"] = [scrubber.scrub(output) for output in run["outputs"]]
        if run.get("command"):
            run["command"] = scrubber.scrub(run["command"])
    if envelope.get("notes"):
        envelope["notes"] = scrubber.scrub(envelope["notes"])
    return Document(envelope=envelope)


def stored_bytes(document: Document) -> bytes:
    """The bytes of a redacted document."""
    if document.envelope is None:
        return (document.text or "").encode()
    return json.dumps(document.envelope, ensure_ascii=False, separators=(",", ":")).encode()


def known(envelope: dict[str, Any]) -> dict[str, Any]:
    """A copy with the keys of the format only."""
    found: dict[str, Any] = _known(envelope, schema())
    return found


def _known(value: Any, node: dict[str, Any]) -> Any:
    if isinstance(value, dict) and "properties" in node:
        properties = node["properties"]
        return {
            key: _known(item, properties[key]) for key, item in value.items() if key in properties
        }
    if isinstance(value, list) and "items" in node:
        return [_known(item, node["items"]) for item in value]
    return value
