"""A registry whose web server is killed while it takes a report in: its workers and what started
them end with SIGKILL where POINT says, the first time that one of them comes there.

In: CRR_KILLED_AT, one of POINTS.
"""

import os
import signal
from typing import Any

BEFORE_COMMIT = "before the commit"
POINTS = (BEFORE_COMMIT, "after the commit", "before the answer")


def die(*args: Any, **kwargs: Any) -> None:
    for pid in (os.getppid(), os.getpid()):
        os.kill(pid, signal.SIGKILL)


def prepare(point: str) -> None:
    """Put the end of this server where `point` says."""
    from registry import hints
    from submissions import answer, intake

    if point == BEFORE_COMMIT:
        write = intake.write_new
        intake.write_new = lambda *args: die(write(*args))  # type: ignore[assignment]
    elif point == "after the commit":
        hints.send = die  # type: ignore[assignment]
    elif point == "before the answer":
        answer.sent = die  # type: ignore[assignment]
    else:
        raise ValueError(point)


def _application() -> Any:
    from registry.wsgi import application

    prepare(os.environ["CRR_KILLED_AT"])
    return application


if "CRR_KILLED_AT" in os.environ:
    application = _application()
