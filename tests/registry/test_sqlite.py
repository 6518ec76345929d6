"""The embedded database: writers wait for each other."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import OperationalError

from registry.sqlite import base

pytestmark = pytest.mark.django_db
WAIT_S = 0.05


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE noted (what text)")
        yield connection


@pytest.fixture
def ours(tmp_path: Path, other: sqlite3.Connection) -> Iterator[base.DatabaseWrapper]:
    options = {"transaction_mode": "IMMEDIATE", "timeout": WAIT_S}
    settings = {"NAME": tmp_path / "db", "OPTIONS": options, "ATOMIC_REQUESTS": False}
    wrapper = base.DatabaseWrapper(
        {**settings, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
        | {"TIME_ZONE": None},
        alias="ours",
    )
    wrapper.connect()
    yield wrapper
    wrapper.close()


def begin(ours: base.DatabaseWrapper) -> None:
    ours.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def test_a_writer_has_its_turn_when_the_other_is_done(
    ours: base.DatabaseWrapper, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.execute("BEGIN IMMEDIATE")
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr(base.time, "sleep", wait)
    ours.settings_dict["OPTIONS"]["timeout"] = 3_600
    begin(ours)
    assert waited == 3 * [base.RETRY_S]
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("PRAGMA busy_timeout = 0").execute("BEGIN IMMEDIATE")


def test_a_writer_that_waits_for_too_long_is_told(
    ours: base.DatabaseWrapper, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="database is locked"):
        begin(ours)
    other.execute("COMMIT")
    begin(ours)


def test_other_statements_wait_as_ever(
    ours: base.DatabaseWrapper, other: sqlite3.Connection
) -> None:
    begin(ours)
    (after_ms,) = ours.connection.execute("PRAGMA busy_timeout").fetchone()
    assert after_ms == 1_000 * WAIT_S
