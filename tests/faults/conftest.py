"""Fixtures of the cases: a prepared registry to copy, its ledger, and figures for the table."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests import installed, servers
from tests.faults.deployment import Deployment, copied, deployed, shell
from tests.faults.proxy import Proxy, between
from tests.faults.senders import Ledger

Deploy = Callable[..., Deployment]
NOWHERE = "redis://127.0.0.1:1/0"  # nothing listens on port 1
SEEDS = "from registry.models import RawReport; print(RawReport.objects.count())"


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says what was measured, for the table of docs/reliability.md."""
    return lambda text: record_property("figure", text)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture(scope="session")
def template(postgresql_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A registry with the seed data and its charts, that nobody serves: to be copied."""
    with psycopg.connect(postgresql_cluster, autocommit=True) as connection:
        connection.execute("CREATE DATABASE crr_template")
    address = urlunsplit(urlsplit(postgresql_cluster)._replace(path="/crr_template"))
    made = deployed(tmp_path_factory.mktemp("template"), address, NOWHERE)
    made.manage("prepare")
    return made


@pytest.fixture(scope="session")
def n_seeds(template: Deployment) -> int:
    """How many reports a prepared registry has."""
    return int(shell(template, SEEDS))


@pytest.fixture
def deploy(
    template: Deployment, n_seeds: int, postgresql_cluster: str, tmp_path: Path, ledger: Ledger
) -> Iterator[Deploy]:
    """Makes a registry on a database of its own, on the broker that it is given. After the test it
    is compared with the ledger, of which each has its own where a test makes several.
    """
    every: list[tuple[Deployment, Ledger]] = []

    def make(broker: str = NOWHERE, promised: Ledger = ledger, **settings: str) -> Deployment:
        name = f"crr_faults_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgresql_cluster, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE crr_template")
        address = urlunsplit(urlsplit(postgresql_cluster)._replace(path=f"/{name}"))
        made = deployed(tmp_path / name, address, broker, **settings)
        copied(Path(template.environment["DATA_DIR"]) / "media", made)
        every.append((made, promised))
        return made

    yield make
    for made, promised in every:
        made.check(promised, n_seeds)


@pytest.fixture
def redis_proxy(redis_url: str) -> Iterator[Proxy]:
    """What stands between the registry and its Redis."""
    with between(urlsplit(redis_url).port or 0) as proxy:
        yield proxy


@pytest.fixture
def rabbitmq_url() -> Iterator[str]:
    try:
        with servers.rabbitmq() as url:
            yield url
    except installed.Missing as missing:
        installed.skip_or_fail(missing)
