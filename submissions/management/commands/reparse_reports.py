"""Rebuild the facts of every report from its stored bytes, beside the old ones, and switch."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from submissions.reparse import reparse


class Command(BaseCommand):
    help = "Reads every stored report anew; prints counts before and after, and what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, change nothing"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        outcome = reparse(
            dry_run=options["dry_run"], progress=None if options["json"] else self._progress
        )
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_dict()))
            return
        self.stdout.write(
            f"{outcome.reports} reports read, {outcome.results_before} results before, "
            f"{outcome.results_after} after, {len(outcome.changed)} reports changed, "
            f"{len(outcome.failed)} failed"
        )
        for public_id in outcome.changed:
            self.stdout.write(f"changed {public_id}")
        for public_id, reason in outcome.failed.items():
            self.stdout.write(f"failed {public_id}: {reason}; its old facts stay")

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"{done} of {total}")
