"""Pieces of the OpenAPI description that every endpoint shares."""

from typing import Any

Schema = dict[str, Any]


def object_of(**properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}

ERROR = object_of(
    error=object_of(code=TEXT, message=TEXT, details=list_of(object_of(path=TEXT, message=TEXT)))
)


def errors(*statuses: int) -> dict[int, Schema]:
    """Responses that have the one error shape."""
    return dict.fromkeys(statuses, ERROR)
