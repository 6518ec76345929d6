"""Inserting many rows whose keys nobody asks for, by the shortest way a database has: COPY on
PostgreSQL, else one statement prepared once.

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
    mapping leaves out gets the field's default, the same in every row.
    """
    fields: list[Any] = [field for field in model._meta.concrete_fields if not field.primary_key]
    plain = [field for field in fields if not isinstance(field, _PREPARED)]
    prepared = [field for field in fields if isinstance(field, _PREPARED)]
    defaults = [(field.attname, field.get_default()) for field in plain]
    values = [
        [row.get(name, default) for name, default in defaults]
        + [_prepare(row, field) for field in prepared]
        for row in rows
    ]
    if values:
        name = connection.ops.quote_name
        columns = ", ".join(name(field.column) for field in plain + prepared)
        table = f"{name(model._meta.db_table)} ({columns})"
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for value in values:
                        copy.write_row(value)
            else:
                places = ", ".join(["%s"] * len(fields))
                cursor.executemany(f"INSERT INTO {table} VALUES ({places})", values)


def _prepare(row: Mapping[str, Any], field: Any) -> Any:
    value = row[field.attname] if field.attname in row else field.get_default()
    return None if value is None else field.get_db_prep_save(value, connection)
