"""A report travels the whole way, through the real processes: server, worker, scheduler, client,
netperf.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests import reports, servers
from tests.end_to_end.site import Site, site, wait_until


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The registry with nothing installed: SQLite and a broker of files."""
    with site(tmp_path_factory.mktemp("embedded") / "var") as found:
        yield found


def send(registry: Site, rate: float, series: str) -> None:
    """One report from a kernel of its own, so that the chart has a new group."""
    environment = reports.environment(kernel={"release": f"{series}.1-test"})
    report = reports.envelope(reports.run(rate), environment=environment)
    assert registry.post("/api/v1/reports/", reports.as_bytes(report)).status == 201


def assert_is_drawn(registry: Site, series: str) -> None:
    """The worker has drawn the new group, in every form."""
    wait_until(lambda: series in registry.get("/c/xen-users.txt").text())
    text = registry.get("/c/xen-users.txt").body
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= 72
    png = registry.get("/c/xen-users.png").body
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    assert width >= 1000
    assert height >= 500
    assert registry.get("/c/xen-users.svg").body.lstrip().startswith(b"<?xml")
    assert series in registry.get("/c/xen-users.csv").text()


def install(registry: Site, folder: Path) -> list[str]:
    """The command that pip installs from the registry, where nothing else is installed."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    index = ["--isolated", "--index-url", f"{registry.url}/simple/"]
    pip = [str(folder / "bin/pip"), "--disable-pip-version-check", "install", *index]
    subprocess.run([*pip, "crr-submit"], check=True)
    return [str(folder / "bin/crr-submit")]


def fetch(registry: Site, folder: Path) -> list[str]:
    """The single file that the registry hands out."""
    folder.mkdir()
    single = folder / "crr-submit.pyz"
    single.write_bytes(registry.get("/crr-submit.pyz").body)
    return [sys.executable, "-I", str(single)]


def submit(registry: Site, command: list[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, "--yes", "--json", "--quick", "--duration", "1", "--streams", "1"],
        env={**os.environ, "CRR_REGISTRY": registry.url, "HOME": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_the_registry_hands_out_measures_sends_and_redraws_the_chart(
    embedded: Site, netperf_path: str, tmp_path: Path
) -> None:
    before = embedded.etag()
    assert "HVM" not in embedded.get("/c/xen-users.txt").text()
    folders = tmp_path / "installed", tmp_path / "fetched"
    commands = install(embedded, folders[0]), fetch(embedded, folders[1])
    with ExitStack() as stack:
        started = [
            stack.enter_context(submit(embedded, *each))
            for each in zip(commands, folders, strict=True)
        ]
        ended = [(process.communicate(), process.returncode) for process in started]
    for ((out, errors), code), folder in zip(ended, folders, strict=True):
        assert code == 0, errors
        (report,) = folder.glob("crr-report-*.json")
        stored = embedded.get(f"/api/v1/reports/{json.loads(out)['id']}/raw/").json()
        assert stored["runs"] == json.loads(report.read_bytes())["runs"]
    wait_until(lambda: embedded.etag() != before)
    series = ".".join(os.uname().release.split(".")[:2])
    assert_is_drawn(embedded, series)
    assert series in embedded.get("/reports/").text()
    listed = embedded.get("/api/v1/leaderboard/").json()["rows"]
    assert any(row["group"]["kernel_series"] == series for row in listed)


def test_the_frozen_address_stays_as_it_is(embedded: Site) -> None:
    frozen = embedded.post("/api/v1/charts/xen-users/freeze/", b"").json()
    path = frozen["url"].removeprefix(embedded.url)
    before = embedded.get(f"{path}.png")
    assert "immutable" in before.headers["Cache-Control"]
    etag = embedded.etag()
    send(embedded, 20_000, "6.77")
    wait_until(lambda: embedded.etag() != etag)
    assert embedded.get(f"{path}.png").body == before.body


def test_a_reader_who_has_the_chart_gets_304(embedded: Site) -> None:
    etag = embedded.etag()
    again = embedded.get("/c/xen-users.png", **{"If-None-Match": etag})
    # Each server process keeps a chart's file for a second: another one may give the one before.
    assert (again.status, again.body) == (304, b"") or again.headers["ETag"] != etag


def test_a_worker_killed_while_it_draws_costs_no_drawing(embedded: Site) -> None:
    """SIGKILL of the worker: its supervisor starts it again, its lease runs out, the sweep finds
    the chart.
    """
    for series in ("6.78", "6.79"):
        send(embedded, 21_000, series)
        os.kill(embedded.processes("--quiet worker")[-1], signal.SIGKILL)
        assert_is_drawn(embedded, series)


def test_an_empty_message_ends_nothing(embedded: Site) -> None:
    """What kombu's own transport leaves for a moment while it writes: it ended the whole site."""
    folder = embedded.data_dir / "broker" / "messages"
    (folder / "1_x.celery.msg").touch()
    wait_until(lambda: not (folder / "1_x.celery.msg").exists())
    send(embedded, 21_500, "6.80")
    assert_is_drawn(embedded, "6.80")


