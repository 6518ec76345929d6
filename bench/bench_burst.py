"""A burst on one chart: 1,000 reports for one of its rows within a minute, while 200 readers a
second ask for its picture, of the registry as `make run` starts it, on loopback alone.

Drawings are counted from outside, by the ETags that readers see: each has a life of 5 s. Readers
keep to their clock, so that an answer's time counts from when it should have been asked for; where
the machine is too busy for the rates, the burst takes longer and that is said. Then,
on the idle registry, how long one report takes to be in the chart, and how long with a worker that
was killed. Client, server, database and broker share the cores; how busy they were before is said.
"""

import argparse
import http.client
import json
import math
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.targets import Target  # noqa: E402
from tests import installed, reports, servers  # noqa: E402
from tests.end_to_end.site import Site, site, wait_until  # noqa: E402

KEY = "a key for the bench alone, as long as a real one: 0123456789"
PICTURE, FIGURES = "/c/xen-users.png", "/c/xen-users.json"
SENDERS, READERS = 4, 8
REST_S = 5.0
SWEEP_S = {"embedded": 5.0, "servers": 30.0, "rabbitmq": 30.0}  # as settings have it
PER_WINDOW = Target(2, 1, is_cost=True)
RENDERS_AFTER_REST = Target(3, 1.5, is_cost=True)
OF_SWEEP_AND_RENDER = Target(1, 1, is_cost=True)


@dataclass
class Answers:
    """What came back: seconds from when each should have been asked for, statuses, ETags."""

    waited_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    etags: set[str] = field(default_factory=set)

    @property
    def p99_ms(self) -> float:
        return 1000 * statistics.quantiles(self.waited_s, n=100)[98]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--reads", type=int, default=200, help="a second")
    parser.add_argument("--rounds", type=int, default=5, help="of one report on the idle registry")
    parser.add_argument("--on", choices=list(SWEEP_S), help="one of them alone")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = {}
    starts: dict[str, Callable[[Path], AbstractContextManager[Site]]] = {
        "embedded": embedded,
        "servers": partial(on_servers, servers.redis),
        "rabbitmq": partial(on_servers, servers.rabbitmq),
    }
    for name, start in starts.items():
        if asked.on in (None, name):
            try:
                with tempfile.TemporaryDirectory() as folder, start(Path(folder, "var")) as one:
                    found[name] = measured(one, asked)
            except installed.Missing as missing:
                print(f"{name} left out: {missing}", file=sys.stderr)
    print(json.dumps(found, indent=2) if asked.json else "\n".join(map(told, found.items())))
    if not all(one["holds"] for one in found.values()):
        sys.exit("bench_burst: a promise does not hold")


@contextmanager
def embedded(folder: Path) -> Iterator[Site]:
    with site(folder, REPORTS_PER_DAY="0", NUM_PROXIES="1") as found:
        yield found


@contextmanager
def on_servers(
    start_broker: Callable[[], AbstractContextManager[str]], folder: Path
) -> Iterator[Site]:
    with servers.postgresql(durable=True) as database, start_broker() as broker:
        urls = {"DATABASE_URL": database, "CELERY_BROKER_URL": broker, "SECRET_KEY": KEY}
        with site(folder, REPORTS_PER_DAY="0", NUM_PROXIES="1", **urls) as found:
            yield found


def measured(one: Site, asked: argparse.Namespace) -> dict[str, Any]:
    load = os.getloadavg()[0]
    begun_s = time.monotonic()
    sent, read = burst(one, asked)
    took_s = time.monotonic() - begun_s
    last_s = time.monotonic()
    wait_until(lambda: runs_of(one, "6.66") == asked.reports)
    late_s = time.monotonic() - last_s
    drawn = len(read.etags | {one.etag(PICTURE)})
    idle = [until_drawn(one, f"6.{number}", kill=False) for number in range(70, 70 + asked.rounds)]
    killed = [until_drawn(one, f"6.{number}", kill=True) for number in range(90, 92)]
    render_s = figure(one, "crr_chart_drawing_seconds_sum") / figure(
        one, "crr_chart_drawing_seconds_count"
    )
    most = 1 + math.ceil(took_s / REST_S)
    broken = sum(n for status, n in (sent.statuses + read.statuses).items() if status >= 500)
    return {
        "reports": asked.reports,
        "seconds": asked.seconds,
        "took_s": took_s,
        "statuses_sent": dict(sent.statuses),
        "statuses_read": dict(read.statuses),
        "sent_p99_ms": sent.p99_ms,
        "read_p99_ms": read.p99_ms,
        "read_median_ms": 1000 * statistics.median(read.waited_s),
        "drawings": drawn,
        "drawings_most": most,
        "last_report_to_chart_s": late_s,
        "render_s": render_s,
        "idle_report_to_chart_s": idle,
        "killed_report_to_chart_s": killed,
        "load_before": load,
        "holds": drawn <= most and not broken and sent.statuses[201] == asked.reports,
    }


