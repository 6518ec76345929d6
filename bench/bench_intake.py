"""What taking in a report costs: accepted reports a second against the bare view that decodes and
inserts, and on PostgreSQL against a registry that holds many already.

All behind granian with 2 workers, on SQLite and PostgreSQL with durable commits, in turns. Every
report is a new one of the same recipe and system. No worker runs beside it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import load  # noqa: E402
from bench.bench_application_server import BODY, GRANIAN, python_path, serving  # noqa: E402
from tests import installed, reports, servers  # noqa: E402

# The bare view with the threads that suit it (decision 1), the registry as the Procfile has it.
BARE_THREADS = {"SQLite": 1, "PostgreSQL": 4}
OURS = f"{GRANIAN} 8"
KEY = "a key for the bench alone, as long as a real one: 0123456789"
# The digits behind the point are the request's number: no two reports have the same figures.
POINT = f".{load.NUMBERED.decode()}"
RUNS = [
    reports.run(outputs=[reports.KEYVAL.format(rate=rate, elapsed=5).replace(".00", POINT, 1)])
    for rate in range(23_000, 23_008)
]
REPORT = json.dumps(reports.envelope(*RUNS)).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", type=float, default=3.0, help="seconds for each measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--stored", type=int, default=1_000_000, help="in the full registry")
    asked = parser.parse_args()
    print(f"a report of {len(REPORT)} bytes with 8 runs; the bare view gets {len(BODY)} bytes")
    with tempfile.TemporaryDirectory() as folder:
        compare(f"sqlite:///{folder}/bench.sqlite3", "SQLite", folder, asked)
    try:
        with servers.postgresql(durable=True) as url, tempfile.TemporaryDirectory() as folder:
            compare(url, "PostgreSQL", folder, asked)
        if asked.stored:
            grown(asked)
    except installed.Missing as missing:
        print(f"PostgreSQL left out: {missing}")


def compare(url: str, database: str, folder: str, asked: argparse.Namespace) -> None:
    environment = environment_of(url, folder)
    prepare(environment, ["manage.py", "migrate", "--verbosity", "0"], ["-m", "bench.bare_view"])
    for clients in asked.clients:
        bare: list[load.Load] = []
        ours: list[load.Load] = []
        for number in range(asked.rounds):
            message = f"  {database}, {clients} clients, round {number + 1} of {asked.rounds}"
            print(message, file=sys.stderr)
            with serving(f"{GRANIAN} {BARE_THREADS[database]}", environment) as address:
                bare.append(measure(address, BODY, clients, asked.duration))
            with serving(OURS, environment, "registry.wsgi:application") as address:
                ours.append(taken_in(address, clients, asked.duration))
        report(f"{database}, {clients} clients", bare, ours)


def grown(asked: argparse.Namespace) -> None:
    """An empty registry and one that is full, each on a cluster of its own, in turns."""
    rates: dict[int, dict[str, list[load.Load]]] = {n: {} for n in asked.clients}
    with (
        servers.postgresql(durable=True) as empty,
        servers.postgresql(durable=True) as full,
        tempfile.TemporaryDirectory() as folder,
    ):
        migrate = ["manage.py", "migrate", "--verbosity", "0"]
        places = {"empty": environment_of(empty, folder), "full": environment_of(full, folder)}
        prepare(places["empty"], migrate)
        print(f"  filling {asked.stored:,} reports", file=sys.stderr)
        prepare(places["full"], migrate, ["-m", "bench.filled", str(asked.stored)])
        for clients in asked.clients * asked.rounds:
            for name, environment in places.items():
                with serving(OURS, environment, "registry.wsgi:application") as address:
                    one = taken_in(address, clients, asked.duration)
                rates[clients].setdefault(name, []).append(one)
    for clients, found in rates.items():
        report(
            f"{asked.stored:,} stored, {clients} clients", found["empty"], found["full"], "empty"
        )


def environment_of(url: str, folder: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DATA_DIR": folder,
        "SECRET_KEY": KEY,
        "REPORTS_PER_DAY": "0",
        "PYTHONPATH": python_path(),
    }


def prepare(environment: dict[str, str], *commands: list[str]) -> None:
    for command in commands:
        subprocess.run([sys.executable, *command], env=environment, cwd=ROOT, check=True)


def taken_in(address: str, clients: int, duration_s: float) -> load.Load:
    """Each is a new report: 201, since 200 is one that was known."""
    return measure(f"{address}api/v1/reports/", REPORT, clients, duration_s, b"201")


def measure(
    address: str, body: bytes, clients: int, duration_s: float, wanted: bytes = b"2"
) -> load.Load:
    load.run(address, body, clients, duration_s=0.5)  # warms, not counted
    return load.run(address, body, clients, duration_s, wanted=wanted)


def report(name: str, bare: list[load.Load], ours: list[load.Load], beside: str = "bare") -> None:
    rates = [statistics.median(one.requests_per_s for one in runs) for runs in (bare, ours)]
    p99_ms = [statistics.median(one.p99_ms for one in runs) for runs in (bare, ours)]
    print(
        f"{name}: {beside} {rates[0]:.0f}/s, ours {rates[1]:.0f}/s, "
        f"ratio {rates[1] / rates[0]:.2f}; "
        f"p99 {p99_ms[0]:.0f} and {p99_ms[1]:.0f} ms, ratio {p99_ms[1] / p99_ms[0]:.1f}; "
        f"errors {sum(one.errors for one in ours)}"
    )


if __name__ == "__main__":
    main()
