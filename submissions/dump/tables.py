"""Every figure of the dump as CSV, Parquet and SQLite, written row by row as they come. No Django.

The same rows give the same bytes, under the same versions of the libraries.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from registry import csv_table

INTEGER, NUMBER, TEXT = "integer", "number", "text"
ROWS_AT_ONCE = 10_000
TABLE = "results"
_ARROW = {INTEGER: pyarrow.int64(), NUMBER: pyarrow.float64(), TEXT: pyarrow.string()}
_SQLITE = {INTEGER: "INTEGER", NUMBER: "REAL", TEXT: "TEXT"}
Row = Mapping[str, Any]
Write = Callable[[Sequence[Row]], None]


@contextmanager
def writers(folder: Path, columns: Mapping[str, str]) -> Iterator[Write]:
    """Writes rows to results.csv, results.parquet and results.sqlite in `folder`."""
    with ExitStack() as stack:
        each = [
            stack.enter_context(open_one(folder / name, columns))
            for name, open_one in _FORMS.items()
        ]

        def write(rows: Sequence[Row]) -> None:
            for one in each:
                one(rows)

        yield write


@contextmanager
def _csv(path: Path, columns: Mapping[str, str]) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_table.write(list(columns), []))
        yield lambda rows: _append(file.write, csv_table.write(list(columns), rows))


def _append(write: Callable[[str], Any], table: str) -> None:
    """The table without its heading."""
    write(table.partition("\r\n")[2])


@contextmanager
def _parquet(path: Path, columns: Mapping[str, str]) -> Iterator[Write]:
    schema = pyarrow.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:

        def write(rows: Sequence[Row]) -> None:
            arrays = [
                pyarrow.array([row[name] for row in rows], type=_ARROW[kind])
                for name, kind in columns.items()
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))

        yield write


@contextmanager
def _sqlite(path: Path, columns: Mapping[str, str]) -> Iterator[Write]:
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")  # the export syncs the finished file
        declared = ", ".join(f'"{name}" {_SQLITE[kind]}' for name, kind in columns.items())
        database.execute(f"CREATE TABLE {TABLE} ({declared})")
        places = ", ".join("?" * len(columns))
        insert = f"INSERT INTO {TABLE} VALUES ({places})"
        database.execute("BEGIN")
        yield lambda rows: _insert(
            database, insert, [tuple(row[n] for n in columns) for row in rows]
        )
        database.execute("COMMIT")
    finally:
        database.close()


def _insert(database: sqlite3.Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    database.executemany(statement, rows)


_FORMS = {"results.csv": _csv, "results.parquet": _parquet, "results.sqlite": _sqlite}
NAMES = tuple(_FORMS)
