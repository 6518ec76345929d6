"""Queries whose SQL the ORM writes once a process. Writing one takes it ten times as long as the
database takes to answer, which was most of what an accepted report cost.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler

_SHAPES_KEPT = 64
_FIRST_MARK = 7_340_033  # numbers that no query has of itself


class _Statement(NamedTuple):
    """`params` are the constants of the query, and in the place of a value its mark."""

    sql: str
    params: Sequence[Any]
    marks: Sequence[Any]
    compiler: SQLCompiler
    converters: dict[int, Any]
    as_objects: Callable[[Iterable[Any]], list[Any]] | None


class WrittenOnce:
    """`make` gives a query of whole rows, with `select_related` or `defer`, or a `values_list` for
    its arguments, each a text, a number, None or a list of texts or numbers for `__in`. It must
    compare columns with them as they are: no arithmetic, no `__contains`. For None, and for a list
    of another length, the SQL is written anew.
    """

    def __init__(self, make: Callable[..., models.QuerySet[Any, Any]]) -> None:
        self._make = make
        self._statement = lru_cache(_SHAPES_KEPT)(self._write)

    def __call__(self, *values: Any) -> list[Any]:
        """What iterating over the query gives."""
        statement = self._statement(connection.vendor, tuple(map(_shape, values)))
        if statement is None:
            return []
        given = dict(zip(statement.marks, _flat(values), strict=True))
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, [given.get(each, each) for each in statement.params])
            rows: Iterable[Any] = cursor.fetchall()
        if statement.converters:
            rows = statement.compiler.apply_converters(rows, statement.converters)
        return statement.as_objects(rows) if statement.as_objects else list(map(tuple, rows))

    def first(self, *values: Any) -> Any:
        """The first of them, None where there is none."""
        return next(iter(self(*values)), None)

    def _write(self, _vendor: str, shape: tuple[Any, ...]) -> _Statement | None:
        """None for a query that has no rows whatever the database holds."""
        marks: list[Any] = []

        def mark(kind: type | None) -> Any:
            if kind is not None:
                number = _FIRST_MARK + len(marks)
                marks.append(number + 0.5 if kind is float else kind(number))
            return None if kind is None else marks[-1]

        arguments = [[mark(one) for one in k] if _is_many(k) else mark(k) for k in shape]
        queryset: Any = self._make(*arguments)
        compiler = queryset.query.get_compiler(connection=connection)
        try:
            sql, params = compiler.as_sql()
        except EmptyResultSet:
            return None
        assert set(marks) <= set(params), "a value is not in the query as it is"
        converters = compiler.get_converters([column[0] for column in compiler.select])
        as_objects = _objects_of(compiler) if queryset._fields is None else None
        return _Statement(sql, params, marks, compiler, converters, as_objects)


def _objects_of(compiler: Any) -> Callable[[Iterable[Any]], list[Any]]:
    """Makes objects of rows, as iterating over the queryset does (django.db.models.query)."""
    info, alias = compiler.klass_info, connection.alias
    begin, end = info["select_fields"][0], info["select_fields"][-1] + 1
    names = [column[0].target.attname for column in compiler.select[begin:end]]
    related: Any = get_related_populators(info, compiler.select, alias)  # type: ignore[call-arg]

    def objects(rows: Iterable[Any]) -> list[Any]:
        found = []
        for row in rows:
            found.append(info["model"].from_db(alias, names, row[begin:end]))
            for each in related:
                each.populate(row, found[-1])
        return found

    return objects


def _is_many(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _shape(value: Any) -> Any:
    """The kinds of its values, and how many there are."""
    if _is_many(value):
        return tuple(map(_shape, value))
    return None if value is None else next(k for k in (str, float, int) if isinstance(value, k))


def _flat(values: Iterable[Any]) -> list[Any]:
    found = [each for value in values for each in (value if _is_many(value) else [value])]
    return [each for each in found if each is not None]
