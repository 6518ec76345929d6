"""Rebuild the facts of every report from its stored bytes, beside the old ones, and switch."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from submissions.reparse import Outcome, reparse


class Command(BaseCommand):
    help = "Reads every stored report anew; prints counts before and after, and what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, change nothing"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        is_watched = self.stderr.isatty()
        progress = self._progress if is_watched else None
        outcome = reparse(dry_run=options["dry_run"], progress=progress)
        if is_watched:
            self.stderr.write("")
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_dict()))
            return
        for line in _lines(outcome):
            self.stdout.write(line)

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"\r{done:,} of {total:,} reports", ending="")
        self.stderr.flush()


def _lines(outcome: Outcome) -> list[str]:
    """What happened, or would: changes first, counts last, where a long list leaves them."""
    found = []
    for public_id, differences in outcome.changed.items():
        found.append(f"changed {public_id}")
        found += [f"  {ascii(line)[1:-1]}" for line in differences]
    if outcome.n_changed > len(outcome.changed):
        found.append(f"and {outcome.n_changed - len(outcome.changed):,} reports more")
    found += [f"readable now {public_id}" for public_id in outcome.freed]
    found += [
        f"failed {public_id}: {ascii(reason)[1:-1]}; its facts stay as they were"
        for public_id, reason in outcome.failed.items()
    ]
    found.append(
        f"{outcome.reports:,} reports read, {outcome.results_before:,} results before, "
        f"{outcome.results_after:,} after, {outcome.n_changed:,} reports changed, "
        f"{len(outcome.freed):,} readable now, {len(outcome.failed):,} failed"
    )
    found.append(
        "nothing was written" if outcome.dry_run else f"{outcome.n_switched:,} reports switched"
    )
    return found
