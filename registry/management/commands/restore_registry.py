"""Restore a backup into an empty place and check it; or rehearse that in a place of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from registry.backup import REHEARSED, CannotRestore, newest, note, restore
from registry.signals import restored

PREFIX = "crr_rehearsal_"


class Command(BaseCommand):
    help = "Restores the backup, or the newest of a folder of them, and checks every promise."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a backup, or a folder of backups")
        parser.add_argument(
            "--rehearse",
            action="store_true",
            help="into a place of its own that is removed; changes nothing here",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        backup = newest(options["folder"]) or options["folder"]
        if options["rehearse"]:
            self._rehearse(backup)
            return
        try:
            restore(backup)
        except CannotRestore as reason:
            raise CommandError(str(reason)) from None
        self.stdout.write(f"restored {backup.name}")
        call_command("migrate", verbosity=0, interactive=False)
        restored.send(sender=None)
        call_command("verify_registry", manifest=str(backup / "manifest.jsonl"), stdout=self.stdout)

    def _rehearse(self, backup: Path) -> None:
        signal.signal(signal.SIGTERM, _end)
        with tempfile.TemporaryDirectory() as folder, _scratch(folder) as database:
            environment = {
                **os.environ,
                "DATABASE_URL": database,
                "DATA_DIR": folder,
                "STORAGE_URL": f"file://{folder}/media",
                "DUMP_DIR": f"{folder}/dump",
                "SECRET_KEY": settings.SECRET_KEY,
                "INSTANCE_KEY": settings.INSTANCE_KEY,
            }
            command = [sys.executable, "manage.py", "restore_registry", str(backup.resolve())]
            done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR)
        if done.returncode:
            raise CommandError(f"{backup} cannot be restored: see above")
        note(REHEARSED, backup)


def _end(signum: int, _frame: FrameType | None) -> None:
    """Leave nothing behind when systemd says stop."""
    sys.exit(128 + signum)


@contextmanager
def _scratch(folder: str) -> Iterator[str]:
    """The address of an empty database that is gone afterwards."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{folder}/registry.sqlite3"
        return
    _drop_left()
    name = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    try:
        _execute(f"CREATE DATABASE {name}")
        with _holding(name):
            yield urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}"))
    finally:
        _execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # what was killed may be in it


def _drop_left() -> None:
    """Databases of rehearsals that were killed. PostgreSQL drops none that somebody holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX])
        left = [name for (name,) in cursor.fetchall()]
    for name in left:
        with suppress(DatabaseError):
            _execute(f"DROP DATABASE IF EXISTS {name}")


@contextmanager
def _holding(name: str) -> Iterator[None]:
    """With a connection to the database, so that no other rehearsal takes it for left behind."""
    held = connection.copy()
    held.settings_dict["NAME"] = name
    held.ensure_connection()
    try:
        yield
    finally:
        held.close()


def _execute(command: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(command)
