"""Celery's clock with its file: when what was last done. A file that a crash left unreadable is
made anew, since the sweeps find what is due; Celery's own would end at every start.
"""

import logging
from pickle import UnpicklingError

from celery.beat import PersistentScheduler

log = logging.getLogger(__name__)

_UNREADABLE = (EOFError, UnpicklingError, AttributeError, ImportError, ValueError)


class Scheduler(PersistentScheduler):
    def setup_schedule(self) -> None:
        try:
            super().setup_schedule()
        except _UNREADABLE as error:
            log.warning("the schedule file could not be read (%r), it is made anew", error)
            if self._store is not None:
                self._store.close()
            self._remove_db()
            super().setup_schedule()