def test_burst_on_one_chart_with_a_second_scheduler(embedded: Site, tmp_path: Path) -> None:
    """Two schedulers send every sweep twice, and nothing is counted or drawn wrong for it."""
    schedule = str(tmp_path / "schedule")
    scheduler = [
        "celery",
        "--app",
        "registry",
        "--quiet",
        "beat",
        "--pidfile=",
        "--schedule",
        schedule,
    ]
    with ExitStack() as stack:
        second = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", *scheduler],
                env={**os.environ, "DATA_DIR": str(embedded.data_dir)},
            )
        )
        stack.callback(second.terminate)
        wait_until(lambda: any(tmp_path.iterdir()))
        for number in range(20):
            send(embedded, 10_000 + number, f"6.{50 + number % 3}")
        wait_until(lambda: "6.52" in embedded.get("/c/xen-users.csv").text())
        assert second.poll() is None
    rows = embedded.get("/api/v1/leaderboard/?group_by=kernel_series").json()["rows"]
    counted = {row["group"]["kernel_series"]: row["n_runs"] for row in rows}
    assert [counted[f"6.{series}"] for series in (50, 51, 52)] == [7, 7, 6]


def test_stalled_uploads_do_not_freeze_the_site(embedded: Site) -> None:
    """Half a body and then nothing, on as many connections as a worker has to spare."""
    head = b"POST /api/v1/reports/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
    port = int(embedded.url.rpartition(":")[2])
    with ExitStack() as stack:
        for _ in range(6):
            stalled = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            stalled.sendall(head + b"Content-Length: 1000\r\n\r\nhalf")
        for _ in range(10):
            assert embedded.get("/healthz").status == 200
            assert embedded.get("/api/v1/leaderboard/").status == 200
        send(embedded, 21_000, "6.70")


def test_second_make_run_on_the_same_folder_says_so(embedded: Site) -> None:
    address = (embedded.data_dir / "public-url").read_text()
    second = {"DATA_DIR": str(embedded.data_dir), "PORT": str(servers.free_port())}
    done = subprocess.run(
        ["make", "run"], env={**os.environ, **second}, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "in use by another" in done.stderr
    assert (embedded.data_dir / "public-url").read_text() == address


def test_port_that_is_none(tmp_path: Path) -> None:
    wrong = {"DATA_DIR": str(tmp_path), "PORT": "0"}
    done = subprocess.run(
        ["make", "run"], env={**os.environ, **wrong}, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "port 0 of 127.0.0.1 cannot be used" in done.stderr


def test_what_broke_nothing_is_promised_by_verify(embedded: Site) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_registry"],
        env={**os.environ, "DATA_DIR": str(embedded.data_dir)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_postgresql_and_redis_by_two_variables_alone(postgresql_url: str, tmp_path: Path) -> None:
    """The same code on real servers; and a broker that goes away costs no report, only time."""
    port = servers.free_port()
    settings = {
        "DATABASE_URL": postgresql_url,
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{port}/0",
        "SECRET_KEY": "a key of the tests, as long as a real one: 0123456789 abcdefghij",
        "SWEEP_SECONDS": "2",
    }
    with servers.redis(port), site(tmp_path / "var", **settings) as registry:
        send(registry, 22_000, "6.60")
        assert_is_drawn(registry, "6.60")
    with site(tmp_path / "var", **settings) as registry:
        send(registry, 23_000, "6.61")  # Redis is gone: stored, read and answered all the same
        assert "6.61" not in registry.get("/c/xen-users.csv").text()
        with servers.redis(port):
            assert_is_drawn(registry, "6.61")


def _counts(log: Path, words: str, least: int) -> bool:
    return log.read_text().count(words) >= least


def test_a_redis_that_goes_away_with_tasks_in_hand_stops_no_worker(
    postgresql_url: str, tmp_path: Path
) -> None:
    """Two outages under load, each as long as the worker takes to fail to come back."""
    port = servers.free_port()
    settings = {
        "DATABASE_URL": postgresql_url,
        "CELERY_BROKER_URL": f"redis://127.0.0.1:{port}/0",
        "SECRET_KEY": "a key of the tests, as long as a real one: 0123456789 abcdefghij",
        "SWEEP_SECONDS": "1",
    }
    log = (tmp_path / "var").with_suffix(".log")
    with ExitStack() as stack:
        redis = stack.enter_context(ExitStack())
        redis.enter_context(servers.redis(port))
        registry = stack.enter_context(site(tmp_path / "var", **settings))
        for outage in range(2):
            wanted = log.read_text().count("Cannot connect") + 2
            send(registry, 24_000, f"6.{90 + 2 * outage}")
            redis.close()
            send(registry, 24_500, f"6.{91 + 2 * outage}")
            wait_until(partial(_counts, log, "Cannot connect", wanted))
            redis.enter_context(servers.redis(port))
            assert_is_drawn(registry, f"6.{91 + 2 * outage}")
