"""A structural check of a value against the JSON Schema that `crr_submit.report` makes, for tests
without packages.
"""

import re

from crr_submit.report import schema

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def errors(value, node, path="$"):
    """Every place where the value does not fit, as text."""
    found = []
    names = node.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(is_of(value, name) for name in names):
        return [f"{path}: {value!r} is not {names}"]
    if "enum" in node and value not in node["enum"]:
        found.append("{}: {!r} is not one of {}".format(path, value, node["enum"]))
    if isinstance(value, str):
        found += text_errors(value, node, path)
    elif isinstance(value, dict):
        found += object_errors(value, node, path)
    elif isinstance(value, list):
        if len(value) > node.get("maxItems", len(value)):
            found.append(f"{path}: too many")
        for index, item in enumerate(value):
            found += errors(item, node.get("items", {}), f"{path}[{index}]")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = node.get("minimum", value), node.get("maximum", value)
        if not low <= value <= high:
            found.append(f"{path}: {value!r} out of range")
    return found


def is_of(value, name):
    if name in ("number", "integer"):
        numbers = (int, float) if name == "number" else int
        return isinstance(value, numbers) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def text_errors(value, node, path):
    found = []
    if len(value) > node.get("maxLength", len(value)):
        found.append(f"{path}: too long")
    if "pattern" in node and not re.search(node["pattern"], value):
        found.append(f"{path}: {value!r} does not match")
    return found


def object_errors(value, node, path):
    found = [f"{path}.{name}: missing" for name in node.get("required", ()) if name not in value]
    if len(value) > node.get("maxProperties", len(value)):
        found.append(f"{path}: too many")
    known = node.get("properties", {})
    for name, item in value.items():
        inner = known.get(name, node.get("additionalProperties", {}))
        found += errors(item, inner, f"{path}.{name}")
    return found


def unknown_keys(value, node=None, path=""):
    """Paths of keys that the format does not know (`runs[0].colour`), in document order."""
    node = schema() if node is None else node
    found = []
    if isinstance(value, dict) and "properties" in node:
        for key, item in value.items():
            place, inner = f"{path}.{key}" if path else key, node["properties"].get(key)
            found += [place] if inner is None else unknown_keys(item, inner, place)
    elif isinstance(value, list) and "items" in node:
        for index, item in enumerate(value):
            found += unknown_keys(item, node["items"], f"{path}[{index}]")
    return found
