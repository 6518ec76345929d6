"""Load, and those who cause it: bursts, bodies that are cut, made-up addresses, a picture that
everybody wants. What was measured goes into the table; what must hold is counted, not timed.
"""

import gzip
import json
import re
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from charts.tasks import draw_chart
from registry import hints
from registry.celery import app
from tests import installed
from tests.end_to_end.site import Site, site, wait_until
from tests.end_to_end.test_nginx import nginx
from tests.faults import WHOLE, times
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, embedded_in, metrics_of
from tests.faults.senders import Ledger, numbered, post, post_many, slowest_ms

Figure = Callable[[str], None]
QUEUE_AGE_S = 30.0


def test_burst_on_one_chart_is_few_drawings_and_all_are_in_it(
    redis_url: str, deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    n, throttle_s = times(1000, 100), 5
    deployment = deploy(redis_url, CHART_THROTTLE_SECONDS=str(throttle_s))
    ended = threading.Event()
    seen: list[tuple[int, str]] = []
    with deployment.web() as web, deployment.worker(), deployment.scheduler():
        with ThreadPoolExecutor(1) as pool:
            started_s = time.monotonic()
            reading = pool.submit(_watch, web, ended, seen)
            sent = ledger.enter(post_many(web, range(n), clients=8))
            deployment.settle(web)
            wait_until(lambda: metrics_of(web)["crr_charts_stale"] == 0)
            took_s = time.monotonic() - started_s
            ended.set()
            reading.result()
        rows = json.loads(web.get("/c/xen-users.json").text())["rows"]
    assert set(ledger.statuses) == {201}
    assert {status for status, _ in seen} == {200}
    drawings = len({etag for _, etag in seen}) - 1  # the first was there before
    assert 1 <= drawings <= took_s / throttle_s + 2
    (row,) = (row for row in rows if "6.40" in row["label"])
    assert row["cells"]["TCP_CRR"]["n_runs"] == n
    figure(
        f"{n} × 201 in {took_s:.0f} s, p99 {slowest_ms(sent):.0f} ms; {drawings} drawings, "
        f"{len(seen)} readers, none of them met an error"
    )


def _watch(web: Site, ended: threading.Event, seen: list[tuple[int, str]]) -> None:
    while not ended.is_set():
        answer = web.get("/c/xen-users.png")
        seen.append((answer.status, str(answer.headers["ETag"])))


@pytest.mark.faults
def test_body_that_is_cut_anywhere_leaves_no_row(
    deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    """At every KiB, by a sender that is gone."""
    body = numbered(1) + b" " * 20_000
    cuts = range(0, len(body), times(1024, 4096))
    deployment = deploy()
    with deployment.web() as web:
        for cut in cuts:
            _send_part(web, body, cut)
        (sent,) = ledger.enter([post(web, 2)])
    assert sent.status == 201
    deployment.catch_up()
    figure(f"{len(cuts)} cuts, no row")


LENGTHS = (  # what is announced, and how many bytes come
    *(("0", 0), ("0", 100), ("1", 0), ("1", 1), ("100", 99), ("10", 100)),
    *(("-1", 100), ("+100", 100), ("1e2", 100), ("0x64", 100), ("9" * 30, 100), ("", 100)),
    ("100\r\nContent-Length: 10", 100),
)


@pytest.mark.faults
def test_body_whose_length_lies_leaves_no_row(deploy: Deploy, figure: Figure) -> None:
    deployment = deploy()
    with deployment.web() as web:
        answers = [_status_of(web, length, b"x" * size) for length, size in LENGTHS]
        assert web.get("/api/v1/leaderboard/").status == 200
    assert set(answers) <= {"", "400", "411", "413", "422"}
    assert answers[0] == "422"
    figure(f"{len(LENGTHS)} lengths that lie, no row")


def _status_of(web: Site, length: str, body: bytes) -> str:
    """Empty where the connection ended without an answer."""
    address = urlsplit(web.url)
    head = (
        f"POST /api/v1/reports/ HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as peer:
        peer.sendall(head.encode() + body)
        if length.isdigit() and int(length) > len(body):
            peer.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            return peer.recv(100).decode().partition(" ")[2][:3]
    return ""


UNPACKED_BYTES, MEMBERS = 1 << 30, 16


def bombs() -> dict[str, bytes]:
    """Bodies that unpack to a gigabyte: the last to one that does so in its turn."""
    packer = zlib.compressobj(wbits=31)
    piece = bytes(UNPACKED_BYTES >> 10)
    one = b"".join(packer.compress(piece) for _ in range(1 << 10)) + packer.flush()
    members = gzip.compress(bytes(UNPACKED_BYTES // MEMBERS)) * MEMBERS
    return {"one": one, "members": members, "nested": gzip.compress(one)}


@pytest.mark.faults
def test_bombs_are_refused_and_not_unpacked(deploy: Deploy, figure: Figure) -> None:
    every = bombs()
    deployment = deploy()
    with deployment.web() as web:
        packed = {"media_type": "text/plain", "Content-Encoding": "gzip"}
        assert web.post("/api/v1/reports/", gzip.compress(b"text"), **packed).status == 415
        before_mb = _peak_mb(web)
        answers = [
            web.post(path, body, **packed).status
            for path in ("/api/v1/reports/", "/api/v1/parse/")
            for body in every.values()
        ]
        grown_mb = _peak_mb(web) - before_mb
    assert answers == [415] * 2 * len(every)
    assert grown_mb < 20
    sizes = ", ".join(f"{name} of {len(body):,} bytes" for name, body in every.items())
    figure(f"a gigabyte in {sizes}: 415, {grown_mb:.0f} MB more")


def _peak_mb(web: Site) -> float:
    """The most memory that the processes ever had, all together."""
    told = [Path(f"/proc/{pid}/status").read_text() for pid in web.processes()]
    return sum(int(text.partition("VmHWM:")[2].split()[0]) for text in told) / 1024


def _send_part(web: Site, body: bytes, cut: int) -> None:
    address = urlsplit(web.url)
    head = (
        f"POST /api/v1/reports/ HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as peer:
        peer.sendall(head.encode() + body[:cut])


@pytest.mark.faults
def test_forwarded_addresses_that_a_sender_makes_up_do_not_count(
    deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    """Without a proxy of ours the header is nothing; behind one, only what that one saw counts, and
    an IPv6 network of 64 bits is one sender.
    """
    made_up, limit = times(200, 30), 5
    deployment = deploy(REPORTS_PER_DAY=str(limit))
    with deployment.web() as web:
        direct = [
            post(web, number, **{"X-Forwarded-For": f"198.51.100.{number % 250}"})
            for number in range(made_up)
        ]
    with deployment.web(NUM_PROXIES="1") as web:
        behind = [
            post(
                web,
                number,
                **{"X-Forwarded-For": f"203.0.113.{number % 250}, 2001:db8::{number:x}"},
            )
            for number in range(made_up, 2 * made_up)
        ]
    for sent in (direct, behind):
        ledger.enter(sent)
        assert [each.status for each in sent] == [201] * limit + [429] * (made_up - limit)
    deployment.catch_up()
    figure(f"{2 * made_up} made-up addresses, {2 * limit} reports taken")


@pytest.mark.faults
def test_memory_of_a_worker_that_draws_stays(
    redis_url: str, deploy: Deploy, figure: Figure
) -> None:
    n = times(1000, 20)
    deployment = deploy(redis_url, DJANGO_SETTINGS_MODULE="registry.settings")
    done = deployment.run(sys.executable, "-c", DRAWS_MANY, str(n))
    assert done.returncode == 0, done.stderr
    first_mb, last_mb = map(float, done.stdout.split())
    assert last_mb < 1.2 * first_mb
    figure(f"{n} drawings: {first_mb:.0f} MB after the first tenth, {last_mb:.0f} MB at the end")


DRAWS_MANY = """
import sys, django
django.setup()
from pathlib import Path
from charts.models import Chart
from charts.pipeline import forms, spec_of
from registry.models import Generation

def resident_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20

n = int(sys.argv[1])
charts = list(Chart.objects.all())
for number in range(n):
    forms(spec_of(charts[number % len(charts)], Generation.current()), "https://registry.example/c/x")
    if number == n // 10:
        print(resident_mb())
print(resident_mb())
"""


CHILD_LIMIT_MB = 300


@pytest.mark.faults
def test_children_of_a_worker_that_draws_are_replaced_and_stay_small(
    redis_url: str, deploy: Deploy, figure: Figure, settings: Any
) -> None:
    """As many drawings a child as registry.celery says when whole, fewer in the small size."""
    n, each = times(5000, 24), times(app.conf.worker_max_tasks_per_child, 8)
    options = () if WHOLE else (f"--max-tasks-per-child={each}",)
    settings.CELERY_BROKER_URL = redis_url
    deployment = deploy(redis_url)
    ((before,),) = deployment.rows(DRAWN)
    peaks_mb: dict[int, float] = {}
    with deployment.worker("--concurrency=1", *options) as worker:
        while (left := n - _drawn_since(deployment, before)) > 0:
            round_ends = n - left + len(deployment.rows(ALL_STALE))
            for (chart,) in deployment.rows(CHARTS):
                assert hints.send(draw_chart, chart)

            def are_drawn(at: int = round_ends) -> bool:
                peaks_mb.update(_peaks_mb(worker))
                return _drawn_since(deployment, before) >= at

            wait_until(are_drawn, 300)
    assert len(peaks_mb) >= n // each > 1
    assert max(peaks_mb.values()) < CHILD_LIMIT_MB
    deployment.verify(Ledger())
    figure(
        f"{n} drawings by {len(peaks_mb)} children of one worker, one after another; the largest "
        f"had {max(peaks_mb.values()):.0f} MB"
    )


DRAWN = "SELECT sum(drawings) FROM charts_chart"
CHARTS = "SELECT id FROM charts_chart"
ALL_STALE = "UPDATE charts_chart SET drawn = -1, not_before = now() RETURNING id"


def _drawn_since(deployment: Deployment, before: int) -> int:
    ((drawn,),) = deployment.rows(DRAWN)
    return int(drawn - before)


def _peaks_mb(worker: Site) -> dict[int, float]:
    """The most that each child of a worker has had resident until now, by its process id. Above
    them are the worker's supervisor and its head.
    """
    found = {}
    for pid in worker.processes("celery")[2:]:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            status = Path(f"/proc/{pid}/status").read_text()
            if peak := re.search(r"VmHWM:\s+(\d+) kB", status):
                found[pid] = int(peak[1]) / 1024
    return found


@pytest.mark.faults
def test_steady_load_loses_nothing_and_the_queue_stays_short(
    redis_url: str, deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    """A minute of it; half an hour is `make soak`."""
    n, rate = times(1200, 60), 20
    deployment = deploy(redis_url)
    ages: list[float] = []
    with deployment.web() as web, deployment.worker(), deployment.scheduler():
        started_s = time.monotonic()
        for first in range(0, n, rate):
            ledger.enter(post_many(web, range(first, first + rate), clients=8))
            ages.append(metrics_of(web)["crr_readings_waiting_seconds"])
            wait_until(lambda first=first: time.monotonic() > started_s + first / rate)  # type: ignore[misc]
        took_s = time.monotonic() - started_s
        deployment.settle(web)
    assert set(ledger.statuses) == {201}
    assert n / took_s >= 0.9 * rate  # the load was there
    assert max(ages) < QUEUE_AGE_S
    figure(f"{n} × 201 at {n / took_s:.0f} per s, 0 lost, oldest in the queue {max(ages):.1f} s")


@pytest.mark.faults
def test_picture_that_everybody_wants_comes_from_nginx(
    tmp_path: Path, n_seeds: int, ledger: Ledger, figure: Figure
) -> None:
    installed.require("nginx", "nginx-light")
    n = times(20_000, 500)
    tmp_path.chmod(0o755)
    settings = {"NUM_PROXIES": "1", "ALLOWED_HOSTS": "registry.example,127.0.0.1"}
    with site(tmp_path / "data", **settings) as behind, nginx(behind, tmp_path) as ports:
        front = Site(f"http://127.0.0.1:{ports.plain}", behind.data_dir, behind.supervisor)
        frozen = behind.post("/api/v1/charts/xen-users/freeze/", b"").json()["url"]
        path = f"{urlsplit(frozen).path}.png"
        first = front.get(path, Host="registry.example")
        wait_until((tmp_path / "frozen" / path.lstrip("/")).exists)
        with ThreadPoolExecutor(8) as pool:
            started_s = time.monotonic()
            answers = list(pool.map(lambda _: front.get(path, Host="registry.example"), range(n)))
            took_s = time.monotonic() - started_s
    assert "X-Request-Id" in first.headers  # of the application
    assert not [answer for answer in answers if "X-Request-Id" in answer.headers]
    assert {answer.body for answer in answers} == {first.body}
    embedded_in(behind.data_dir).check(ledger, n_seeds)
    figure(f"{n} answers of nginx alone, {n / took_s:.0f} per s with a client in Python")
