"""Celery's clock with its file: when what was last done. A file that a crash left unreadable is
made anew, since the sweeps find what is due; Celery's own would end at every start. What was last
done later than now, as after the clock was set back, counts as done now; to Celery nothing would be
due until then.
"""

import logging
from pickle import UnpicklingError
from typing import Any

from celery.beat import PersistentScheduler, SchedulingError

log = logging.getLogger(__name__)

_UNREADABLE = (EOFError, UnpicklingError, AttributeError, ImportError, ValueError)


class Scheduler(PersistentScheduler):
    def apply_async(self, entry: Any, producer: Any = None, **more: Any) -> Any:
        """A connection that broke is not used again: over AMQP no later message would be sent."""
        try:
            return super().apply_async(entry, producer=producer, **more)
        except SchedulingError:
            for name in ("producer", "connection"):  # made anew when they are asked for
                self.__dict__.pop(name, None)
            raise

    def setup_schedule(self) -> None:
        try:
            super().setup_schedule()
        except _UNREADABLE as error:
            log.warning("the schedule file could not be read (%r), it is made anew", error)
            if self._store is not None:
                self._store.close()
            self._remove_db()
            super().setup_schedule()
        self._forget_the_future()

    def tick(self, *args: Any, **more: Any) -> float:
        self._forget_the_future()
        return float(super().tick(*args, **more))

    def _forget_the_future(self) -> None:
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at > now:
                entry.last_run_at = now
                self._heap = None  # made anew from the entries
