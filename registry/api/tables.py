"""The CSV form of an answer that is a list of rows, and its description for OpenAPI."""

from collections.abc import Mapping
from typing import Any, Protocol

from drf_spectacular.utils import OpenApiResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer

from registry import csv_table
from registry.api.openapi import TEXT, Schema

Table = tuple[list[str], list[dict[str, Any]]]


class HasTable(Protocol):
    """A view whose answer is also a table."""

    def table(self, answer: dict[str, Any]) -> Table: ...


class CsvRenderer(BaseRenderer):
    """`?format=csv`. The view's `table` says which columns its answer has as CSV, and their rows.
    Errors never get here: they are JSON.
    """

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: dict[str, Any],
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        assert renderer_context is not None  # a view answers
        view: HasTable = renderer_context["view"]
        return csv_table.write(*view.table(data))


RENDERERS = [JSONRenderer, CsvRenderer]


def answers(answer: Schema, columns: Mapping[str, str]) -> dict[Any, Any]:
    """The responses of a call that answers in both forms; `columns` are the names and meanings of
    its CSV's columns.
    """
    told = "\n".join(f"- `{name}`: {meaning}" for name, meaning in columns.items())
    description = f"A row as in JSON, in columns; unknown is empty.\n\n{told}"
    return {
        (200, JSONRenderer.media_type): answer,
        (200, CsvRenderer.media_type): OpenApiResponse(
            {**TEXT, "description": description}, description=""
        ),
    }
