"""A worker that is killed while it draws: `python -m tests.charts.killed POINT CHART` does the task
and ends itself with SIGKILL where POINT says, as the kernel would when memory ran out.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django


def die(*args: Any, **kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(times: int, work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, but the call after so many is the last."""
    calls = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        return die() if calls > times else work(*args, **kwargs)

    return counted


def prepare(point: str) -> None:
    """Put the end of this process where `point` says."""
    from django.core.files.base import ContentFile

    from charts import artefacts, pipeline
    from charts.models import Drawing

    def half(content: Any) -> Any:
        """What is given to be written, in pieces of which the second never comes."""
        data = content.read()
        yield data[: len(data) // 2]
        die()

    # The third file of a drawing, so that two are whole.
    if point == "before the first file":
        artefacts.DurableStorage._save = die  # type: ignore[assignment, method-assign]
    elif point == "within a file":
        ContentFile.chunks = after_files(2, ContentFile.chunks, half)  # type: ignore[method-assign]
    elif point == "before a file is synced":
        os.fsync = after(4, os.fsync)
    elif point == "before a file gets its name":
        os.replace = after(2, os.replace)
    elif point == "before the row":
        pipeline._end_lease = die
    elif point == "within the transaction":
        Drawing.save = die  # type: ignore[method-assign]
    elif point == "before files go that are replaced":
        pipeline._remove_unused = die
    elif point == "between files that go":
        artefacts.remove = after(1, artefacts.remove)
    else:
        raise ValueError(point)


def after_files(
    times: int, whole: Callable[..., Any], last: Callable[..., Any]
) -> Callable[..., Any]:
    calls = 0

    def chunks(content: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        return last(content) if calls > times else whole(content, *args)

    return chunks


if __name__ == "__main__":
    django.setup()
    from charts import tasks

    prepare(sys.argv[1])
    tasks.draw_chart(int(sys.argv[2]))
