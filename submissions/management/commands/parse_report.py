"""Read netperf output without storing anything. Needs no database and no key."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.refusal import Refused
from submissions.decode import decode
from submissions.parsing import parse
from submissions.validate import validate


class Command(BaseCommand):
    help = "Parses reports without storing them; - is standard input."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH")
        parser.add_argument("--json", action="store_true", help="one JSON line a path")

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = 0
        for path in options["paths"]:
            try:
                body = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
            except OSError as error:
                unreadable += 1
                self.stderr.write(f"{path}: {error.strerror}")
                continue
            found = understood(body)
            self.stdout.write(
                json.dumps({"path": path, **found}) if options["json"] else _plain(path, found)
            )
        if unreadable:
            raise CommandError(f"{unreadable} of {len(options['paths'])} paths could not be read")


def understood(body: bytes) -> dict[str, Any]:
    """{"results", "warnings", "unrecognised"}; what refuses the whole is a warning here."""
    try:
        document = decode(body, "text/plain")
        warnings = validate(document.envelope) if document.envelope is not None else []
    except Refused as refused:
        faults = [f"{fault['path']}: {fault['message']}" for fault in refused.details]
        return {"results": [], "warnings": [refused.message, *faults], "unrecognised": []}
    return parse(document).understood(warnings)


def _plain(path: str, found: dict[str, Any]) -> str:
    lines = [f"{path}: {len(found['results'])} results"]
    lines += [
        f"  {row['test']:<12} {row['value']:>18,.2f} {row['unit']}" for row in found["results"]
    ]
    lines += [f"  warning: {warning}" for warning in found["warnings"]]
    lines += [f"  not read: line {line['line']}: {line['text']}" for line in found["unrecognised"]]
    return "\n".join(lines)
