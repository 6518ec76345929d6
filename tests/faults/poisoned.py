"""A registry that some reports break: a web process that cannot read what is marked, and
`python -m tests.faults.poisoned CELERY-ARGUMENTS`, a worker that breaks over it.

The limits of a task are seconds here, and memory is bounded, so that no host suffers.
"""

import os
import resource
import sys
from typing import Any

import django

from submissions.read import Content

MARK = "poison-"
KINDS = ("raises", "exits", "allocates", "loops")
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
SOFT_LIMIT_S, LIMIT_S = 3, 6


def break_over(what: str) -> None:
    if f"{MARK}raises" in what:
        raise ZeroDivisionError("poison")
    if f"{MARK}exits" in what:
        os._exit(1)
    if f"{MARK}allocates" in what:
        bytearray(4 << 30)
    while f"{MARK}loops" in what:
        pass


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


def main() -> None:
    django.setup()
    from registry.celery import app
    from submissions import tasks

    read = tasks.read

    def broken(body: bytes, format: str, imported: bool) -> Content:
        break_over(body.decode())
        return read(body, format, imported)

    tasks.read = broken
    app.conf.update(task_soft_time_limit=SOFT_LIMIT_S, task_time_limit=LIMIT_S)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    app.start(sys.argv[1:])


if __name__ == "__main__":
    main()
