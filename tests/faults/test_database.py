"""The database restarts, is written to from everywhere, runs out of disk, is read again by a new
parser, and lives with clocks that jump.
"""

import errno
import itertools
import json
import os
import shelve
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from charts.models import Chart
from charts.pipeline import ensure_defaults
from registry.models import RawReport
from tests import installed, servers
from tests.end_to_end.site import Site, wait_until
from tests.faults import killed, times
from tests.faults.conftest import NOWHERE, Deploy
from tests.faults.deployment import Deployment, deployed, metrics_of, shell
from tests.faults.senders import KIND, Ledger, Sent, numbered, post, post_many, slowest_ms
from tests.faults.test_workers import post_poison

Figure = Callable[[str], None]


@pytest.fixture
def cluster() -> Iterator[str]:
    try:
        with servers.cluster() as folder:
            yield folder
    except installed.Missing as missing:
        installed.skip_or_fail(missing)


def post_keyed(web: Site, number: int) -> Sent:
    return post(web, number, **{"Idempotency-Key": f"key-{number:09}"})


def until_taken(web: Site, number: int, ledger: Ledger) -> Sent:
    """As a client does: the same report with the same key until it is taken."""
    taken: list[Sent] = []

    def is_taken() -> bool:
        (sent,) = ledger.enter([post_keyed(web, number)])
        taken.append(sent)
        return sent.public_id is not None

    wait_until(is_taken, 60)
    return taken[-1]


