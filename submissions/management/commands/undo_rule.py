"""Take back what a rule of plausibility did: reports it held or rejected are what they were."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from submissions.moderation import rules_that_acted, undo_rule


class Command(BaseCommand):
    help = "Gives reports that a rule held or rejected since a date the state back they had."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("rule", metavar="RULE", help="as the trail names it, without rule:")
        parser.add_argument(
            "--since", required=True, metavar="DATE", help="2026-11-23, or with a time; UTC"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would change, change nothing"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        rule, known = options["rule"], rules_that_acted()
        if rule not in known:
            raise CommandError(
                f"no report was ever held or rejected by a rule {rule!r}; "
                f"rules that did so: {', '.join(known) or 'none'}"
            )
        outcome = undo_rule(rule, _instant(options["since"]), dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_dict()))
            return
        for public_id, status in outcome.restored.items():
            self.stdout.write(f"{public_id}: {status}")
        for public_id, other in outcome.still_held.items():
            self.stdout.write(f"{public_id}: still held by rule {other}")
        would = "would be " if outcome.dry_run else ""
        self.stdout.write(
            f"{len(outcome.restored)} reports {would}restored, "
            f"{len(outcome.still_held)} {would}still held by another rule"
        )


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"--since {text!r} is no date: write it as 2026-11-23") from None
