"""A registry that some reports break: a web process that cannot read what is marked, and
`python -m tests.faults.poisoned CELERY-ARGUMENTS`, a worker that breaks over it.

The limits of a task and its lease are seconds here, and memory is bounded, so that no host suffers.
"""

import os
import resource
import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any

import django
from celery.worker.request import Request

from submissions.read import Content

MARK = "poison-"
KINDS = ("raises", "exits", "allocates", "loops", "hangs")
END_THEIR_READER = ("exits", "hangs")
RAISED = {
    "MemoryError",
    "RuntimeError",
    "ZeroDivisionError",
    "billiard.einfo.ExceptionWithTraceback",
    "billiard.exceptions.SoftTimeLimitExceeded",
    "billiard.exceptions.TimeLimitExceeded",
    "billiard.exceptions.WorkerLostError",
}
MEMORY_BYTES = 3 << 30
SOFT_LIMIT_S, LIMIT_S, LEASE_S = 4, 8, 10


def break_over(what: str) -> None:
    if f"{MARK}raises" in what:
        raise ZeroDivisionError("poison")
    if f"{MARK}exits" in what:
        os._exit(1)
    if f"{MARK}allocates" in what:
        bytearray(4 << 30)
    while f"{MARK}loops" in what:
        pass
    while f"{MARK}hangs" in what:  # past the soft limit
        with suppress(Exception):
            break_over(f"{MARK}loops")


def application(environ: Any, start_response: Any) -> Any:
    return _wsgi()(environ, start_response)


def _wsgi() -> Any:
    from registry.wsgi import application as registry
    from submissions import intake

    if intake.read_document.__module__ != __name__:
        intake.read_document = _unread(intake.read_document)
    return registry


def _unread(read: Any) -> Any:
    def read_document(document: Any, imported: bool) -> Any:
        if MARK in str((document.envelope or {}).get("notes")):
            raise RuntimeError("cannot be read at once")
        return read(document, imported)

    read_document.__module__ = __name__
    return read_document


class Hurried(Request):
    """A message says its limits, which are those of whoever sent it: these go before."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.time_limits = LIMIT_S, SOFT_LIMIT_S


def main() -> None:
    django.setup()
    from registry.celery import app
    from registry.models import report
    from submissions import tasks

    read = tasks.read

    def broken(body: bytes, format: str, imported: bool) -> Content:
        break_over(body.decode())
        return read(body, format, imported)

    tasks.read = broken
    report.LEASE = timedelta(seconds=LEASE_S)
    for task in (tasks.read_report, tasks.sweep):
        task.Request = Hurried
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    app.start(sys.argv[1:])


if __name__ == "__main__":
    main()
