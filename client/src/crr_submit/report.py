"""The report format: JSON Schema of the envelope, and what an envelope holds that the format does
not know.

Both come from `crr_submit.fields`, which the client and the registry share. The client builds
envelopes that fit, the registry validates every envelope against `schema()`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Dict, Iterator, List, Tuple

from crr_submit.fields import ENVELOPE, Field

REPORT_VERSION = 1
MEDIA_TYPE = "application/json"
# Around a report that goes by mail: base64 of its zlib stream.
BLOCK_BEGINS = "-----BEGIN CRR REPORT-----"
BLOCK_ENDS = "-----END CRR REPORT-----"

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


def unknown_keys(envelope: Any) -> List[str]:
    """Paths of keys that the format does not know (`runs[0].colour`), in document order."""
    return list(_unknown(envelope, _known(), ""))


@lru_cache(maxsize=None)
def _known() -> Dict[str, Any]:
    """The schema for readers in this module, who change nothing in it."""
    return schema()


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


def _unknown(value: Any, node: Dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, dict) and "properties" in node:
        for key, item in value.items():
            place = "%s.%s" % (path, key) if path else key
            if key in node["properties"]:
                yield from _unknown(item, node["properties"][key], place)
            else:
                yield place
    elif isinstance(value, list) and "items" in node:
        for index, item in enumerate(value):
            yield from _unknown(item, node["items"], "%s[%d]" % (path, index))
