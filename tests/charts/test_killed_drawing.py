"""SIGKILL of a real worker process at each point of a drawing, on disk and in a bucket: what is
served is whole, before and after; the next attempt draws the chart, and nothing stays behind.
"""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as configured
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.utils import timezone

from charts import artefacts, leftovers, tasks, verify
from charts.models import Chart, Drawing
from charts.params import XEN_USERS_SLUG
from charts.pipeline import draw, ensure_defaults
from charts.scopes import mark_changed
from registry import storage_url
from registry.models.summary import summarise
from tests import reports, servers

pytestmark = pytest.mark.django_db(transaction=True)

ON_DISK = ("within a file", "before a file is synced", "before a file gets its name")
ANYWHERE = (
    "before the row",
    "within the transaction",
    "before files go that are replaced",
    "between files that go",
)
DRAWN_BY_THEN = ("before files go that are replaced", "between files that go")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with servers.s3() as url:
        yield url


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> str:
    found = (
        f"file://{tmp_path}/media" if request.param == "disk" else request.getfixturevalue("server")
    )
    settings.STORAGES = {**settings.STORAGES, "default": storage_url.storage_of(found)}
    settings.MEDIA_ROOT = storage_url.folder_of(found)
    artefacts.get.cache_clear()
    for name in list(artefacts.stored()):
        default_storage.delete(name)
    return str(found)


def send(client: Client, release: str) -> None:
    environment = reports.environment(kernel={"release": release})
    body = reports.as_bytes(reports.envelope(reports.run(), environment=environment))
    answer = client.post("/api/v1/reports/", body, content_type="application/json")
    assert answer.status_code == 201
    summarise()
    mark_changed()


def database() -> str:
    """The address of the database of this test."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    return f"postgresql://{found['USER']}@{quote(found['HOST'], safe='')}/{found['NAME']}"


def kill(chart: Chart, point: str, url: str) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": database(),
        "STORAGE_URL": url,
        "SECRET_KEY": configured.SECRET_KEY,
    }
    command = [sys.executable, "-m", "tests.charts.killed", point, str(chart.pk)]
    ended = subprocess.run(command, env=environment, cwd=servers.ROOT, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def served(client: Client) -> bytes:
    """The CSV that is served; every form is, and is what its digest says."""
    for ending in Drawing.objects.get().files:
        artefacts.get.cache_clear()
        answer = client.get(f"/c/{XEN_USERS_SLUG}.{ending}")
        assert answer.status_code == 200
        assert answer["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    return client.get(f"/c/{XEN_USERS_SLUG}.csv").content


@pytest.mark.parametrize(
    ("url", "point"),
    [
        *(("disk", point) for point in ("before the first file", *ON_DISK, *ANYWHERE)),
        *(("bucket", point) for point in ANYWHERE[::2]),
    ],
    indirect=["url"],
)
def test_a_killed_worker_leaves_what_is_served_whole(
    url: str, point: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_defaults()
    Chart.objects.exclude(slug=XEN_USERS_SLUG).delete()
    chart = Chart.objects.get()
    send(client, "6.11.1")
    draw(chart.pk)
    before = served(client)
    send(client, "6.12.1")
    Chart.objects.update(not_before=timezone.now())
    kill(chart, point, url)
    is_drawn = b"6.12" in served(client)
    assert is_drawn == (point in DRAWN_BY_THEN)
    assert is_drawn or served(client) == before

    Chart.objects.update(not_before=timezone.now())
    tasks.sweep()  # the lease is the dead worker's
    chart.refresh_from_db()
    assert chart.started - chart.drawings == (0 if is_drawn else 1)
    Chart.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.sweep()
    assert b"6.12" in served(client)
    assert list(verify.broken_promises()) == []

    monkeypatch.setattr(leftovers, "AGE", timedelta(hours=-1))
    leftovers.remove()
    held = {file["digest"] for file in Drawing.objects.get().files.values()}
    assert sorted(artefacts.digest_in(name) for name in artefacts.stored()) == sorted(held)
