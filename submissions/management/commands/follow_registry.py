"""Take in what another registry shows, and take back what it took back."""

import json
import logging
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from submissions.dump.folder import Busy
from submissions.following import CannotFollow, Outcome, follow
from submissions.management.commands.import_reports import printable

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Follows other registries by their public dumps: new reports come, those that were "
        "withdrawn or are no longer shown there go. Called again it fetches only what changed. "
        "Exit code 1 when one of them could not be followed; the rest is done all the same."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("addresses", nargs="+", metavar="URL", help="https://registry.example")
        parser.add_argument("--json", action="store_true", help="one JSON object a registry")

    def handle(self, *args: Any, **options: Any) -> None:
        failed = []
        for address in options["addresses"]:
            try:
                folder = settings.DATA_DIR / "followed" / quote(urlsplit(address).netloc, safe="")
                outcome = follow(address, folder, self._progress)
            except (CannotFollow, Busy, OSError) as error:
                failed.append(_why(address, str(error)))
                continue
            except Exception as error:
                log.exception("%s could not be followed", address)
                failed.append(_why(address, f"{type(error).__name__}: {error}"))
                continue
            finally:
                self._progress("")
            told = {"registry": address, **asdict(outcome)}
            self.stdout.write(json.dumps(told) if options["json"] else _plain(address, outcome))
        if failed:
            raise CommandError("\n".join(failed))

    def _progress(self, text: str) -> None:
        """One line that is written over, for who waits at a terminal."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{text}", ending="")
            self.stderr.flush()


def _why(address: str, error: str) -> str:
    """One line; what came from outside cannot steer a terminal."""
    return printable(error if error.startswith(address) else f"{address}: {error}")


def _plain(address: str, outcome: Outcome) -> str:
    counts = [f"{count:,} {name}" for name, count in sorted(outcome.reports.items())]
    for name in ("withdrawn", "hidden", "shown"):
        if count := getattr(outcome, name):
            counts.append(f"{count:,} {name} as there")
    if outcome.left_out:
        counts.append(f"{outcome.left_out:,} not as there, the log says why")
    parts = f"parts fetched {outcome.fetched}, as they were {outcome.kept}"
    return f"{address}: {parts}; {', '.join(counts) or 'nothing new'}"
