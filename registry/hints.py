"""Hints to the workers: a message that says "look at this now". Sending one may fail, and never
hurts the sender.

The database is the truth and the sweeps read it; a lost hint costs seconds, never a report. So a
hint has its own connection with short time-outs, no retries, and after failures a breaker that
stops trying for a while.
"""

import logging
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from celery import Task
from django.conf import settings
from django.db import transaction
from kombu import Connection
from kombu.exceptions import KombuError, OperationalError

from registry.celery import transport_options

log = logging.getLogger(__name__)

TIMEOUT_S = 0.2
BREAKER_S = 30.0
FAILURES = (OperationalError, KombuError, OSError)

_PRODUCER_OPTIONS: dict[str, dict[str, Any]] = {
    "redis": {
        "socket_connect_timeout": TIMEOUT_S,
        "socket_timeout": TIMEOUT_S,
        "retry_on_timeout": False,
        "max_retries": 0,
    },
    "amqp": {
        "connect_timeout": TIMEOUT_S,
        "read_timeout": TIMEOUT_S,
        "write_timeout": TIMEOUT_S,
        "max_retries": 0,
    },
}


class Breaker:
    """Closed until a failure, then open for `BREAKER_S`; one a process. Counts its losses."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open_until = 0.0
        self.failed = 0
        self.skipped = 0

    def allows(self) -> bool:
        with self._lock:
            if time.monotonic() >= self._open_until:
                return True
            self.skipped += 1
            return False

    def trip(self) -> None:
        with self._lock:
            self.failed += 1
            self._open_until = time.monotonic() + BREAKER_S

    def reset(self) -> None:
        with self._lock:
            self._open_until = 0.0


breaker = Breaker()


def after_commit(task: Task, *args: Any, countdown: float | None = None) -> None:
    """Send the hint when the transaction has committed, or at once outside of one."""
    transaction.on_commit(lambda: send(task, *args, countdown=countdown), robust=True)


def send(task: Task, *args: Any, countdown: float | None = None) -> bool:
    """Send the hint now; False when it could not be sent. Takes a fraction of a second at the
    most.
    """
    if not breaker.allows():
        return False
    try:
        with _connection() as connection:
            task.apply_async(
                args, connection=connection, countdown=countdown, retry=False, ignore_result=True
            )
    except FAILURES as error:
        breaker.trip()
        log.warning("hint %s not sent, the sweep will find it: %s", task.name, error)
        return False
    return True


def _connection() -> Connection:
    scheme = urlsplit(settings.CELERY_BROKER_URL).scheme
    kind = {"rediss": "redis", "amqps": "amqp"}.get(scheme, scheme)
    return Connection(
        settings.CELERY_BROKER_URL,
        transport_options={**transport_options(scheme), **_PRODUCER_OPTIONS.get(kind, {})},
        connect_timeout=TIMEOUT_S,
    )
