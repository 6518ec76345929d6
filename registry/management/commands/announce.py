"""Say that the site is up, once it answers, and how to contribute to it."""

import time
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

WAIT_S = 60.0
PAUSE_S = 0.1


class Command(BaseCommand):
    help = "Waits until the site answers, then says where it is and how to contribute."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        wait_until_up(settings.PUBLIC_URL)
        self.stdout.write(
            f"\nThe registry is up:  {settings.PUBLIC_URL}/\n"
            f"Contribute a report: .venv/bin/crr-submit --registry {settings.PUBLIC_URL}\n"
        )


def wait_until_up(address: str) -> None:
    """Ask /healthz until it answers; CommandError after a minute. It asks this machine, so no
    proxy is in between.
    """
    opener = build_opener(ProxyHandler({}))
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        try:
            with opener.open(f"{address}/healthz", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(PAUSE_S)
    raise CommandError(f"{address} did not answer within {WAIT_S:.0f} s")
