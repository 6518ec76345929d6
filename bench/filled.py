"""Fills a registry of PostgreSQL by SQL. `python -m bench.filled N` gives that of DATABASE_URL
N reports.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TABLES = [
    f"registry_{name}" for name in ("machine", "submitter", "rawreport", "reading", "run", "cell")
]
# A primary key stays, since others refer to it; so do the indexes of other constraints.
INDEXES = """
    SELECT index.indexrelid::regclass::text, pg_get_indexdef(index.indexrelid)
    FROM pg_index AS index
    WHERE index.indrelid = ANY (%s::regclass[])
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = index.indexrelid)
"""


@contextmanager
def quickly() -> Iterator[Any]:
    """A cursor to fill an empty registry with: indexes are made at its end, all at once, and
    nothing is looked up, so whoever fills sees to it that keys lead somewhere.
    """
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        cursor.execute(INDEXES, [TABLES])
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        yield cursor
        for _, definition in indexes:
            cursor.execute(definition)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def main(count: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    import django

    django.setup()
    from bench.bench_pages import fill

    fill(count)


if __name__ == "__main__":
    main(int(sys.argv[1]))
