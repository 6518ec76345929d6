"""Whether this registry can do its work now, and if not, why. Asked by `/readyz` and by operators.

What intake needs is required; what only delays charts is told and does not take the site out of
service, since a report is never refused for it.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from registry import hints, storage
from registry.models.summary import waiting_s

BACKLOG_LIMIT_S = 300.0
FREE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `message` says what is wrong and what to do, or how it is."""

    name: str
    is_ok: bool
    is_required: bool
    message: str


def checks() -> list[Check]:
    """Everything that is looked at. Without a database, what lies in it is not looked at."""
    database = _database()
    inside = [_migrations(), _backlog()] if database.is_ok else []
    bucket = [] if settings.MEDIA_ROOT else [_bucket()]
    return [database, *inside, _disk(), *bucket, _broker()]


def _database() -> Check:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        told = str(error).strip().splitlines()[:1]
        return Check("database", False, True, f"does not answer: {' '.join(told)}")
    return Check("database", True, True, f"{connection.vendor} answers")


def _migrations() -> Check:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        message = f"{len(waiting)} not applied: run manage.py migrate"
        return Check("migrations", False, True, message)
    return Check("migrations", True, True, "all applied")


def _backlog() -> Check:
    """How long the oldest report waits to be counted; workers are away when it grows."""
    waiting = waiting_s()
    if waiting > BACKLOG_LIMIT_S:
        message = f"a report waits for {waiting:.0f} s to be counted: is a worker running?"
        return Check("backlog", False, False, message)
    return Check("backlog", True, False, "reports are counted as they come")


def _disk() -> Check:
    folder, free = _folder(), free_bytes()
    if not os.access(folder, os.W_OK):
        where = "STORAGE_URL" if settings.MEDIA_ROOT else "DATA_DIR"
        return Check("disk", False, True, f"the folder of {where} cannot be written")
    if free < FREE_BYTES:
        return Check("disk", False, True, f"{free >> 20} MB free: make room")
    return Check("disk", True, True, f"{free >> 20} MB free")


def _bucket() -> Check:
    """Files of charts alone are there, so a report is taken in without it."""
    fault = storage.fault()
    return Check("storage", not fault, False, fault or "files can be written and read")


def free_bytes() -> int:
    """Room where files of charts are kept; where that is a bucket, room for all else."""
    return shutil.disk_usage(_folder()).free


def _folder() -> Path:
    return _existing(Path(settings.MEDIA_ROOT or settings.DATA_DIR))


def _existing(path: Path) -> Path:
    """The folder, or the nearest above it while nothing was kept yet."""
    return path if path.exists() else _existing(path.parent)


def _broker() -> Check:
    failure = _failure_of(hints.reach_broker)
    if failure:
        message = f"does not answer, so charts wait for the sweeps: {failure}"
        return Check("broker", False, False, message)
    return Check("broker", True, False, "answers")


def _failure_of(act: Callable[[], None]) -> str:
    try:
        act()
    except hints.FAILURES as error:
        return type(error).__name__
    return ""
