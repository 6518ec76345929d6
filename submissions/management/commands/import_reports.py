"""Import what others published: netperf text, directories, mail archives, data files of flent and
PerfKitBenchmarker, envelopes as JSON Lines.
"""

import json
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from submissions.importers.inputs import UNREADABLE
from submissions.importers.item import Note
from submissions.importers.run import bring_up_to_date, import_reports

DETAILS_SHOWN = 5
NOTES_BETWEEN_PROGRESS = 100
OUTCOMES = ("stored", "held", "known", "refused", "skipped")
EXIT_NOTHING = 1
EXIT_UNREADABLE = 2


class Command(BaseCommand):
    help = (
        "Imports reports; - is standard input. Says of each what was stored, held, known, refused "
        "or skipped. Exit code 0 when every path was read and something in them is a report, "
        "1 when nothing is, 2 when a path could not be read."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument(
            "--restore",
            action="store_true",
            help="keep the ids, states and trails of a dump's reports: for an empty registry",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0, interactive=False)
        found = import_reports(options["paths"], restore=options["restore"])
        counts: Counter[str] = Counter()
        unreadable = 0
        for number, note in enumerate(found, 1):
            counts[note.outcome] += note.count
            unreadable += note.code == UNREADABLE
            self.stdout.write(json.dumps(note.as_dict()) if options["json"] else plain(note))
            if number % NOTES_BETWEEN_PROGRESS == 0:
                self._progress(summed(counts))
        self._progress("bringing summaries and charts up to date")
        bring_up_to_date()
        self._progress("")
        if not options["json"]:
            self.stdout.write(summed(counts))
        if unreadable:
            raise CommandError(f"could not be read: {unreadable}", returncode=EXIT_UNREADABLE)
        if not counts["stored"] + counts["held"] + counts["known"]:
            raise CommandError("nothing in the paths is a report", returncode=EXIT_NOTHING)

    def _progress(self, text: str) -> None:
        """One line that is written over, for who waits at a terminal."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{text}", ending="")
            self.stderr.flush()


def summed(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[name]:,} {name}" for name in OUTCOMES if counts[name]) or "nothing"


def plain(note: Note) -> str:
    """The lines for people; what came from outside cannot steer their terminal."""
    head = f"{note.place}: {note.outcome}"
    if note.report:
        head += f" {note.report}"
    if note.n_results:
        head += f", {note.n_results} results"
    if note.message:
        head += f": {note.message}"
    details = [f"  {fault['path']}: {fault['message']}" for fault in note.details]
    lines = [head, *details, *(f"  warning: {warning}" for warning in note.warnings)]
    shown = lines[: 1 + DETAILS_SHOWN]
    if len(lines) > len(shown):
        shown.append(f"  and {len(lines) - len(shown)} more")
    return "\n".join(printable(line) for line in shown)


def printable(text: str) -> str:
    """Control characters, marks of direction and bytes that are no text, as escapes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
