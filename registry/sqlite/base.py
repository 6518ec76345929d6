"""Django's SQLite, whose writers wait for each other by the millisecond.

SQLite lets one write at a time. Its own wait sleeps longer the longer it lasted, up to 100 ms, and
whoever comes meanwhile is first: of two processes that write all the time, one waits for seconds.
"""

import time

from django.db import OperationalError
from django.db.backends.sqlite3 import base

RETRY_S = 0.001
LOCKED = "database is locked"


class DatabaseWrapper(base.DatabaseWrapper):
    def _start_transaction_under_autocommit(self) -> None:
        """BEGIN IMMEDIATE, tried again until OPTIONS' `timeout` is over. Raises OperationalError as
        Django's own then.
        """
        timeout_s = self.settings_dict["OPTIONS"]["timeout"]
        until_s = time.monotonic() + timeout_s
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            while not self._begins(is_last=time.monotonic() > until_s):
                time.sleep(RETRY_S)
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {int(1000 * timeout_s)}")

    def _begins(self, is_last: bool) -> bool:
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except OperationalError as error:
            if is_last or LOCKED not in str(error):
                raise
            return False
        return True
