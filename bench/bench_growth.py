"""What one page, one more report's cells and intake take on PostgreSQL as the registry grows, each
beside the smallest size that is measured: `--reports 1000000 10000000` are the sizes promised.

The registries are filled by SQL, with as few runs a report as `--runs` says, so that ten million
fit a disk. Each is a cluster of its own; rounds of intake go through them in turns.
`--cells-of 100000000` simulates what no disk here holds: the cells of so many reports without the
reports, and the pages that are made from cells.
"""

import argparse
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import bench_intake, bench_pages, bench_summaries  # noqa: E402
from bench.bench_application_server import serving  # noqa: E402
from tests import servers  # noqa: E402

PAGES = ("leaderboard", "platform", "report", "list of reports")
PAGES_OF_CELLS = ("leaderboard", "leaderboard, one kind", "platform", "compare groups", "costs")
UPDATES = 30


@dataclass(frozen=True)
class Size:
    """`answers_s` is what the answers took that the pages keep, at their first reader's expense."""

    bytes: int
    fill_s: float
    answers_s: float
    pages_ms: dict[str, float]
    update_ms: float  # median of bringing the cells up to date with one more report of a machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--runs", type=int, default=2, help="of each report")
    parser.add_argument("--requests", type=int, default=60, help="of each page")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells-of", type=int, default=0, metavar="REPORTS")
    asked = parser.parse_args()
    os.environ.update(SECRET_KEY=bench_intake.KEY, DJANGO_SETTINGS_MODULE="registry.settings")
    with ExitStack() as running, tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        if asked.cells_of:
            url = running.enter_context(servers.postgresql())
            tell_simulated(asked.cells_of, simulated(url, asked))
            return
        urls = {n: running.enter_context(servers.postgresql(durable=True)) for n in asked.reports}
        os.environ["DATABASE_URL"] = urls[asked.reports[0]]
        sizes = {n: measured(url, n, asked.runs, asked.requests) for n, url in urls.items()}
        rates = taken_in(urls, folder, asked.clients, asked.rounds)
    tell(sizes, rates)


def measured(url: str, n_reports: int, runs: int, requests: int) -> Size:
    """Fills the cluster, and looks at its pages and cells."""
    with bench_pages.migrated(url):
        told(f"filling {n_reports:,} reports of {runs} runs")
        fill_s = bench_summaries.timed(lambda: bench_pages.fill(n_reports, runs))
        told(f"filled in {fill_s:.0f} s; reading pages")
        a, b = bench_pages.two_reports(n_reports)
        pages_ms = read_pages(PAGES, requests, a=a, b=b)
        keys = (1 + number * n_reports // UPDATES for number in range(UPDATES))
        update_ms = statistics.median(bench_summaries.update_ms(key) for key in keys)
        return Size(size_of_database(), fill_s, answers_s(), pages_ms, update_ms)


def simulated(url: str, asked: argparse.Namespace) -> Size:
    """As `measured`, of cells alone: no report can come."""
    with bench_pages.migrated(url):
        told(f"filling the cells of {asked.cells_of:,} reports")
        fill_s = bench_summaries.timed(lambda: bench_pages.fill_cells(asked.cells_of, asked.runs))
        told(f"filled in {fill_s:.0f} s; reading pages")
        pages_ms = read_pages(PAGES_OF_CELLS, asked.requests)
        return Size(size_of_database(), fill_s, answers_s(), pages_ms, update_ms=0.0)


def read_pages(names: tuple[str, ...], requests: int, **addresses: str) -> dict[str, float]:
    pages_ms = {}
    for name in names:
        address = bench_pages.PAGES[name].format(**addresses)
        pages_ms[name] = bench_pages.times(address, requests).uncached_ms
        told(f"{name}: {pages_ms[name]:.1f} ms")
    return pages_ms


def size_of_database() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (size,) = cursor.fetchone()
    return int(size)


def answers_s() -> float:
    from registry.models import KeptAnswer

    return sum(KeptAnswer.objects.values_list("took_s", flat=True))


def taken_in(urls: dict[int, str], folder: str, clients: int, rounds: int) -> dict[int, float]:
    """Reports a second: medians of rounds that go through the registries in turns."""
    rates: dict[int, list[float]] = {n: [] for n in urls}
    for number in range(rounds):
        for n_reports, url in urls.items():
            environment = bench_intake.environment_of(url, folder)
            with serving(bench_intake.OURS, environment, "registry.wsgi:application") as address:
                one = bench_intake.taken_in(address, clients, 5.0)
            if one.errors:
                raise SystemExit(f"bench: {one.errors} reports were not taken in")
            rates[n_reports].append(one.requests_per_s)
            told(f"intake {number + 1}: {n_reports:,} stored, {one.requests_per_s:.0f}/s")
    return {n: statistics.median(found) for n, found in rates.items()}


def tell(sizes: dict[int, Size], rates: dict[int, float]) -> None:
    least = min(sizes)
    first = sizes[least]
    for n_reports, found in sizes.items():
        print(f"{n_reports:,} reports: {found.bytes / 1e9:.1f} GB, filled in {found.fill_s:.0f} s")
        for name, ms in found.pages_ms.items():
            grown = ms / first.pages_ms[name]
            print(f"  {name:18} p95 uncached {ms:7.1f} ms   {grown:.2f} x")
        grown = found.update_ms / first.update_ms
        print(f"  {'one more report':18} median {found.update_ms:13.1f} ms   {grown:.2f} x")
        grown = rates[least] / rates[n_reports]
        print(f"  {'intake':18} reports/s {rates[n_reports]:10.0f}      {grown:.2f} x as long")
        print(f"  {'kept answers':18} all found in {found.answers_s:6.1f} s")


def tell_simulated(n_reports: int, found: Size) -> None:
    print(f"the cells of {n_reports:,} reports: {found.bytes / 1e9:.1f} GB")
    for name, ms in found.pages_ms.items():
        print(f"  {name:22} p95 uncached {ms:7.1f} ms")
    print(f"  {'kept answers':22} all found in {found.answers_s:6.1f} s")


def told(message: str) -> None:
    print(f"  {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
