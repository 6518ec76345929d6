"""Check every promise about stored data. Each app brings its own checks in a module named
`verify`.
"""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from registry.models import RawReport
from registry.verify import not_as_promised


class Command(BaseCommand):
    help = "Checks bytes, facts, cells, trails and charts; exit 0 or a list of what is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--manifest", help="JSON Lines of {id, body_sha256} that must all be here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        manifest = _manifest(options["manifest"]) if options["manifest"] else {}
        wrong = 0
        for sentence in _broken_promises(manifest):
            self.stdout.write(ascii(sentence)[1:-1])
            wrong += 1
        if wrong:
            raise CommandError(f"{wrong} promises are broken")
        for module in _modules():
            for remark in module.remarks() if hasattr(module, "remarks") else ():
                self.stdout.write(remark)
        held = f", and the {len(manifest)} of the manifest are here" if manifest else ""
        self.stdout.write(
            f"{RawReport.objects.count()} reports and every chart: all promises hold{held}"
        )


def _modules() -> list[Any]:
    names = [f"{app.name}.verify" for app in apps.get_app_configs()]
    return [import_module(name) for name in names if find_spec(name)]


def _broken_promises(manifest: dict[str, str]) -> Iterator[str]:
    for module in _modules():
        yield from module.broken_promises()
    yield from not_as_promised(sorted(manifest.items()))


def _manifest(path: str) -> dict[str, str]:
    """{public id: digest} of a file. Raises CommandError for what is no manifest."""
    found: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    public_id, digest = _row(line, f"{path}, line {number}")
                    found[public_id] = digest
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    return found


def _row(line: str, place: str) -> tuple[str, str]:
    expected = 'expected {"id": "…", "body_sha256": "…"}'
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise CommandError(f"{place}: no JSON, {expected}") from None
    if not isinstance(row, dict) or not all(
        isinstance(row.get(name), str) and "\0" not in row[name] for name in ("id", "body_sha256")
    ):
        raise CommandError(f"{place}: {expected}")
    return row["id"], row["body_sha256"]
