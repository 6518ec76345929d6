"""The API's reference at /api/docs/: every call of the OpenAPI description as a page that stands
without scripts, in any browser and in a terminal.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from registry.models import RawReport

METHODS = ("get", "post", "patch", "delete")


@dataclass(frozen=True)
class Parameter:
    name: str
    place: str
    kind: str
    text: str


@dataclass(frozen=True)
class Answer:
    """A status, what it means, and the media types and fields of its body."""

    status: str
    meaning: str
    kinds: str
    fields: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Call:
    """One method of one address. `takes` are the media types of its body."""

    name: str
    method: str
    path: str
    summary: str
    text: str
    takes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    answers: tuple[Answer, ...]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    listed = RawReport.objects.listed().newest().values_list("public_id", flat=True)
    context = {
        "calls": calls(),
        "newest": listed.first(),
        "reports_per_day": settings.REPORTS_PER_DAY,
        "body_limit_kb": settings.BODY_LIMIT_BYTES // 1024,
    }
    return render(request, "registry/api_reference.html", context)


@cache
def calls() -> tuple[Call, ...]:
    """Every call, in the order of its address. The description is that of the code: made once."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return tuple(
        _call(method.upper(), path, operations[method])
        for path, operations in sorted(paths.items())
        for method in METHODS
        if method in operations
    )


def _call(method: str, path: str, operation: Mapping[str, Any]) -> Call:
    return Call(
        name=operation["operationId"],
        method=method,
        path=path,
        summary=operation.get("summary", ""),
        text=operation.get("description", ""),
        takes=tuple(operation.get("requestBody", {}).get("content", {})),
        parameters=tuple(map(_parameter, operation.get("parameters", ()))),
        answers=tuple(_answers(operation["responses"])),
    )


def _parameter(found: Mapping[str, Any]) -> Parameter:
    text = found.get("description", "") + (" Required." if found.get("required") else "")
    return Parameter(found["name"], found["in"], _kind(found.get("schema", {})), text.strip())


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("type", "any")
    if schema.get("pattern", r"\u0000").find(r"\u0000") < 0:
        return f"matches {schema['pattern']}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _answers(responses: Mapping[str, Any]) -> Iterable[Answer]:
    for status, answer in sorted(responses.items()):
        content = answer.get("content", {})
        schemas = [each.get("schema", {}) for each in content.values()]
        texts = [str(each["description"]) for each in schemas if each.get("description")]
        yield Answer(
            status=status,
            meaning=HTTPStatus(int(status)).phrase,
            kinds=", ".join(content),
            fields=tuple(name for each in schemas for name in each.get("properties", ())),
            text="\n".join(texts),
        )
