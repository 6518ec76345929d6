"""Our own netserver: started on a free loopback port in its own process group, and always ended.

Called by `crr_submit.measure`.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from types import TracebackType
from typing import Optional, Tuple, Type

from crr_submit.interrupts import held
from crr_submit.programs import CannotMeasure, end_group, start

START_LIMIT_S = 5.0
START_TRIES = 3


class Netserver:
    """A netserver in the foreground on a free loopback port, for the length of a `with` block."""

    def __init__(self, program: str) -> None:
        self.program = program
        self.address = ""
        self.port = 0
        self._process: Optional[subprocess.Popen[bytes]] = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> "Netserver":
        for _ in range(START_TRIES):
            self.address, self.port = _free_port()
            try:
                self._start()
                if self._answers():
                    return self
            except BaseException:
                self._end()
                raise
            self._end()
        raise CannotMeasure(
            "netserver (%s) does not start listening on %s" % (self.program, self.address)
        )

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._end()

    def _start(self) -> None:
        family = "-6" if ":" in self.address else "-4"
        command = [self.program, "-D", "-N", family, "-L", self.address, "-p", str(self.port)]
        with held():
            self._process = start(command, subprocess.DEVNULL)

    def _answers(self) -> bool:
        """Wait until the port takes a connection; False when the process ended or the time is
        over.
        """
        deadline = time.monotonic() + START_LIMIT_S
        while self.is_running and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection((self.address, self.port), timeout=1).close()
                return True
            time.sleep(0.02)
        return False

    def _end(self) -> None:
        with held():
            if self._process is not None:
                end_group(self._process)
            self._process = None


def _free_port() -> Tuple[str, int]:
    """A loopback address of this host and a port that nobody listens on."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
            return address, int(probe.getsockname()[1])
    raise CannotMeasure("no loopback address can be used: is the interface lo up?")
