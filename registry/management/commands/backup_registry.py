"""Back everything up into a folder, beside a registry at work."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.backup import Busy, back_up


class Command(BaseCommand):
    help = "Writes a backup of database, charts, key and manifest; prints its folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where backups are kept, one folder each")
        parser.add_argument("--keep", type=int, default=0, help="remove all but so many")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backup = back_up(options["folder"], options["keep"])
        except (OSError, Busy) as error:
            raise CommandError(f"the backup cannot be written: {error}") from error
        self.stdout.write(str(backup))
