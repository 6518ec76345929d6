"""What summaries cost on PostgreSQL, beside the bare SQL that the same work needs: rebuilding every
cell, and bringing the cells up to date for one new report.

The registry is filled by SQL: reports of 8 runs, four of each machine, 3 recipes, 500 systems.
`--reports 100000` and `--reports 1000000` are the sizes that are promised.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import filled  # noqa: E402
from tests import servers  # noqa: E402

RUNS, RECIPES, SYSTEMS, REPORTS_A_MACHINE, UPDATES = 8, 3, 500, 4, 30

FILL = """
INSERT INTO registry_machine (key_digest, public_id, created_at)
    SELECT 'machine ' || n, 'm' || n, now() FROM generate_series(1, {machines}) AS n;
INSERT INTO registry_submitter (created_at, is_import)
    SELECT now(), false FROM generate_series(1, {machines});
INSERT INTO registry_rawreport (public_id, received_digest, claim_digest, body, body_sha256,
        scrubber_version, format, source, received_at, machine_id, submitter_id, status,
        status_reason, visibility, notes, attempts, not_before, last_error)
    SELECT 'r' || n, 'received ' || n, '', '{{}}', 'body ' || n, 1, 'envelope/1', 'api', now(),
        1 + n % {machines}, 1 + n % {machines}, 'published', '', 'public', '', 0, now(), ''
    FROM generate_series(1, {reports}) AS n;
INSERT INTO registry_reading (report_id, parser_version, vocabulary_version, active, created_at,
        warnings, unrecognised, flags, environment, fingerprint, summarised)
    SELECT id, 1, 1, true, now(), '[]', '[]', '[]', '{{}}', '', false
    FROM registry_rawreport ORDER BY id;
INSERT INTO registry_run (reading_id, run_index, position, recipe_id, system_id, machine_id,
        submitter_id, value, bound, part, moved)
    SELECT reading.id, n, 0, 1 + n % {recipes}, 1 + report.machine_id % {systems},
        report.machine_id, report.submitter_id, 10000 + 20000 * random(), 'exact', 'figure', '[]'
    FROM registry_reading AS reading
    JOIN registry_rawreport AS report ON report.id = reading.report_id,
        generate_series(0, {runs} - 1) AS n;
"""
# The same cells from the same rows, in one statement; `{only}` narrows it to one report's.
BARE = """
WITH sittings AS (
    SELECT run.recipe_id, run.system_id, run.bound, run.machine_id, reading.report_id,
        min(run.submitter_id) AS submitter_id, count(*) AS n, avg(ln(run.value)) AS mean,
        coalesce(var_samp(ln(run.value)), 0) * (count(*) - 1) AS m2
    FROM registry_run AS run
    JOIN registry_reading AS reading ON reading.id = run.reading_id
    JOIN registry_rawreport AS report ON report.id = reading.report_id
    WHERE run.part = 'figure' AND run.value > 0 AND reading.active
        AND report.status = 'published' AND report.visibility = 'public' {only}
    GROUP BY run.recipe_id, run.system_id, run.bound, run.machine_id, reading.report_id
)
INSERT INTO bare_cell (recipe_id, system_id, bound, machine_id, submitter_id, n_runs, n_sittings,
        mean_ln, m2, moved, last_report_id)
    SELECT recipe_id, system_id, bound, machine_id, min(submitter_id), sum(n), count(*), avg(mean),
        sum(m2), '[]', max(report_id)
    FROM sittings GROUP BY recipe_id, system_id, bound, machine_id
