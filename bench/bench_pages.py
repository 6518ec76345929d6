"""What a page takes on PostgreSQL as the registry grows, in process, behind all middleware: with
nothing in the cache beside a bare page that renders a table of constants with as many cells as the
page has, 500 at least; and from the cache beside an empty page.

The registry is filled by SQL: reports of 8 runs, four of each machine, on 600 systems. `--reports
10000 100000 1000000` are the sizes that are promised; the default leaves the last out.
"""

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import filled  # noqa: E402
from bench.bench_summaries import BARE, FILL, REPORTS_A_MACHINE, RUNS  # noqa: E402
from tests import servers  # noqa: E402

LOADS = ((1, "same_cpu"), (1, "unpinned"), (2, "unpinned"))
PLATFORMS = ("none", "kvm", "xen", "vmware", "microsoft")
KERNELS = ("4.19", "5.10", "5.15", "6.1", "6.6", "6.12")
CPUS = 20
PAGES = {
    "home": "/",
    "leaderboard": "/leaderboard/",
    "leaderboard, one kind": "/leaderboard/?virtualization=kvm&group_by=kernel_series,cpu_model",
    "platform": "/platform/virtualization/kvm/",
    "report": "/r/{a}",
    "compare reports": "/compare/?a={a}&b={b}",
    "compare groups": "/compare/?a.virtualization=none&b.virtualization=kvm",
    "costs": "/costs/",
    "list of reports": "/reports/",
}
# A machine's reports are of one system; the spread of a mean is that of so many figures.
CELLS = """
INSERT INTO registry_machine (key_digest, public_id, created_at)
    SELECT 'machine ' || n, 'm' || n, now() FROM generate_series(1, {machines}) AS n;
INSERT INTO registry_cell (recipe_id, system_id, bound, machine_id, submitter_id, n_runs,
        n_sittings, mean_ln, m2, moved, last_report_id)
    SELECT 1 + load, 1 + machine % {systems}, 'exact', machine, machine, {sittings}, {sittings},
        9.85 + 0.3 * (random() - 0.5), 0.1, '[]', machine
    FROM generate_series(1, {machines}) AS machine, generate_series(0, {runs} - 1) AS load
"""
CELL, LEAST_CELLS = re.compile(rb"<t[dh][ >]"), 500
# Public ids of the alphabet that addresses have.
NAME = """
UPDATE registry_rawreport SET public_id = translate(lpad(to_hex(id), 16, 'p'), '0189', 'wxyz')
"""


@dataclass(frozen=True)
class Times:
    """95th percentiles in ms, the queries of a page that is not cached, and its cells."""

    uncached_ms: float
    cached_ms: float
    queries: int
    cells: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--requests", type=int, default=60, help="of each page, each way")
    asked = parser.parse_args()
    os.environ.update(SECRET_KEY="a key for the bench alone: 0123456789" * 2)
    os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
    first: dict[str, Times] = {}
    for size in asked.reports:
        with servers.postgresql() as url:
            found, tables_ms, empty_ms = _measured(url, size, asked.requests)
        print(f"{size:,} reports; p95 of {asked.requests} requests each")
        print(f"a bare table of {LEAST_CELLS} cells: {tables_ms[LEAST_CELLS]:.1f} ms")
        print(f"an empty page: {empty_ms:.1f} ms")
        print(f"{'page':22} uncached ms  cells of table  growth  cached ms of empty  queries")
        for name, times in found.items():
            grown = times.uncached_ms / first.setdefault(name, times).uncached_ms
            table_ms = tables_ms[times.cells]
            print(
                f"{name:22}{times.uncached_ms:12.1f}{times.cells:7}"
                f"{times.uncached_ms / table_ms:8.1f}x{grown:7.1f}x{times.cached_ms:11.1f}"
                f"{times.cached_ms / empty_ms:8.1f}x{times.queries:9}"
            )


