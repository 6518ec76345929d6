"""What every test stands on: own settings, real servers as fixtures, no way off this machine."""

import atexit
import contextlib
import ipaddress
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django
import hypothesis
import psycopg
import pytest
from django.core.cache import caches

from tests import faults, installed, servers

OTHER_SETTINGS = (
    "ALLOWED_HOSTS",
    "CACHE_URL",
    "CELERY_BROKER_URL",
    "DEBUG",
    "DUMP_DIR",
    "LOG_FORMAT",
    "PLAUSIBILITY_MODES",
    "PUBLIC_URL",
    "STORAGE_URL",
)
# Settings are read once, on Django's first use, so they stand before anything of ours is imported.
# DATABASE_URL alone may come from outside: `make test` runs the tests that touch the database on
# SQLite and again on PostgreSQL.
DATA_DIR = tempfile.mkdtemp(prefix="crr-tests-")
atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)
for name in OTHER_SETTINGS:
    os.environ.pop(name, None)
os.environ["DATA_DIR"] = DATA_DIR
# The settings say where; that there is one must stand before anybody imports the metrics.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", os.path.join(DATA_DIR, "metrics"))
os.environ["HOT_SECONDS"] = "0.000001"  # a test that draws looks at once at what it drew
os.environ["SECRET_KEY"] = "a key of the tests, as long as a real one: 0123456789 abcdefghij"
os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"

# The suite tries the same examples everywhere, so that a red run is red for all; `make fuzz`
# and `make faults` try new ones. None times an example: the machine may be busy.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile(
    "fuzz", max_examples=500, derandomize=False, deadline=None, database=None, print_blob=True
)
hypothesis.settings.register_profile(
    "whole", max_examples=2000, derandomize=False, deadline=None, database=None, print_blob=True
)
hypothesis.settings.load_profile("whole" if faults.WHOLE else "suite")

SLOW = {"end_to_end", "faults", "browser"}
DATABASE_NUMBERS = itertools.count(1)
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}
# Chromium in a container, as root, that asks nobody outside for anything.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="tests that touch the database")


def pytest_configure() -> None:
    django.setup()
    sys.addaudithook(refuse_outside)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database-only"):
        keep(touches_database, config, items)
    if not faults.ASKED:
        keep(lambda item: item.get_closest_marker("faults") is None, config, items)
    # Files that take long begin first, so that at the end no process waits for another's.
    items.sort(key=lambda item: SLOW.isdisjoint(item.path.parts))


def keep(
    wanted: Callable[[pytest.Item], bool], config: pytest.Config, items: list[pytest.Item]
) -> None:
    others = [item for item in items if not wanted(item)]
    items[:] = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=others)


def touches_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(fixtures & DATABASE_FIXTURES)


def refuse_outside(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: no test of ours may reach, or look up, another machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not is_loopback(host):
        raise PermissionError(f"a test reached for {host}, outside of this machine")


def is_loopback(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(name)
        return address.is_loopback or address.is_unspecified
    return False


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Generations start anew with each test's database; what is cached under them must not stay."""
    for cache in caches.all():
        cache.clear()


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[str]:
    try:
        with servers.postgresql() as url:
            yield url
    except installed.Missing as missing:
        installed.skip_or_fail(missing)


@pytest.fixture
def postgresql_url(postgresql_cluster: str) -> str:
    """The DATABASE_URL of a new, empty database on a real PostgreSQL."""
    name = f"crr_{next(DATABASE_NUMBERS)}"
    with psycopg.connect(postgresql_cluster, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(postgresql_cluster)._replace(path=f"/{name}"))


@pytest.fixture
def redis_url() -> Iterator[str]:
    """The address of a real, empty Redis."""
    try:
        with servers.redis() as url:
            yield url
    except installed.Missing as missing:
        installed.skip_or_fail(missing)


@pytest.fixture(scope="session")
def netperf_path() -> str:
    """Debian's netperf, whose netserver stands beside it."""
    return installed.require("netperf", "netperf (in non-free)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Playwright's Browser: Debian's Chromium, headless."""
    path = installed.require("chromium", "chromium")
    from playwright.sync_api import sync_playwright  # half a second that few tests need

    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Playwright keeps an event loop running in this thread, in which Django would refuse its
        # database.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
