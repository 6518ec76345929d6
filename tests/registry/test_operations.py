"""`/readyz` says why, `/metrics` says what the database says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from registry import backup, readiness, traffic
from registry.models import RawReport, Reading
from registry.models.summary import summarise
from tests import reports


def checks_of(answer: Any) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in answer.json()["checks"]}


def failing(answer: Any) -> set[str]:
    return {name for name, check in checks_of(answer).items() if not check["is_ok"]}


def send(client: Client, text: str) -> int:
    return client.post("/api/v1/reports/", text, content_type="text/plain").status_code


def samples(client: Client) -> dict[tuple[str, ...], float]:
    return samples_of(client.get("/metrics").content.decode())


def samples_of(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def no_database(db: None) -> Iterator[None]:
    """Every statement fails as it does when the server is away."""

    def away(*args: Any) -> None:
        raise OperationalError("server closed the connection\nhint: unexpectedly")

    with connection.execute_wrapper(away):
        yield


def test_healthz_needs_no_database(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_a_registry_that_can_work_is_ready(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert list(checks_of(answer)) == ["database", "migrations", "backlog", "disk", "broker"]
    assert failing(answer) == set()
    assert "no-store" in answer["Cache-Control"]


ASKING = """
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
client = Client()
for path in ("/", "/nothing-is-here", "/made-up-too", "/c/none.png", "/api/v1/leaderboard/"):
    client.get(path)
