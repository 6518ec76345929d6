"""Walking through a large table without a cursor that stays open: on PostgreSQL one that outlives
its statement has its whole result written to disk before the first row comes, and its rows are as
they were then.
"""

from collections.abc import Iterator
from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


def walk(rows: "models.QuerySet[M]", at_once: int) -> Iterator[M]:
    """The rows by their keys, `at_once` in a query."""
    ordered = some = rows.order_by("pk")
    while page := list(some[:at_once]):
        yield from page
        if len(page) < at_once:
            return
        some = ordered.filter(pk__gt=page[-1].pk)
