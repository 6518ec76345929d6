"""A crash may leave half a file; the clock starts all the same."""

import shelve
from pathlib import Path

import pytest
from celery.beat import SchedulingError

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


def test_a_connection_that_broke_is_not_used_again() -> None:
    """Over AMQP it would be, for ever, and no sweep would come."""
    scheduler = Scheduler(app=app, lazy=True)
    scheduler.__dict__["producer"] = broken = object()
    entry = scheduler.Entry(name="x", task="registry.tasks.sweep", schedule=1.0, app=app)
    with pytest.raises(SchedulingError):
        scheduler.apply_async(entry, producer=broken, advance=False)
    assert "producer" not in scheduler.__dict__
