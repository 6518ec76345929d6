"""Back everything up into a folder, beside a registry at work."""

import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from registry.backup import back_up, backups


class Command(BaseCommand):
    help = "Writes a backup of database, charts, key and manifest; prints its folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where backups are kept, one folder each")
        parser.add_argument("--keep", type=int, default=0, help="remove all but so many")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(str(back_up(options["folder"])))
        if options["keep"] > 0:
            for old in backups(options["folder"])[: -options["keep"]]:
                shutil.rmtree(old)
