"""Hints to the workers: a message that says "look at this now". Sending one may fail, and never
hurts the sender.

The database is the truth and the sweeps read it; a lost hint costs seconds, never a report. So a
hint has its own connection with short time-outs, no retries, and after failures a breaker that
stops trying for a while.
"""

import logging
import math
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


class Pace:
    """When a hint of each task was last sent by this process."""

    def __init__(self) -> None:
        self._sent_at: dict[str, float] = {}

    def allows(self, task: Task, rest_s: float) -> bool:
        return time.monotonic() >= self._sent_at.get(task.name, -math.inf) + rest_s

    def sent(self, task: Task) -> None:
        self._sent_at[task.name] = time.monotonic()


breaker = Breaker()
pace = Pace()


def after_commit(
    task: Task, *args: Any, countdown: float | None = None, rest_s: float = 0.0
) -> None:
    """Send the hint when the transaction has committed, or at once outside of one. With `rest_s`,
    not again for so long: the task is then one that looks again after it found something.
    """

    def send_unless_resting() -> None:
        if pace.allows(task, rest_s) and send(task, *args, countdown=countdown):
            pace.sent(task)

    transaction.on_commit(send_unless_resting, robust=True)


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


def reach_broker() -> None:
    """Connect as a hint does. Raises one of FAILURES where the broker does not answer."""
    with _connection() as connection:
        try:
            connection.connect()
        except connection.connection_errors as error:
            raise OperationalError(str(error)) from error


def _connection() -> Connection:
    scheme = urlsplit(settings.CELERY_BROKER_URL).scheme
    kind = {"rediss": "redis", "amqps": "amqp"}.get(scheme, scheme)
    return Connection(
        settings.CELERY_BROKER_URL,
        transport_options={**transport_options(scheme), **_PRODUCER_OPTIONS.get(kind, {})},
        connect_timeout=TIMEOUT_S,
    )
