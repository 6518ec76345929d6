"""Which application server carries the intake: the bare view behind each, on SQLite and on
PostgreSQL.

8 connections, a few seconds each, the servers taking turns in every round, so that a slower minute
of the machine meets all of them. Prints medians and each one's ratio to the slowest. gunicorn is no
dependency: `pip install --target DIR gunicorn` and PYTHONPATH=DIR bring it in.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import load  # noqa: E402
from tests import installed, servers  # noqa: E402

CLIENTS = 8
BODY = json.dumps(
    {"kind": "bare", "outputs": ["netperf prints a line of text like this one\n" * 110]}
).encode()
GRANIAN = "granian --interface wsgi --workers 2 --blocking-threads"
GUNICORN = "gunicorn --worker-class gthread --workers 2 --threads"
SERVERS = {
    "granian, 2 workers of 1 thread": f"{GRANIAN} 1",
    "granian, 2 workers of 4 threads": f"{GRANIAN} 4",
    "gunicorn gthread, 2 workers of 1 thread": f"{GUNICORN} 1",
    "gunicorn gthread, 2 workers of 4 threads": f"{GUNICORN} 4",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duration", type=float, default=3.0, help="seconds for each measurement")
    asked = parser.parse_args()
    chosen = [name for name in SERVERS if importlib.util.find_spec(SERVERS[name].split()[0])]
    with tempfile.TemporaryDirectory() as folder:
        measure_all(f"sqlite:///{folder}/bare.sqlite3", "SQLite", chosen, asked)
    try:
        with servers.postgresql(durable=True) as url:
            measure_all(url, "PostgreSQL", chosen, asked)
    except installed.Missing as missing:
        print(f"PostgreSQL left out: {missing}")


def measure_all(url: str, database: str, chosen: list[str], asked: argparse.Namespace) -> None:
    results: dict[str, list[load.Load]] = {name: [] for name in chosen}
    for number in range(asked.rounds):
        for name in chosen:
            print(f"  {database}, round {number + 1} of {asked.rounds}: {name}", file=sys.stderr)
            results[name].append(measure(url, SERVERS[name], asked.duration))
    rates = {
        name: statistics.median(one.requests_per_s for one in results[name]) for name in chosen
    }
    slowest = min(rates.values())
    print(f"{database}, {CLIENTS} clients:  requests/s (range)  ratio to slowest  p99 ms  errors")
    for name in chosen:
        every = [one.requests_per_s for one in results[name]]
        p99_ms = statistics.median(one.p99_ms for one in results[name])
        print(
            f"  {name:41}{rates[name]:6.0f} ({min(every):.0f} to {max(every):.0f})"
            f"{rates[name] / slowest:8.2f}{p99_ms:9.1f}{sum(one.errors for one in results[name]):6}"
        )


def measure(url: str, command: str, duration_s: float) -> load.Load:
    """A fresh server and an empty table; the first half second warms both and is not counted."""
    environment = {**os.environ, "DATABASE_URL": url, "PYTHONPATH": python_path()}
    subprocess.run([sys.executable, "-m", "bench.bare_view"], env=environment, cwd=ROOT, check=True)
    with serving(command, environment) as address:
        load.run(address, BODY, CLIENTS, duration_s=0.5)
        return load.run(address, BODY, CLIENTS, duration_s)


@contextmanager
def serving(
    command: str, environment: dict[str, str], application: str = "bench.bare_view:application"
) -> Iterator[str]:
    port = servers.free_port()
    module, *options = command.split()
    place = ["--host", "127.0.0.1", "--port", str(port)]
    if module == "gunicorn":
        place = ["--bind", f"127.0.0.1:{port}", "--keep-alive", "30"]
    quiet = ["--log-level", "warning"]
    everything = [
        sys.executable,
        "-m",
        module,
        *options,
        *place,
        *quiet,
        application,
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.running(everything, folder, lambda: servers.accepts(port), environment=environment),
    ):
        yield f"http://127.0.0.1:{port}/"


def python_path() -> str:
    return os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)


if __name__ == "__main__":
    main()
