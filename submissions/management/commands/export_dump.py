"""Write the public dump: Parquet, CSV, SQLite, reports as JSON Lines, licence and schema."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from submissions.dump.export import export
from submissions.dump.folder import Busy


class Command(BaseCommand):
    help = (
        "Writes the public dump into DIR. What did not change since the last export into it is "
        "left as it is. Exit code 1 when it cannot be written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dir", metavar="DIR", type=Path)
        parser.add_argument("--json", action="store_true", help="what was done, as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = export(options["dir"], self._progress)
        except (OSError, Busy) as error:
            raise CommandError(f"the dump cannot be written: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(outcome)))
            return
        self.stdout.write(
            f"{options['dir']}: {outcome.reports:,} reports, {outcome.results:,} figures; "
            f"{outcome.parts_written} parts written, {outcome.parts_kept} as they were"
        )

    def _progress(self, done: int, total: int) -> None:
        """One line that is written over, for who waits at a terminal."""
        if self.stderr.isatty():
            end = "\n" if done == total else ""
            self.stderr.write(f"\r\x1b[Kpart {done} of {total}", ending=end)
            self.stderr.flush()
