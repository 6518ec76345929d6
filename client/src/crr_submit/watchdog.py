"""A second process that outlives a killed `crr-submit tune` and puts the settings back.

It holds the reading end of a pipe. `dismiss` writes a word into it; when the pipe closes without
the word, as after SIGKILL, the settings are restored from the journal. It is a fork in a session of
its own, so that it needs nothing from the disk and no key of the terminal reaches it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Callable, List

from crr_submit.interrupts import SIGNALS
from crr_submit.programs import CannotMeasure

_DONE = b"done"


class Watchdog:
    """The parent's end."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe = pipe

    def dismiss(self) -> None:
        """All is restored: let it end, and wait until it has."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, _DONE)
        os.close(self._pipe)
        os.waitpid(self.pid, 0)


def start(restore: Callable[[], List[str]]) -> Watchdog:
    """Start it; call with signals held, so that none ends the child before it ignores them."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reading)
        return Watchdog(pid, writing)
    try:
        os.close(writing)
        _detach()
        _watch(reading, restore)
    finally:
        # Whatever happens, the child never goes on as a second tune.
        os._exit(0)


def _detach() -> None:
    os.setsid()
    for number in (*SIGNALS, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    # stderr stays: it is the only way to tell the user what was restored.
    for standard in (0, 1):
        os.dup2(nothing, standard)


def _watch(reading: int, restore: Callable[[], List[str]]) -> None:
    if os.read(reading, len(_DONE)) == _DONE:
        return
    try:
        lines = restore()
    except CannotMeasure as error:
        lines = [str(error)]
    for line in lines:
        os.write(2, b"crr-submit tune was killed: %s\n" % line.encode("utf-8", "replace"))
