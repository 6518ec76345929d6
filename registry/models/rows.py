"""Inserting many rows whose keys nobody asks for: one statement a table, prepared once.

`bulk_create` makes an object of every row and asks every field for every value; most values here
are numbers and short texts, which a database takes as they are. Called by the writers of facts,
inside their transaction.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection, models

# Fields whose values the database takes only after the field has prepared them.
_PREPARED = (models.JSONField, models.DateTimeField)


def insert(model: type[models.Model], rows: Iterable[Mapping[str, Any]]) -> None:
    """INSERT a row for each mapping of column (`report_id`, not `report`) to value. A column that a
    mapping leaves out gets the field's default.
    """
    fields: list[Any] = [field for field in model._meta.concrete_fields if not field.primary_key]
    name = connection.ops.quote_name
    columns = ", ".join(name(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {name(model._meta.db_table)} ({columns}) VALUES ({places})"
    readers = [(field.attname, field, isinstance(field, _PREPARED)) for field in fields]
    values = [
        [
            field.get_db_prep_save(_value(row, name, field), connection)
            if is_prepared
            else _value(row, name, field)
            for name, field, is_prepared in readers
        ]
        for row in rows
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(statement, values)


def _value(row: Mapping[str, Any], name: str, field: Any) -> Any:
    return row[name] if name in row else field.get_default()
