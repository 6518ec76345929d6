"""Check every promise about stored data. Each app brings its own checks in a module named
`verify`.
"""

import json
from argparse import ArgumentParser
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from registry.models import RawReport


class Command(BaseCommand):
    help = "Checks bytes, facts and charts; exit 0 or a list of what is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--manifest", help="JSON Lines of {id, body_sha256} that must all be here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = [sentence for check in _checks() for sentence in check()]
        if options["manifest"]:
            wrong += _missing(options["manifest"])
        for sentence in wrong:
            self.stdout.write(sentence)
        if wrong:
            raise CommandError(f"{len(wrong)} promises are broken")
        self.stdout.write(f"{RawReport.objects.count()} reports and every chart: all promises hold")


def _checks() -> list[Any]:
    names = [f"{app.name}.verify" for app in apps.get_app_configs()]
    return [import_module(name).broken_promises for name in names if find_spec(name)]


def _missing(path: str) -> list[str]:
    """What a manifest names and this registry does not hold with that digest; a withdrawn report
    keeps its digest.
    """
    wrong = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if not RawReport.objects.filter(
                public_id=row["id"], body_sha256=row["body_sha256"]
            ).exists():
                wrong.append(
                    f"report {row['id']}: named in the manifest and not here with that digest"
                )
    return wrong