def told(item: tuple[str, dict[str, Any]]) -> str:
    name, found = item
    render_s, sweep_s = found["render_s"], SWEEP_S[name]
    idle_s = statistics.median(found["idle_report_to_chart_s"])
    killed_s = max(found["killed_report_to_chart_s"])
    per_window = found["drawings"] / found["drawings_most"]
    renders = max(0.0, found["last_report_to_chart_s"] - REST_S) / render_s
    of_both = killed_s / (sweep_s + render_s)
    return (
        f"{name}: {found['reports']} reports planned for {found['seconds']:.0f} s, with the last "
        f"answer after {found['took_s']:.0f} s; answers "
        f"{found['statuses_sent']}, p99 {found['sent_p99_ms']:.0f} ms\n"
        f"  {found['drawings']} drawings of the chart in {found['drawings_most']} windows of "
        f"{REST_S:.0f} s: {per_window:.2f} x, {PER_WINDOW.told(per_window)}\n"
        f"  all reports in it {found['last_report_to_chart_s']:.1f} s after the last: the rest and "
        f"{renders:.1f} drawings, {RENDERS_AFTER_REST.told(renders)}\n"
        f"  readers: {found['statuses_read']}, median {found['read_median_ms']:.1f} ms, p99 "
        f"{found['read_p99_ms']:.0f} ms\n"
        f"  one report on the idle registry: in the chart after {idle_s:.2f} s; one drawing takes "
        f"{render_s:.2f} s on average\n"
        f"  with its worker killed: {killed_s:.1f} s at the most, {of_both:.2f} x a sweep and "
        f"a drawing, {OF_SWEEP_AND_RENDER.told(of_both)}\n"
        f"  load before it began: {found['load_before']:.1f} on {os.cpu_count()} CPUs"
    )


def burst(one: Site, asked: argparse.Namespace) -> tuple[Answers, Answers]:
    """Reports and readers at their rates, for as long as the reports take."""
    start_s = time.monotonic() + 1
    sent, read = Answers(), Answers()
    n_reads = round(asked.reads * asked.seconds)
    plans = [
        *((sent, asked.reports, n, SENDERS, post) for n in range(SENDERS)),
        *((read, n_reads, n, READERS, get) for n in range(READERS)),
    ]
    threads = [
        threading.Thread(target=paced, args=(one, answers, start_s, asked.seconds, *plan))
        for answers, *plan in plans
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent, read


def paced(
    one: Site,
    answers: Answers,
    start_s: float,
    seconds: float,
    count: int,
    first: int,
    step: int,
    ask: Callable[[http.client.HTTPConnection, int], http.client.HTTPResponse],
) -> None:
    """Every `step`-th of `count` requests that are spread over `seconds`, on one connection."""
    place = urlsplit(one.url)
    assert place.hostname == "127.0.0.1"
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    for number in range(first, count, step):
        due_s = start_s + seconds * number / count
        time.sleep(max(0.0, due_s - time.monotonic()))
        answer = ask(connection, number)
        answer.read()
        answers.waited_s.append(time.monotonic() - due_s)
        answers.statuses[answer.status] += 1
        if etag := answer.headers["ETag"]:
            answers.etags.add(etag)
    connection.close()


def post(connection: http.client.HTTPConnection, number: int) -> http.client.HTTPResponse:
    headers = {"Content-Type": "application/json", "X-Forwarded-For": address(number)}
    connection.request("POST", "/api/v1/reports/", report("6.66", number), headers)
    return connection.getresponse()


def get(connection: http.client.HTTPConnection, number: int) -> http.client.HTTPResponse:
    connection.request("GET", PICTURE)
    return connection.getresponse()


def report(series: str, number: int) -> bytes:
    environment = reports.environment(kernel={"release": f"{series}.1-bench"})
    run = reports.run(20_000 + number * 1.01)
    return reports.as_bytes(
        reports.envelope(run, environment=environment, machine_id=f"{number + 1:032x}")
    )


def address(number: int) -> str:
    return f"10.{number // 62500 % 250}.{number // 250 % 250}.{number % 250 + 1}"


def runs_of(one: Site, series: str) -> int:
    """How many runs the chart counts in the rows of a kernel series."""
    rows = one.get(FIGURES).json()["rows"]
    return sum(
        row["cells"]["TCP_CRR"]["n_runs"]
        for row in rows
        if row["label"].startswith(f"{series} ") and "TCP_CRR" in row["cells"]
    )


def until_drawn(one: Site, series: str, kill: bool) -> float:
    """Seconds from the answer to a report until the chart, which rested, shows its new row."""
    etag = one.etag(PICTURE)
    time.sleep(REST_S + 2)
    wait_until(lambda: one.get("/readyz").status == 200)
    assert one.etag(PICTURE) == etag, "somebody else drew the chart"
    body = report(series, int(series.partition(".")[2]))
    assert one.post("/api/v1/reports/", body).status == 201
    if kill:
        os.kill(one.processes("--quiet worker")[-1], signal.SIGKILL)
    sent_s = time.monotonic()
    wait_until(lambda: runs_of(one, series) == 1)
    return time.monotonic() - sent_s


def figure(one: Site, name: str) -> float:
    return float(one.get("/metrics").text().partition(f"\n{name} ")[2].partition("\n")[0])


if __name__ == "__main__":
    main()
