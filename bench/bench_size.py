"""How many bytes a report takes on PostgreSQL: those of `sample_registry`, of four runs on average,
go the whole way of a sent one, then every table is weighed with its indexes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import installed, servers  # noqa: E402

KEY = "a key for the bench alone, as long as a real one: 0123456789"
WEIGHED = """
SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
ORDER BY pg_total_relation_size(oid) DESC
"""
LEAST_BYTES = 1.0  # a report; smaller tables are summed up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=2_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        rows = weighed(asked.reports)
    except installed.Missing as missing:
        print(f"left out: {missing}")
        return
    if asked.json:
        print(json.dumps({name: {"table": table, "indexes": index} for name, table, index in rows}))
        return
    print(f"bytes a report, of {asked.reports:,} with their sittings, cells and charts:")
    for name, table, index in [
        *rows,
        ("together", sum(r[1] for r in rows), sum(r[2] for r in rows)),
    ]:
        print(f"{name:32}{table:10,.0f} table{index:10,.0f} indexes")


def weighed(n_reports: int) -> list[tuple[str, float, float]]:
    """Bytes a report of the rows and of the indexes of each table, the heaviest first. What a
    registry without reports weighs already is taken off.
    """
    with servers.postgresql() as url, tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": folder, "SECRET_KEY": KEY}

        def manage(*command: str) -> None:
            subprocess.run(
                [sys.executable, "manage.py", *command],
                env=environment,
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
            )

        manage("migrate", "--verbosity", "0")
        before = _sizes(url)
        manage("sample_registry", "--reports", str(n_reports))
        after = _sizes(url)
    rows = [
        (name, (table - before[name][0]) / n_reports, (index - before[name][1]) / n_reports)
        for name, (table, index) in after.items()
    ]
    return [row for row in rows if row[1] + row[2] >= LEAST_BYTES]


def _sizes(url: str) -> dict[str, tuple[int, int]]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM FULL")
        return {name: (table, index) for name, table, index in connection.execute(WEIGHED)}


if __name__ == "__main__":
    main()