def _measured(
    url: str, size: int, requests: int
) -> tuple[dict[str, Times], dict[int, float], float]:
    """Times of the pages, ms of bare tables by their cells, ms of an empty page."""
    with migrated(url):
        from django.test.utils import override_settings

        fill(size)
        a, b = two_reports(size)
        found = {name: times(page.format(a=a, b=b), requests) for name, page in PAGES.items()}
        sizes = {LEAST_CELLS, *(each.cells for each in found.values())}
        with override_settings(ROOT_URLCONF="bench.bare_pages"):
            tables_ms = {cells: p95_ms(f"/table/{cells}/", requests) for cells in sizes}
            empty_ms = p95_ms("/empty/", requests)
    return found, tables_ms, empty_ms


@contextmanager
def migrated(url: str) -> Iterator[None]:
    """Django on this empty database. It looks at DATABASE_URL once, so the connection is pointed at
    one after the other.
    """
    os.environ["DATABASE_URL"] = url
    import dj_database_url
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from registry import wsgi  # noqa: F401 - all is loaded, as in a process that serves

    connection.close()
    connection.settings_dict.update(dj_database_url.parse(url))
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    try:
        yield
    finally:
        connection.close()


def fill(size: int, runs: int = RUNS) -> None:
    from registry.models import Generation

    systems = _recipes_and_systems()
    sizes = {"machines": max(1, size // REPORTS_A_MACHINE), "reports": size, "runs": runs}
    with filled.quickly() as cursor:
        cursor.execute(FILL.format(**sizes, recipes=len(LOADS), systems=systems))
        cursor.execute(BARE.format(only="").replace("bare_cell", "registry_cell"))
        cursor.execute("UPDATE registry_reading SET summarised = true")
        cursor.execute(NAME)
    Generation(pk=1, number=1).save()


def fill_cells(size: int, runs: int) -> None:
    """The cells that `fill` makes, without the reports: all that most pages are made from."""
    from registry.models import Generation

    systems = _recipes_and_systems()
    sizes = {"machines": max(1, size // REPORTS_A_MACHINE), "runs": runs, "sittings": 4}
    with filled.quickly() as cursor:
        cursor.execute(CELLS.format(**sizes, systems=systems))
    Generation(pk=1, number=1).save()


def _recipes_and_systems() -> int:
    """Makes them; gives how many systems."""
    from registry.models import Recipe, System

    recipe = {"test": "TCP_CRR", "unit": "trans/s", "topology": "loopback", "source": "plan"}
    Recipe.objects.bulk_create(
        Recipe(digest=f"recipe {n}", streams=streams, placement=placement, **recipe)
        for n, (streams, placement) in enumerate(LOADS)
    )
    systems = [
        System(
            digest=f"system {kind} {series} {cpu}",
            virtualization=kind,
            kernel_series=series,
            kernel_release=f"{series}.{cpu}-amd64",
            cpu_model=f"CPU {cpu}",
            cpus=2 ** (cpu % 5),
        )
        for kind in PLATFORMS
        for series in KERNELS
        for cpu in range(CPUS)
    ]
    return len(System.objects.bulk_create(systems))


def two_reports(size: int) -> list[str]:
    """The addresses of reports of two machines."""
    from registry.models import RawReport

    reports = RawReport.objects.order_by("pk").values_list("public_id", flat=True)
    return list(reports[size // 2 : size // 2 + 2])


def times(address: str, requests: int) -> Times:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext, override_settings

    from registry.kept import cache

    with override_settings(HOT_SECONDS=1e-6):
        p95_ms(address, 0)  # what is kept in the database, is
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            content = Client().get(address).content
    queries = len(captured)  # now: the next request empties the log
    cells = max(LEAST_CELLS, len(CELL.findall(content)))
    with override_settings(HOT_SECONDS=1e-6):
        uncached = p95_ms(address, requests, before=cache.clear)
    return Times(uncached, p95_ms(address, requests), queries, cells)


def p95_ms(address: str, requests: int, before: Callable[[], Any] = lambda: None) -> float:
    from django.test import Client

    client = Client()
    client.get(address)  # loads the middleware, and is not counted
    took = []
    for _ in range(requests):
        before()
        began_s = time.perf_counter()
        answer = client.get(address)
        took.append(1000 * (time.perf_counter() - began_s))
        if answer.status_code != 200:
            raise SystemExit(f"bench: {address} answered {answer.status_code}")
    return statistics.quantiles(took, n=20)[18] if len(took) > 1 else 0.0


if __name__ == "__main__":
    main()
