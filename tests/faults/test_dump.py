"""Who writes the nightly dump, where workers are on several hosts: the one that serves it."""

from pathlib import Path

import pytest
import redis

from tests.end_to_end.site import wait_until
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment

SEND = "from submissions.tasks import export_dump; export_dump.apply_async(expires=3600)"
SWEEP = "from submissions.tasks import sweep; sweep.delay()"


def send(deployment: Deployment, message: str) -> None:
    deployment.manage("shell", "--no-imports", "--command", message)


@pytest.mark.parametrize("kind", ["files", "redis", "rabbitmq"])
def test_a_worker_writes_the_dump_without_being_told(
    request: pytest.FixtureRequest, deploy: Deploy, tmp_path: Path, kind: str
) -> None:
    url = "filesystem://localhost" if kind == "files" else request.getfixturevalue(f"{kind}_url")
    shared = tmp_path / "shared"
    deployment = deploy(url, DUMP_DIR=str(shared))
    with deployment.worker():
        send(deployment, SEND)
        wait_until((shared / "SHA256SUMS").exists)
    assert not Path(deployment.environment["DATA_DIR"], "dump").exists()
    deployment.manage("verify_registry")


def test_a_worker_on_a_host_without_the_folder_leaves_it_to_another(
    deploy: Deploy, redis_url: str
) -> None:
    deployment = deploy(redis_url)
    written = Path(deployment.environment["DATA_DIR"], "dump", "SHA256SUMS")
    with redis.Redis.from_url(redis_url) as client:
        with deployment.worker("--concurrency=1", "--queues=celery", name="drawing"):
            send(deployment, SEND)
            send(deployment, SWEEP)
            wait_until(lambda: client.llen("celery") == 0)
            assert client.llen("dump") == 1
            assert 0 < client.ttl("dump") <= 3600  # where nobody comes, it goes
        assert not written.exists()
        with deployment.worker(name="serving"):
            wait_until(written.exists)
