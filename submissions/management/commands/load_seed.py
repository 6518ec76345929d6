"""Load the seed data into an empty registry."""

from typing import Any

from django.core.management.base import BaseCommand

from submissions.seed import load


class Command(BaseCommand):
    help = "Stores the reports of the seed data when the registry holds none."

    def handle(self, *args: Any, **options: Any) -> None:
        stored = load()
        if stored:
            self.stdout.write(f"prepare: {stored} reports of the seed data")
