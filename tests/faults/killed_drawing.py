"""A process that draws a chart and is killed at each point on the way, round after round:
`python -m tests.faults.killed_drawing ROUNDS`. After each kill the old drawing must stand whole,
and the chart must come right when the lease has run out. Prints how many kills it was.

Each drawing is a child of its own, forked from a parent that keeps no connection open.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import django

POINTS = (
    ("builtins.open", 1, "before"),  # the first draft
    ("half", 1, "during"),  # half of it is written
    ("os.fsync", 1, "before"),
    ("os.replace", 1, "before"),
    ("os.replace", 1, "after"),
    ("os.replace", 5, "before"),  # half of the files have their names
    ("update_or_create", 1, "before"),  # all files are there, the row is not
    ("update_or_create", 1, "after"),  # the row is written, not committed
    ("remove_unused", 1, "before"),  # all is committed, the old files are still there
)


def main(rounds: int) -> None:
    django.setup()
    from charts import artefacts, pipeline
    from charts.models import Chart, Drawing

    targets = {
        "builtins.open": (artefacts, "open"),
        "os.fsync": (artefacts.os, "fsync"),
        "os.replace": (artefacts.os, "replace"),
        "update_or_create": (Drawing.objects, "update_or_create"),
        "remove_unused": (pipeline, "_remove_unused"),
    }
    chart = Chart.objects.get(slug="xen-users")
    for number in range(rounds * len(POINTS)):
        name, nth, when = POINTS[number % len(POINTS)]
        change_facts(number)
        in_child(partial(kill_in, targets, name, nth, when), chart.pk, -signal.SIGKILL)
        assert_promises_hold(f"{name} {nth} {when}")
        Chart.objects.update(lease_until=None)  # the lease has run out
        in_child(lambda: None, chart.pk, 0)
        assert_promises_hold("drawn again")
        chart.refresh_from_db()
        assert chart.drawn == chart.wanted, (chart.drawn, chart.wanted)
    print(rounds * len(POINTS))


def change_facts(number: int) -> None:
    from charts.models import Chart
    from charts.scopes import mark_changed
    from registry.models.summary import summarise
    from submissions.intake import Sender, submit
    from tests.faults.senders import KIND, numbered

    submit(numbered(number), KIND, Sender("10.0.0.1"))
    while summarise():
        pass
    mark_changed()
    Chart.objects.update(not_before="2026-01-01T00:00:00Z")


def in_child(prepare: Callable[[], None], chart_id: int, expected: int) -> None:
    from django.db import connections

    connections.close_all()
    child = os.fork()
    if child == 0:
        prepare()
        from charts.tasks import draw_chart

        draw_chart(chart_id)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    assert ended == expected, f"the child ended with {ended}, and not with {expected}"


def kill_in(targets: dict[str, tuple[Any, str]], name: str, nth: int, when: str) -> None:
    """Have this process end at the `nth` call of what `name` is, before or after it."""
    if name == "half":
        _kill_in_half()
        return
    owner, attribute = targets[name]
    original, calls = getattr(owner, attribute, open), []

    def called(*args: Any, **more: Any) -> Any:
        calls.append(args)
        if len(calls) == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = original(*args, **more)
        if len(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    mock.patch.object(owner, attribute, called, create=True).start()


def _kill_in_half() -> None:
    from django.core.files.base import ContentFile

    def halves(content: Any) -> Any:
        whole = content.read()
        yield whole[: len(whole) // 2]
        os.sync()
        os.kill(os.getpid(), signal.SIGKILL)

    mock.patch.object(ContentFile, "chunks", halves).start()


def assert_promises_hold(where: str) -> None:
    from charts import verify

    assert list(verify.broken_promises()) == [], where


if __name__ == "__main__":
    main(int(sys.argv[1]))
