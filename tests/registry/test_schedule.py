"""A crash may leave half a file, and the host's clock may be set back; the sweeps come all the
same.
"""

import shelve
from datetime import timedelta
from pathlib import Path

import pytest
from celery.beat import SchedulingError
from django.conf import settings

from registry.celery import app
from registry.schedule import Scheduler


@pytest.mark.parametrize("entries", [b"", b"\x80\x05nothing that ends", b"cno.such\nThing\n."])
def test_a_schedule_that_cannot_be_read_is_made_anew(tmp_path: Path, entries: bytes) -> None:
    path = str(tmp_path / "schedule")
    with shelve.open(path) as store:
        store.dict[b"entries"] = entries  # type: ignore[attr-defined]
    scheduler = Scheduler(app=app, schedule_filename=path)
    try:
        assert set(app.conf.beat_schedule) <= set(scheduler.schedule)
    finally:
        scheduler.close()


def test_a_schedule_that_can_be_read_is_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "schedule")
    first = Scheduler(app=app, schedule_filename=path)
    name = next(iter(app.conf.beat_schedule))
    first.schedule[name].total_run_count = 7
    first.sync()
    first.close()
    again = Scheduler(app=app, schedule_filename=path)
    try:
        assert again.schedule[name].total_run_count == 7
    finally:
        again.close()


def ahead(path: str) -> Scheduler:
    """A scheduler that did everything a day from now."""
    scheduler = Scheduler(app=app, schedule_filename=path)
    for entry in scheduler.schedule.values():
        entry.last_run_at = entry.default_now() + timedelta(days=1)
    return scheduler


def due_in_s(scheduler: Scheduler, name: str) -> float:
    """0 where it is due now."""
    state = scheduler.schedule[name].is_due()
    return 0.0 if state.is_due else float(state.next)


def test_what_was_done_in_the_future_is_due_within_its_interval_after_a_start(
    tmp_path: Path,
) -> None:
    """The clock was set back while the scheduler was away."""
    path = str(tmp_path / "schedule")
    before = ahead(path)
    assert due_in_s(before, "registry.tasks.sweep") > 80_000
    before.sync()
    before.close()
    again = Scheduler(app=app, schedule_filename=path)
    try:
        for name, entry in app.conf.beat_schedule.items():
            if isinstance(entry["schedule"], float):
                assert due_in_s(again, name) <= entry["schedule"]
    finally:
        again.close()


def test_what_was_done_in_the_future_is_due_within_its_interval_without_a_start(
    tmp_path: Path,
) -> None:
    """The clock was set back while the scheduler slept: it has an order of what is next."""
    scheduler = ahead(str(tmp_path / "schedule"))
    try:
        scheduler.old_schedulers = dict(scheduler.schedule)
        scheduler.populate_heap()
        assert scheduler.tick() <= settings.SWEEP_SECONDS
        assert due_in_s(scheduler, "registry.tasks.sweep") <= settings.SWEEP_SECONDS
    finally:
        scheduler.close()


def test_a_connection_that_broke_is_not_used_again() -> None:
    """Over AMQP it would be, for ever, and no sweep would come."""
    scheduler = Scheduler(app=app, lazy=True)
    scheduler.__dict__["producer"] = broken = object()
    entry = scheduler.Entry(name="x", task="registry.tasks.sweep", schedule=1.0, app=app)
    with pytest.raises(SchedulingError):
        scheduler.apply_async(entry, producer=broken, advance=False)
    assert "producer" not in scheduler.__dict__
