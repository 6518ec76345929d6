"""Inserting many rows whose keys nobody asks for, by the shortest way a database has: COPY of
many on PostgreSQL, elsewhere one statement prepared once.

`bulk_create` makes an object of every row and asks every field for every value; most values here
are numbers and short texts, which a database takes as they are. Called by the writers of facts,
inside their transaction.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models

# Fields whose values the database takes only after the field has prepared them.
_PREPARED = (models.JSONField, models.DateTimeField, models.BinaryField)
_CREATED_AT_ONCE = 100
_COPIED_FROM = 5  # rows; COPY of fewer takes longer, since it goes back and forth


def insert(model: type[models.Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """INSERT a row for each mapping of column (`report_id`, not `report`) to value. A column that a
    mapping leaves out gets the field's default, the same in every row.
    """
    table, values = _table_and_values(model, rows)
    if values:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql" and len(values) >= _COPIED_FROM:
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for value in values:
                        copy.write_row(value)
            elif connection.vendor == "postgresql":
                cursor.execute(*_statement(table, values))
            else:
                places = _places(values[0])
                cursor.executemany(f"INSERT INTO {table} VALUES {places}", values)


def create(objects: Sequence[models.Model]) -> None:
    """INSERT new objects of one model, and give them their keys."""
    for begin in range(0, len(objects), _CREATED_AT_ONCE):
        some = objects[begin : begin + _CREATED_AT_ONCE]
        statement, params = _statement(*_table_and_values(type(some[0]), map(vars, some)))
        with connection.cursor() as cursor:
            cursor.execute(f"{statement} RETURNING id", params)
            keys = cursor.fetchall()
        for created, (key,) in zip(some, keys, strict=True):
            created.pk, created._state.adding = key, False
            created._state.db = connection.alias


def _table_and_values(
    model: type[models.Model], rows: Iterable[Mapping[str, Any]]
) -> tuple[str, list[list[Any]]]:
    """The table with its columns, as SQL names them, and the values of each row in that order."""
    table, plain, prepared = _columns(model)
    defaults = [(field.attname, field.get_default()) for field in plain]
    return table, [
        [row.get(name, default) for name, default in defaults]
        + [_prepare(row, field) for field in prepared]
        for row in rows
    ]


@cache
def _columns(model: type[models.Model]) -> tuple[str, list[Any], list[Any]]:
    """The table with its columns, the fields of these that a database takes as they are, and those
    that it does not.
    """
    fields: list[Any] = [field for field in model._meta.concrete_fields if not field.primary_key]
    plain = [field for field in fields if not isinstance(field, _PREPARED)]
    prepared = [field for field in fields if isinstance(field, _PREPARED)]
    name = connection.ops.quote_name
    columns = ", ".join(name(field.column) for field in plain + prepared)
    return f"{name(model._meta.db_table)} ({columns})", plain, prepared


def _statement(table: str, values: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """An INSERT of all rows, and its parameters."""
    places = ", ".join([_places(values[0])] * len(values))
    return f"INSERT INTO {table} VALUES {places}", [each for row in values for each in row]


def _places(values: Sequence[Any]) -> str:
    return "(" + ", ".join(["%s"] * len(values)) + ")"


def _prepare(row: Mapping[str, Any], field: Any) -> Any:
    value = row[field.attname] if field.attname in row else field.get_default()
    if value is None:
        return None
    if isinstance(field, models.JSONField):  # as text, which both databases take
        return json.dumps(value, cls=field.encoder)
    return field.get_db_prep_save(value, connection)
