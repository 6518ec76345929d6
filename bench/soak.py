"""Half an hour of a registry at work, as production runs it: PostgreSQL, Redis, web processes, a
worker and the scheduler. Senders and readers keep to their clock; the memory of every process is
looked at all the while.

At the end: nothing lost (`verify_registry` against a ledger of what was sent), no answer that is
not 2xx, nine tenths of the rate that was asked for, a queue that was never 30 s old, and whether
memory is flat. It is where the median of a role's last quarter is at most 5 % and 5 MB above that
of its second quarter; the first one warms up. Exit code 1 when a promise does not hold. `make soak`
runs it.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.bench_burst import Answers  # noqa: E402
from tests import reports, servers  # noqa: E402
from tests.end_to_end.site import Site  # noqa: E402
from tests.faults.deployment import deployed, metrics_of  # noqa: E402
from tests.faults.senders import Ledger, digest_of  # noqa: E402

MACHINES, KERNELS = 2_000, 30
LOOKED_AT_EVERY_S = 10.0
THREADS = 8
GROWTH, SLACK_MB = 1.05, 5.0
QUEUE_AGE_S = 30.0
RATE_SHARE = 0.9  # of the reports that were asked for; less is another load
AGES = ("crr_reports_unread_seconds", "crr_readings_waiting_seconds", "crr_charts_due_seconds")
PAGES = (
    *("/", "/leaderboard/", "/reports/", "/effects/", "/costs/", "/status/", "/search/?q=kvm"),
    *("/platform/virtualization/kvm/", "/api/v1/leaderboard/?group_by=kernel_series"),
    *(f"/c/xen-users{ending}" for ending in (".png", ".svg", ".txt", ".json", ".csv")),
)


@dataclass
class Seen:
    """The answers to senders and readers; at each look, how old the queues were and the MB of each
    role.
    """

    sent: Answers = field(default_factory=Answers)
    read: Answers = field(default_factory=Answers)
    ages_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory_mb: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    took_s: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--reports", type=float, default=10.0, help="a second")
    parser.add_argument("--reads", type=float, default=20.0, help="a second")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    seen, ledger = Seen(), Ledger()
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.postgresql(durable=True) as database,
        servers.redis() as broker,
    ):
        deployment = deployed(Path(folder), database, broker, NUM_PROXIES="1")
        deployment.manage("prepare")
        os.environ.update(deployment.environment, DJANGO_SETTINGS_MODULE="registry.settings")
        django.setup()  # digests of what is stored are made as the registry makes them
        with deployment.web() as web, deployment.worker() as worker, deployment.scheduler():
            run(asked, web, worker, seen, ledger)
            deployment.settle(web)
        verified = deployment.verify(ledger)
    found = told(asked, seen, len(ledger.kept))
    print(json.dumps(found, indent=2) if asked.json else _text(found, verified))
    if not found["holds"]:
        sys.exit("soak: a promise does not hold")


def run(asked: argparse.Namespace, web: Site, worker: Site, seen: Seen, ledger: Ledger) -> None:
    start_s, length_s = time.monotonic(), 60 * asked.minutes
    ended = threading.Event()

    def post(number: int) -> int:
        body = report(number)
        sender = {"X-Forwarded-For": f"10.1.{number % MACHINES // 250}.{number % 250 + 1}"}
        answer = web.post("/api/v1/reports/", body, **sender)
        if answer.status == 201:
            ledger.kept[answer.json()["id"]] = digest_of(body)
        return answer.status

    def get(number: int) -> int:
        return web.get(PAGES[number % len(PAGES)]).status

    def paced(first: int, rate: float, ask: Callable[[int], int], kept: Answers) -> None:
        for number in range(first, int(rate * length_s), THREADS):
            due_s = start_s + number / rate
            time.sleep(max(0.0, due_s - time.monotonic()))
            kept.statuses[ask(number)] += 1
            kept.waited_s.append(time.monotonic() - due_s)

    def look() -> None:
        while not ended.wait(LOOKED_AT_EVERY_S):
            metrics = metrics_of(web)
            for name in AGES:
                seen.ages_s[name].append(metrics[name])
            for role, site in (("web", web), ("worker", worker)):
                seen.memory_mb[role].append(sum(map(_memory_mb, site.processes())))
            left_s = start_s + length_s - time.monotonic()
            if sys.stderr.isatty():
                print(f"\r\x1b[K{left_s:.0f} s left, {seen.memory_mb}", end="", file=sys.stderr)

    with ThreadPoolExecutor(2 * THREADS + 1) as pool:
        looking = pool.submit(look)
        work = [
            pool.submit(paced, first, rate, ask, kept)
            for first in range(THREADS)
            for rate, ask, kept in (
                (asked.reports, post, seen.sent),
                (asked.reads, get, seen.read),
            )
        ]
        try:
            for each in work:
                each.result()
            seen.took_s = time.monotonic() - start_s
        finally:
            ended.set()
        looking.result()


def report(number: int) -> bytes:
    """A report of its own figure, from one of many machines with one of many kernels."""
    machine = number % MACHINES
    environment = reports.environment(kernel={"release": f"6.{machine % KERNELS}.1-soak"})
    runs = [reports.run(20_000 + machine + number / 1_000 + n) for n in range(3)]
    return reports.as_bytes(
        reports.envelope(*runs, environment=environment, machine_id=f"{machine + 1:032x}")
    )


def told(asked: argparse.Namespace, seen: Seen, kept: int) -> dict[str, object]:
    quarters = {role: _quarters(values) for role, values in seen.memory_mb.items()}
    flat = {role: last <= GROWTH * second + SLACK_MB for role, (second, last) in quarters.items()}
    sent, read = seen.sent.statuses, seen.read.statuses
    is_complete = set(sent) == {201} and set(read) == {200} and kept == sent.total()
    rate = sent.total() / seen.took_s
    is_steady = rate >= RATE_SHARE * asked.reports
    oldest_s = {name: round(max(ages), 1) for name, ages in seen.ages_s.items()}
    return {
        "minutes": asked.minutes,
        "statuses_sent": dict(sent),
        "statuses_read": dict(read),
        "kept": kept,
        "sent_per_s": round(rate, 1),
        "sent_p99_ms": round(seen.sent.p99_ms),
        "read_p99_ms": round(seen.read.p99_ms),
        "oldest_s": oldest_s,
        "memory_mb": {
            role: {
                "second_quarter": second,
                "last_quarter": last,
                "most": round(max(seen.memory_mb[role]), 1),
            }
            for role, (second, last) in quarters.items()
        },
        "is_flat": flat,
        "holds": is_complete
        and is_steady
        and max(oldest_s.values()) < QUEUE_AGE_S
        and all(flat.values()),
    }


def _quarters(values: list[float]) -> tuple[float, float]:
    """Medians of the second and of the last quarter."""
    quarter = max(1, len(values) // 4)
    return _median(values[quarter : 2 * quarter]), _median(values[-quarter:])


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)


def _memory_mb(pid: int) -> float:
    """Proportional set size, so that what forks share counts once; 0 when it has gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(text.partition("\nPss:")[2].split()[0]) / 1024


def _text(found: dict[str, object], verified: str) -> str:
    rows = [f"{name:16} {value}" for name, value in found.items()]
    return "\n".join([*rows, verified.strip()])


if __name__ == "__main__":
    main()
