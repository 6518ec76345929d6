"""Django's `migrate`, but on PostgreSQL it never waits long for a table: whoever asks for that
meanwhile, be it to read, waits behind it, and a backup has every table until its end.
"""

import time
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from psycopg.errors import LockNotAvailable

LOCK_TIMEOUT_S = 2
REST_S = 5  # those who waited behind are served
TRIES = 20


class Impatient(DatabaseSchemaEditor):
    """Waits for no lock longer than LOCK_TIMEOUT_S. Where it has no transaction, as for an index
    that is made beside readers and writers, nobody waits behind it.
    """

    def __enter__(self) -> "Impatient":
        super().__enter__()
        if self.atomic_migration:
            self.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
        return self


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor == "postgresql":
            connection.SchemaEditorClass = Impatient
        for number in range(1, TRIES + 1):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
            self.stderr.write(f"migrate: a table is in use, tried {number} of {TRIES} times")
            if number < TRIES:
                time.sleep(REST_S)
        raise CommandError(
            "a table was in use all the while, by a backup perhaps: run this again after it; "
            "nothing is half done"
        )
