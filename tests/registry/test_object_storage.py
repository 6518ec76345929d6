"""Files of charts in a bucket, on a real S3 server over HTTP: whole or not there, and every way in
which STORAGE_URL may be wrong is told in one line.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from charts import artefacts, leftovers, tasks, verify
from charts.models import Chart, Drawing
from charts.pipeline import draw, ensure_defaults
from registry import storage, storage_url
from tests import servers

KEPT = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with servers.s3() as url:
        yield url


def use(url: str, settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": storage_url.storage_of(url)}
    settings.MEDIA_ROOT = storage_url.folder_of(url)
    artefacts.get.cache_clear()


@pytest.fixture
def bucket(server: str, settings: Any) -> str:
    use(server, settings)
    for name in list(artefacts.stored()):
        default_storage.delete(name)
    return server


def with_other(url: str, **parts: str) -> str:
    """The URL with another key, secret, bucket or port."""
    scheme, _, rest = url.partition("://")
    keys, _, place = rest.rpartition("@")
    key, _, secret = keys.partition(":")
    host, _, name = place.partition("/")
    known = {"key": key, "secret": secret, "host": host, "bucket": name, **parts}
    return f"{scheme}://{known['key']}:{known['secret']}@{known['host']}/{known['bucket']}"


@pytest.mark.parametrize(
    ("url", "options"),
    [
        (
            "s3://AKIA:a%2Fb%3Ac@s3.example:9000/charts/some/folder?region=eu-central-1",
            {
                "bucket_name": "charts",
                "location": "some/folder",
                "endpoint_url": "https://s3.example:9000",
                "region_name": "eu-central-1",
                "access_key": "AKIA",
                "secret_key": "a/b:c",
            },
        ),
        (
            "s3+http://127.0.0.1:9000/charts",
            {
                "bucket_name": "charts",
                "location": "",
                "endpoint_url": "http://127.0.0.1:9000",
                "region_name": "us-east-1",
            },
        ),
    ],
)
def test_a_bucket_that_can_be_used(url: str, options: dict[str, str]) -> None:
    assert storage_url.storage_of(url)["OPTIONS"] == options
    assert storage_url.folder_of(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "s3://host",
        "s3://host/B",
        "s3://key:secret@host/a",
        "s3://key@host/charts",
        "s3://key:secret@host/charts?regoin=x",
        "s3://key:secret@host/charts?region=",
        "s3://key:secret@host/charts?region=a&region=b",
        "s3://key:secret@host/charts?region",
        "s3://key:secret@host/charts#x",
        "s3://key:secret@/charts",
        "s3://key:secret@host:x/charts",
    ],
)
def test_a_bucket_that_is_none_stops_the_start_without_its_secret(url: str, tmp_path: Path) -> None:
    ended = manage(["check"], url, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("setting STORAGE_URL='s3:…': expected ")
    assert len(ended.stderr.splitlines()) == 1
    assert "secret" not in ended.stderr


def manage(command: list[str], url: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        env={**KEPT, "DATA_DIR": str(data_dir), "STORAGE_URL": url},
        cwd=servers.ROOT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"bucket": "nothing-here"}, "there is no such bucket"),
        ({"key": "AKIANOBODY"}, "the access key is not known there"),
        ({"secret": "wrong"}, "the secret key is wrong"),
    ],
)
def test_a_bucket_that_refuses_us_stops_the_start_with_one_line(
    server: str, tmp_path: Path, parts: dict[str, str], told: str
) -> None:
    ended = manage(["prepare"], with_other(server, **parts), tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.startswith("setting STORAGE_URL: bucket ")
    assert ended.stderr.endswith(f": {told}\n")
    assert len(ended.stderr.splitlines()) == 1


def test_a_server_that_is_away_stops_nobody_and_is_told(
    server: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    use(with_other(server, host=f"127.0.0.1:{servers.free_port()}"), settings)
    storage.require()
    assert "cannot be kept now" in caplog.text
    assert "does not answer" in storage.fault()


@pytest.mark.django_db
def test_readyz_tells_of_the_bucket_and_takes_reports_without_it(
    bucket: str, client: Client, settings: Any
) -> None:
    def check(answer: Any) -> dict[str, Any]:
        (found,) = [one for one in answer.json()["checks"] if one["name"] == "storage"]
        return dict(found)

    assert check(client.get("/readyz"))["is_ok"]
    use(with_other(bucket, bucket="nothing-here"), settings)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert check(answer)["message"].endswith("there is no such bucket")


@pytest.mark.django_db
def test_charts_are_drawn_served_frozen_and_cleared_up_in_a_bucket(
    bucket: str, client: Client
) -> None:
    ensure_defaults()
    chart = Chart.objects.get(slug="xen-users")
    draw(chart.pk)
    before = {name: client.get(f"/c/xen-users.{name}").content for name in ("png", "svg", "txt")}
    frozen = client.post("/api/v1/charts/xen-users/freeze/").json()["url"].partition("/c/")[2]
    left = artefacts.put(b"of a worker that was killed", "png")
    Chart.objects.update(wanted=99)
    draw(chart.pk)
    artefacts.get.cache_clear()
    for name, content in before.items():
        assert client.get(f"/c/{frozen}.{name}").content == content
    assert list(verify.broken_promises()) == []
    tasks.remove_leftovers()
    assert artefacts.path_of(left, "png") in set(artefacts.stored())  # it is young
    leftovers_removed_after(timedelta(hours=-1))
    assert artefacts.path_of(left, "png") not in set(artefacts.stored())
    assert list(verify.broken_promises()) == []


def leftovers_removed_after(age: timedelta) -> None:
    with pytest.MonkeyPatch.context() as impatient:
        impatient.setattr(leftovers, "AGE", age)
        assert leftovers.remove() == 1


@pytest.mark.django_db
def test_while_the_bucket_is_away_readers_are_told_and_a_drawing_is_made_up_for(
    bucket: str, client: Client, settings: Any
) -> None:
    ensure_defaults()
    chart = Chart.objects.get(slug="xen-users")
    draw(chart.pk)
    drawn_at = Drawing.objects.get(chart=chart).drawn_at
    use(with_other(bucket, host=f"127.0.0.1:{servers.free_port()}"), settings)
    answer = client.get("/c/xen-users.png")
    assert (answer.status_code, answer["Cache-Control"]) == (503, "no-store")
    assert json.loads(answer.content)["error"]["code"] == "unavailable"
    Chart.objects.update(wanted=99, not_before=timezone.now())
    tasks.sweep()  # fails for each chart, and stops nobody
    assert Drawing.objects.get(chart=chart).drawn_at == drawn_at
    use(bucket, settings)
    Chart.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.sweep()
    assert Drawing.objects.get(chart=chart).drawn_at > drawn_at
    assert client.get("/c/xen-users.png").status_code == 200


def test_the_same_content_again_is_the_same_object(bucket: str) -> None:
    digests = {artefacts.put(b"the same", "png") for _ in range(2)}
    assert [artefacts.digest_in(name) for name in artefacts.stored()] == list(digests)
    assert artefacts.get(digests.pop(), "png") == b"the same"
    with pytest.raises(FileNotFoundError):
        artefacts.get("0" * 64, "png")