client.post("/api/v1/reports/", "not netperf", content_type="text/plain")
print(client.get("/metrics").content.decode())
"""


def test_requests_are_counted_with_their_answers(tmp_path: Path) -> None:
    """Of every address, however many are made up, in few figures; also what fails.

    In a process and a folder of its own, so that nothing else is counted.
    """
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "ALLOWED_HOSTS": "testserver"}
    environment |= {"DATABASE_URL": "sqlite://:memory:"}
    text = subprocess.check_output([sys.executable, "-c", ASKING], env=environment, text=True)
    found = samples_of(text)
    assert {key[1:]: count for key, count in found.items() if key[0] == "crr_requests_total"} == {
        ("page", "200"): 1,
        ("page", "404"): 2,
        ("chart", "404"): 1,
        ("api", "200"): 1,
        ("api", "422"): 1,
    }
    assert found["crr_request_seconds_count", "page"] == 3


COUNTING = """
import subprocess, sys
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
client, other = Client(), "import django; django.setup(); from django.test import Client; "
print(client.get("/metrics").content.decode(), end="---")
subprocess.run([sys.executable, "-c", other + "Client().get('/healthz')"], check=True)
print(client.get("/metrics").content.decode(), end="---")
print(Client().get("/metrics").content.decode())
"""


def test_another_process_counts_into_the_same_figures(tmp_path: Path) -> None:
    """And one that is gone no longer counts, once another starts. In a folder of their own, so that
    nothing else is counted.
    """
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "ALLOWED_HOSTS": "testserver"}
    environment |= {"DATABASE_URL": "sqlite://:memory:"}
    text = subprocess.check_output([sys.executable, "-c", COUNTING], env=environment, text=True)
    own = [samples_of(part).get(("crr_requests_total", "own", "200")) for part in text.split("---")]
    assert own == [None, 2, 2]  # the last begins anew, without the other


def test_room_to_count_is_taken_at_the_start(client: Client, db: None) -> None:
    """Else a full disk would end whoever counts."""
    client.get("/healthz")
    files = list(settings.METRICS_DIR.glob(f"*_{os.getpid()}.db"))
    assert len(files) == 2
    assert all(path.stat().st_blocks * 512 >= traffic.FILE_BYTES for path in files)


def test_where_nothing_can_be_counted_requests_are_answered(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.METRICS_DIR = Path("/dev/null/metrics")
    assert Client().get("/healthz").status_code == 200
    assert "requests are not counted, since /dev/null/metrics cannot be written" in caplog.text


@pytest.mark.django_db
def test_flags_of_the_newest_reports_are_counted_by_rule(client: Client) -> None:
    body = reports.envelope(reports.run(9_000_000_000))
    client.post("/api/v1/reports/", reports.as_bytes(body), content_type="application/json")
    rules = {flag["rule"] for flag in Reading.objects.get().flags}
    assert rules
    found = {key[1] for key, count in samples(client).items() if key[0] == "crr_flagged" and count}
    assert found == rules


@pytest.mark.django_db
def test_the_last_backup_is_told(client: Client, tmp_path: Path) -> None:
    before = timezone.now().timestamp()
    backup.note(backup.WRITTEN, tmp_path)
    at = samples(client)["crr_backup_timestamp_seconds", "written"]
    assert before <= at <= timezone.now().timestamp()


def test_without_a_database_it_is_not_and_says_so(client: Client, no_database: None) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, failing(answer)) == (503, {"database"})
    message = checks_of(answer)["database"]["message"]
    assert message == "does not answer: server closed the connection"
    assert client.get("/metrics").status_code == 503


@pytest.mark.parametrize("path", ["/", "/reports/", "/leaderboard/", "/c/xen-users", "/feed.atom"])
def test_a_page_without_a_database_asks_to_come_back(
    client: Client, no_database: None, path: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_a_migration_that_is_missing_is_named(client: Client) -> None:
    applied = MigrationRecorder(connection).migration_qs.filter(app="charts")
    applied.latest("id").delete()
    answer = client.get("/readyz")
    assert (answer.status_code, failing(answer)) == (503, {"migrations"})
    assert "manage.py migrate" in checks_of(answer)["migrations"]["message"]


@pytest.mark.django_db
def test_a_broker_that_is_away_delays_charts_and_no_report(client: Client, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"  # nothing listens on port 1
    answer = client.get("/readyz")
    assert (answer.status_code, failing(answer)) == (200, {"broker"})


@pytest.mark.django_db
def test_reports_that_nobody_counts_are_told(client: Client) -> None:
    """Also where others are counted all the while."""
    assert [send(client, reports.text(rate)) for rate in (1.0, 2.0)] == [201, 201]
    assert failing(client.get("/readyz")) == set()
    long_ago = timezone.now() - timedelta(seconds=2 * readiness.BACKLOG_LIMIT_S)
    Reading.objects.update(created_at=long_ago)
    assert summarise(limit=1) == 1
    answer = client.get("/readyz")
    assert (answer.status_code, failing(answer)) == (200, {"backlog"})
    assert "is a worker running" in checks_of(answer)["backlog"]["message"]


@pytest.mark.django_db
def test_what_is_counted_anew_waits_since_it_was_marked(client: Client) -> None:
    assert send(client, reports.text()) == 201
    summarise()
    Reading.objects.update(created_at=timezone.now() - timedelta(days=400))
    RawReport.objects.get().touch_summaries()
    assert failing(client.get("/readyz")) == set()
    Reading.objects.update(marked_at=timezone.now() - timedelta(hours=1))
    assert samples(client)["crr_readings_waiting_seconds",] >= 3600
    RawReport.objects.get().touch_summaries()  # while it waits, for what it waited before
    assert samples(client)["crr_readings_waiting_seconds",] >= 3600
    summarise()
    assert samples(client)["crr_readings_waiting_seconds",] == 0
    RawReport.objects.get().touch_summaries()
    assert samples(client)["crr_readings_waiting_seconds",] < 3600


@pytest.mark.django_db
def test_a_clock_that_was_set_back_makes_nothing_wait_less_than_no_time(client: Client) -> None:
    assert send(client, reports.text()) == 201
    Reading.objects.update(created_at=timezone.now() + timedelta(days=1))
    assert samples(client)["crr_readings_waiting_seconds",] == 0


@pytest.mark.django_db
def test_a_full_disk_takes_it_out_of_service(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FREE_BYTES", 1 << 62)
    answer = client.get("/readyz")
    assert (answer.status_code, failing(answer)) == (503, {"disk"})


@pytest.mark.django_db
def test_metrics_count_what_came_and_what_waits(client: Client) -> None:
    before = samples(client)
    assert (before["crr_reports", "published"], before["crr_readings_waiting",]) == (0, 0)
    assert [send(client, reports.text(rate)) for rate in (1.0, 2.0)] == [201, 201]
    assert send(client, reports.NOT_NETPERF) == 422
    found = samples(client)
    assert (found["crr_reports", "published"], found["crr_reports", "held"]) == (2, 0)
    assert found["crr_refusals_total", "not_netperf"] == 1
    assert (found["crr_readings_waiting",], found["crr_reports_unread",]) == (2, 0)
    summarise()
    found = samples(client)
    assert (found["crr_readings_waiting",], found["crr_generation",]) == (0, 1)
    assert "crr_charts_stale" in {name for name, *_ in found}
