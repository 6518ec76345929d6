"""Everything that stands before the first request of `make run`: migrate, seed, summaries, charts,
the address.
"""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from registry.models.summary import summarise


class Command(BaseCommand):
    help = "Migrates, loads the seed data into an empty registry, sums up and draws."

    def handle(self, *args: Any, **options: Any) -> None:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
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


class _Silent:
    """A stream that swallows a called command's own lines."""

    def write(self, text: str) -> None:
        pass