"""
OF_MACHINE = "AND run.machine_id = {machine} AND run.system_id = {system}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--update-only", action="store_true", help="cells are made by bare SQL")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with servers.postgresql(durable=True) as url:
        os.environ.update(DATABASE_URL=url, SECRET_KEY="a key for the bench alone: 0123456789" * 2)
        os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
        import django

        django.setup()
        found = measured(asked.reports, with_rebuild=not asked.update_only)
    if asked.json:
        print(json.dumps(found))
        return
    print(f"{asked.reports} reports of {RUNS} runs on PostgreSQL, and the bare SQL beside them:")
    for name, what, unit in (("rebuild", "all cells", "s"), ("update", "one more report", "ms")):
        if f"{name}_ratio" not in found:
            continue
        ours, bare = found[f"{name}_{unit}"], found[f"bare_{name}_{unit}"]
        print(f"{what} {ours:.1f} {unit}, bare {bare:.1f} {unit}, {found[f'{name}_ratio']:.1f} x")


def measured(n_reports: int, with_rebuild: bool) -> dict[str, float]:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    fill(n_reports)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_cell (LIKE registry_cell INCLUDING ALL)")
    found: dict[str, float] = {"reports": n_reports}
    bare_s = timed(bare_rebuild)
    if with_rebuild:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE registry_reading SET summarised = false")
        ours_s = timed(rebuild)
        check_same()
        found |= {"rebuild_s": ours_s, "bare_rebuild_s": bare_s, "rebuild_ratio": ours_s / bare_s}
    else:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO registry_cell OVERRIDING SYSTEM VALUE TABLE bare_cell")
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('registry_cell', 'id'), max(id))"
                " FROM registry_cell"
            )
            cursor.execute("ANALYZE")
    ours_ms, bare_ms = updates(n_reports)
    ratio = ours_ms / bare_ms
    return found | {"update_ms": ours_ms, "bare_update_ms": bare_ms, "update_ratio": ratio}


def fill(n_reports: int) -> None:
    from registry.models import Recipe, System

    recipe = {"test": "TCP_CRR", "unit": "trans/s", "topology": "loopback", "source": "plan"}
    Recipe.objects.bulk_create(
        Recipe(digest=f"recipe {n}", streams=n, **recipe) for n in range(1, RECIPES + 1)
    )
    System.objects.bulk_create(
        System(digest=f"system {n}", cpu_model=f"CPU {n % 20}", cpus=2) for n in range(SYSTEMS)
    )
    sizes = {"machines": max(1, n_reports // REPORTS_A_MACHINE), "reports": n_reports}
    with filled.quickly() as cursor:
        cursor.execute(FILL.format(**sizes, recipes=RECIPES, systems=SYSTEMS, runs=RUNS))


def timed(work: Callable[[], Any]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


def bare_rebuild() -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BARE.format(only=""))
        cursor.execute("UPDATE registry_reading SET summarised = true")


def rebuild() -> None:
    from registry.models.summary import summarise

    while summarise():
        pass


def check_same() -> None:
    """Both made the same cells, to what the order of a sum makes of the last digits."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE abs(ours.mean_ln - bare.mean_ln) < 1e-9"
            " AND abs(ours.m2 - bare.m2) < 1e-6 AND ours.n_runs = bare.n_runs), count(*)"
            " FROM registry_cell AS ours FULL JOIN bare_cell AS bare"
            " USING (recipe_id, system_id, bound, machine_id)"
        )
        same, every = cursor.fetchone()
    if same != every or not every:
        raise SystemExit(f"bench: {every - same} of {every} cells differ from the bare SQL's")


def updates(n_reports: int) -> tuple[float, float]:
    """Medians in ms of one more report of a machine: ours, and the bare SQL for the same cells."""
    from django.db import connection, transaction

    from registry.models import Reading

    ours, bare = [], []
    for number in range(UPDATES):
        reading = Reading.objects.order_by("id")[number * n_reports // UPDATES]
        machine = reading.report.machine_id or 0
        only = OF_MACHINE.format(machine=machine, system=1 + machine % SYSTEMS)

        def by_sql(machine: int = machine, only: str = only, pk: int = reading.pk) -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("DELETE FROM bare_cell WHERE machine_id = %s", [machine])
                cursor.execute(BARE.format(only=only))
                cursor.execute("UPDATE registry_reading SET summarised = true WHERE id = %s", [pk])

        Reading.objects.filter(pk=reading.pk).update(summarised=False)
        bare.append(1000 * timed(by_sql))
        ours.append(update_ms(reading.pk))
    return statistics.median(ours), statistics.median(bare)


def update_ms(reading_id: int) -> float:
    """Of bringing the cells up to date with this reading, as if it had just arrived."""
    from registry.models import Reading
    from registry.models.summary import summarise

    Reading.objects.filter(pk=reading_id).update(summarised=False)
    began_s = time.perf_counter()
    if summarise() == 0:
        raise SystemExit(f"bench: reading {reading_id} was not summed up")
    return 1000 * (time.perf_counter() - began_s)


if __name__ == "__main__":
    main()
