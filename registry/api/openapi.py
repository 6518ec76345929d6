"""Pieces of the OpenAPI description that every endpoint shares."""

from typing import Any

from registry.vocabulary.factors import SETTINGS, SYSCTL, SYSTEM_FACTORS, TRIED_COLUMNS

Schema = dict[str, Any]


def object_of(**properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema


def pattern(expression: str) -> Schema:
    """Text that a regular expression of ECMA-262, as JSON Schema has them, matches."""
    return {"type": "string", "pattern": expression}


def factor_of(*names: str) -> Schema:
    """The name of a factor of a host, or one of `names`."""
    known = [*names, *HOST_FACTORS]
    return {"anyOf": [{"type": "string", "enum": known}, pattern(f"^{SYSCTL}$")]}


def group_by_of(least: int, most: int) -> Schema:
    """A list of factors to group by, each once."""
    factors = list_of(factor_of("topology", "streams", "placement"))
    return factors | {"uniqueItems": True, "minItems": least, "maxItems": most}


def require_bodies(result: Schema, **_: Any) -> Schema:
    """A hook of drf-spectacular, which takes the body of a described schema for optional: a
    request without one is refused here.
    """
    operations = (one for path in result["paths"].values() for one in path.values())
    for operation in operations:
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
    return result


TEXT: Schema = {"type": "string"}
# What registry.safe_json takes for text: no control characters but tab and line ends.
PLAIN = pattern(r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$")
NO_NUL = pattern(r"^[^\u0000]*$")
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
HOST_FACTORS = (*SYSTEM_FACTORS, *TRIED_COLUMNS, *sorted(SETTINGS))

ERROR = object_of(
    error=object_of(code=TEXT, message=TEXT, details=list_of(object_of(path=TEXT, message=TEXT)))
)


def errors(*statuses: int) -> dict[int, Schema]:
    """Responses that have the one error shape. Any request may be none of HTTP's (400)."""
    return dict.fromkeys((400, *statuses), ERROR)
