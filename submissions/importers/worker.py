"""The start of a process of the pool: imported there before Django is set up, so it imports nothing
that needs that.
"""

import signal

import django


def start() -> None:
    """Ctrl-C is the parent's to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    django.setup()