@pytest.mark.faults
def test_postgresql_that_is_killed_under_load_costs_no_report(
    cluster: str, redis_url: str, tmp_path: Path, ledger: Ledger, figure: Figure
) -> None:
    restarts, each = times(10, 2), 40
    with ExitStack() as stack:
        database = stack.enter_context(ExitStack())
        url = database.enter_context(servers.serving_cluster(cluster))
        deployment = deployed(tmp_path, url, redis_url)
        deployment.manage("prepare")
        web = stack.enter_context(deployment.web())
        stack.enter_context(deployment.worker())
        stack.enter_context(deployment.scheduler())
        pool = stack.enter_context(ThreadPoolExecutor(4))
        for restart in range(restarts):
            numbers = range(restart * each, (restart + 1) * each)
            sending = [pool.submit(until_taken, web, number, ledger) for number in numbers]
            wait_until(lambda sending=sending: sum(map(_is_done, sending)) > each // 3)  # type: ignore[misc]
            _end_at_once(cluster)
            database.close()
            database.enter_context(servers.serving_cluster(cluster))
            for future in sending:
                future.result()
        assert set(ledger.statuses) <= {200, 201, 503}
        assert len(ledger.kept) == restarts * each
        deployment.settle(web)
        deployment.verify(ledger)
    away = ledger.statuses.count(503)
    figure(f"{restarts} immediate stops, {len(ledger.kept)} kept, {away} × 503, nothing else")


def test_database_that_never_answers_is_503(tmp_path: Path, figure: Figure) -> None:
    """It takes the connection and says nothing, as a host that is gone."""
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        address = f"postgresql://crr@127.0.0.1:{black_hole.getsockname()[1]}/crr"
        deployment = deployed(tmp_path, address, NOWHERE)
        with deployment.web() as web:
            sent = post_many(web, range(16), clients=16)
            assert web.get("/healthz").status == 200
            assert web.get("/readyz").status == 503
            pages = [web.get(path) for path in ("/", "/reports/", "/c/xen-users.png")]
    assert [each.status for each in sent] == [503] * 16
    assert [page.status for page in pages] == [503] * 3
    assert all(page.headers["Retry-After"] for page in pages)
    figure(f"a black hole: 16 × 503, the slowest after {slowest_ms(sent, 1.0) / 1000:.0f} s")


N_REPORTS = "SELECT count(*) FROM registry_rawreport"


@pytest.mark.faults
def test_web_server_that_is_killed_at_any_point_costs_no_report(
    deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    """Killed with its workers while several senders wait for their answers: each sends again, with
    the same key, to the server that is started in its place.
    """
    n, points = 8, killed.POINTS * times(5, 1)
    deployment = deploy()
    ((before,),) = deployment.rows(N_REPORTS)
    for life, point in enumerate(points):
        numbers = range(life * n, (life + 1) * n)
        was: list[tuple[int]] = [(before + life * n,)]
        with deployment.web("tests.faults.killed:application", CRR_KILLED_AT=point) as web:
            with ThreadPoolExecutor(n) as pool:
                sent = ledger.enter(pool.map(lambda number: post_keyed(web, number), numbers))
            wait_until(lambda: not web.processes("granian"))
        assert [each.status for each in sent] == [0] * n
        is_stored = deployment.rows(N_REPORTS) != was
        assert is_stored == (point != killed.BEFORE_COMMIT)
        with deployment.web() as web:
            again = [until_taken(web, number, ledger) for number in numbers]
        assert (200 in {each.status for each in again}) == is_stored
        assert deployment.rows(N_REPORTS) == [(before + (life + 1) * n,)]
    deployment.catch_up()
    figure(
        f"web killed {len(points)} times, {len(ledger.kept)} sent again with their keys, a row each"
    )


def _is_done(future: Any) -> bool:
    return bool(future.done())


def _end_at_once(folder: str) -> None:
    """SIGQUIT, PostgreSQL's immediate shutdown: no checkpoint, no goodbye to anybody."""
    head = int(Path(folder, "data/postmaster.pid").read_text().splitlines()[0])
    os.kill(head, signal.SIGQUIT)
    wait_until(lambda: not Path(f"/proc/{head}").exists())


def embedded(folder: Path) -> Deployment:
    """A registry on SQLite, prepared, with nobody at work."""
    folder.mkdir(parents=True, exist_ok=True)
    made = deployed(folder, f"sqlite:///{folder}/registry.sqlite3", NOWHERE)
    made.manage("migrate", "--verbosity", "0")
    return made


def test_sqlite_with_eight_writers_and_four_readers(
    tmp_path: Path, ledger: Ledger, figure: Figure
) -> None:
    writers, each = 8, times(250, 10)
    deployment = embedded(tmp_path / "sqlite")
    named = {**deployment.environment, "DJANGO_SETTINGS_MODULE": "registry.settings"}
    writing = Deployment(deployment.folder, named)
    ended = threading.Event()
    with deployment.web() as web, ThreadPoolExecutor(4) as readers:
        assert web.get("/reports/").status == 200  # it has started before the writers take the CPUs
        reading = [readers.submit(_read_until, web, ended) for _ in range(4)]
        command = ("-m", "tests.faults.writer", str(writers), str(each))
        done = writing.run(sys.executable, *command)
        ended.set()
        seen = {status for future in reading for status in future.result()}
    assert done.returncode == 0, done.stderr
    assert seen == {200}
    said = json.loads(done.stdout)
    for public_id, number in said["kept"].items():
        ledger.promise(public_id, numbered(number))
    assert len(ledger.kept) == writers * each
    deployment.catch_up()
    deployment.check(ledger)
    took_ms = said["slowest_ms"]
    figure(f"{writers * each} reports by {writers} processes, the slowest took {took_ms:.0f} ms")


def _read_until(web: Site, ended: threading.Event) -> set[int]:
    seen = set()
    while not ended.is_set():
        seen.add(web.get("/reports/").status)
    return seen


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own that can be filled."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def charts_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "media", 16) as folder:
        yield folder


def fill(folder: Path) -> Path:
    """Write until nothing more goes in."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * 65536):
            pass
    return ballast


@pytest.mark.faults
def test_full_disk_of_charts_costs_no_report_and_heals(
    redis_url: str, charts_disk: Path, deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    deployment = deploy(redis_url, STORAGE_URL=f"file://{charts_disk}")
    deployment.expected.add("OSError")
    deployment.manage("refresh_charts", "--all")
    with deployment.web() as web, deployment.scheduler():
        before = web.get("/c/xen-users.csv").text()
        ballast = fill(charts_disk)
        with deployment.worker("--concurrency=1"):
            ledger.enter(post_many(web, range(40), clients=4))
            wait_until(lambda: metrics_of(web)["crr_readings_waiting"] == 0)
            wait_until(lambda: os.strerror(errno.ENOSPC) in _said_by_workers(deployment))
            assert web.get("/c/xen-users.csv").text() == before
            assert web.get("/readyz").status == 503
            ballast.unlink()
            wait_until(lambda: "6.40" in web.get("/c/xen-users.csv").text())
    assert set(ledger.statuses) == {201}
    figure(f"{len(ledger.kept)} × 201 beside a full disk of charts, drawn when there was room")


def _said_by_workers(deployment: Deployment) -> str:
    return "".join(log.read_text() for log in deployment.folder.glob("worker*/log"))


@pytest.mark.faults
def test_full_disk_of_the_database_is_503_and_heals(
    tmp_path: Path, ledger: Ledger, figure: Figure
) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        deployment = embedded(disk / "sqlite")
        with deployment.web() as web:
            ledger.enter(post_many(web, range(20), clients=4))
            ballast = fill(disk)
            full = ledger.enter(post_many(web, range(20, 60), clients=4))
            ballast.unlink()
            ledger.enter(post_many(web, range(20, 80), clients=4))
        assert {sent.status for sent in full} <= {201, 503}
        assert 503 in {sent.status for sent in full}
        assert set(ledger.statuses) <= {200, 201, 503}
        assert len(ledger.kept) == 80
        deployment.catch_up()
        deployment.check(ledger)
    refused = sum(sent.status == 503 for sent in full)
    figure(f"{refused} × 503 while full, {len(ledger.kept)} kept, no broken row")


# Reports that came in between the first and the last that was read anew.
TAKEN_MEANWHILE = """
from django.db.models import Max, Min
from registry.models import Reading
from submissions.parsing import PARSER_VERSION
anew = Reading.objects.filter(parser_version=PARSER_VERSION + 1)
ends = anew.aggregate(first=Min("pk"), last=Max("pk"))
others = Reading.objects.filter(parser_version=PARSER_VERSION)
print(others.filter(pk__gt=ends["first"], pk__lt=ends["last"]).count())
"""


@pytest.mark.faults
def test_reading_everything_again_beside_visitors(
    deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    n = times(10_000, 200)
    ledger.others = n
    deployment = deploy()
    deployment.manage("sample_registry", "--reports", str(n), "--seed", "1")
    numbers = iter(range(10**6))
    with deployment.web() as web, ThreadPoolExecutor(2) as pool:
        usual = ledger.enter(post(web, next(numbers)) for _ in range(50))
        ended = threading.Event()
        reading = [pool.submit(_read_until, web, ended) for _ in range(2)]
        process = subprocess.Popen(
            deployment.newer("reparse_reports", "--json"),
            env=deployment.environment,
            cwd=servers.ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        beside: list[Sent] = []
        while process.poll() is None:
            beside += ledger.enter([post(web, next(numbers))])
        out, _ = process.communicate()
        ended.set()
        assert {status for future in reading for status in future.result()} == {200}
    assert process.returncode == 0, out
    told = json.loads(out)
    meanwhile = int(shell(deployment, TAKEN_MEANWHILE))
    assert set(ledger.statuses) == {201}
    assert (told["failed"], told["n_switched"] >= n + len(usual)) == ({}, True)
    assert meanwhile > 0
    deployment.catch_up()
    done = deployment.run(*deployment.newer("verify_registry"))
    assert done.returncode == 0, done.stdout
    figure(
        f"{told['n_switched']} read again, {meanwhile} × 201 between the first and the last; "
        f"median of a submission {slowest_ms(usual, 0.5):.0f} ms before, "
        f"{slowest_ms(beside, 0.5):.0f} ms beside"
    )


# Python sleeps until a time of the clock that is left alone, which libfaketime takes for one of the
# clock that it sets.
SLEEP = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


class Clock:
    """The clock of a host: of every process that is started with its `environment`. How long
    something takes is left alone, as it is where a real clock is set.
    """

    def __init__(self, folder: Path) -> None:
        faketime = installed.find("faketime", "faketime")
        library = subprocess.check_output([faketime, "-m", "-f", "+0", "printenv", "LD_PRELOAD"])
        self._file = folder / "clock"
        self.set("+0")
        (folder / "sitecustomize.py").write_text(SLEEP)
        self.environment = {
            "LD_PRELOAD": library.decode().strip(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(folder),
        }

    def set(self, offset: str) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.replace(self._file)


@pytest.fixture
def clock(cluster: str) -> Clock:
    """Kept where PostgreSQL, a user of its own, can read it."""
    try:
        return Clock(Path(cluster))
    except installed.Missing as missing:
        installed.skip_or_fail(missing)


# As workers do that end with their work in hand.
TAKE = """
from charts.models import Chart
from registry.models import RawReport
assert RawReport.objects.claim(RawReport.objects.to_read().get().pk)
Chart.objects.redraw()
due = list(Chart.objects.due().values_list("pk", flat=True))
assert [chart for chart in due if Chart.objects.claim(chart)]
"""
ORDER = """
import json
from registry.models import RawReport
newest = RawReport.objects.newest().values_list("public_id", "received_at")
print(json.dumps([(name, at.isoformat()) for name, at in newest]))
"""
DAY = timedelta(days=1)


@pytest.mark.faults
def test_clock_that_is_set_back_by_a_day_holds_nothing_up(
    cluster: str,
    clock: Clock,
    redis_url: str,
    tmp_path: Path,
    ledger: Ledger,
    figure: Figure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the whole host, the database among it: first while scheduler and workers are away, then
    under processes that run on. No hint arrives, so that the sweeps do all the work.
    """
    each = times(100, 10)
    numbers = iter(range(0, 4 * each, each))

    def send(web: Site) -> None:
        first = next(numbers)
        ledger.enter(post_many(web, range(first, first + each), clients=1))

    clock.set("+1d")
    with ExitStack() as stack:
        for name, value in clock.environment.items():
            monkeypatch.setenv(name, value)
        url = stack.enter_context(servers.serving_cluster(cluster))
        deployment = deployed(tmp_path, url, redis_url, **clock.environment)
        deployment.manage("migrate")
        deployment.manage("refresh_charts")
        web = stack.enter_context(
            deployment.web("tests.faults.poisoned:application", CELERY_BROKER_URL=NOWHERE)
        )
        with deployment.worker(), deployment.scheduler():
            send(web)
            deployment.settle(web)
        unread = post_poison(web, "raises", ledger)
        deployment.manage("shell", "--no-imports", "--command", TAKE)
        clock.set("+0")
        with shelve.open(str(deployment.schedule())) as store:
            done = [entry.last_run_at for entry in store["entries"].values()]
        assert max(done) > timezone.now() + DAY / 2
        with deployment.worker(), deployment.scheduler():
            send(web)
            deployment.settle(web)
            wait_until(lambda: metrics_of(web)["crr_charts_stale"] == 0)
            clock.set("+1d")
            send(web)
            deployment.settle(web)
            clock.set("+0")
            send(web)
            deployment.settle(web)
        assert web.get(f"/api/v1/reports/{unread}/").json()["status"] == "published"
        found = json.loads(deployment.manage("shell", "--no-imports", "--command", ORDER))
        deployment.verify(ledger)
    assert set(ledger.statuses) == {201}
    received = [*ledger.kept]
    assert [name for name, _ in found] == received[::-1]
    at = [datetime.fromisoformat(when) for _, when in found]
    jumps = [earlier - later for later, earlier in itertools.pairwise(at)]
    assert sum(jump > DAY / 2 for jump in jumps) == 2
    figure(f"set back twice by a day, once under running processes, {len(at)} × 201, all counted")


@pytest.mark.django_db
@pytest.mark.parametrize("days", [-1, 1])
def test_what_a_wrong_clock_wrote_keeps_no_chart_waiting(days: int) -> None:
    """The host's clock was a day off while a chart was drawn, and is right again."""
    ensure_defaults()
    Chart.objects.update(wanted=F("drawn") + 1)
    then = timezone.now() + timedelta(days=days)
    Chart.objects.update(lease_until=then, not_before=then)
    assert Chart.objects.due().count() == Chart.objects.count() > 0


@pytest.mark.django_db
@pytest.mark.parametrize("days", [-1, 1])
def test_what_a_wrong_clock_wrote_keeps_no_report_unread(days: int, client: Any) -> None:
    client.post("/api/v1/reports/", data=numbered(1), content_type=KIND)
    then = timezone.now() + timedelta(days=days)
    RawReport.objects.update(status="received", lease_until=then, not_before=then)
    assert RawReport.objects.to_read().count() == 1
