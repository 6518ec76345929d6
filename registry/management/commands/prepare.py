"""Everything that stands before the first request of `make run`: migrate, seed, summaries, charts,
the address.
"""

import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from registry import storage
from registry.models.summary import summarise
from registry.supervised import lock


class Command(BaseCommand):
    help = "Migrates, loads the seed data into an empty registry, sums up and draws."

    def handle(self, *args: Any, **options: Any) -> None:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        self._require_alone()
        storage.require()
        self.stdout.write("prepare: database")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("load_seed")
        while summarise():
            pass
        self.stdout.write("prepare: charts")
        call_command(
            "refresh_charts", stdout=self.stderr if options["verbosity"] > 1 else _Silent()
        )
        (settings.DATA_DIR / "public-url").write_text(settings.PUBLIC_URL + "\n")

    def _require_alone(self) -> None:
        """`make run` holds this lock while it serves; a second one would take its address away."""
        try:
            os.close(lock(str(settings.DATA_DIR / "running")))
        except BlockingIOError:
            message = (
                f"{settings.DATA_DIR} is in use by another `make run`: end that, or DATA_DIR=..."
            )
            raise CommandError(message) from None


class _Silent:
    """A stream that swallows a called command's own lines."""

    def write(self, text: str) -> None:
        pass
