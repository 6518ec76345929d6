"""A process of our own, forked, with a line to it: for the server and the generator of
`crr-submit app`.

The child sees the end of its line when we are gone, whatever ended us, and ends too.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from typing import Any, Callable, Dict, List, NoReturn

from crr_submit.programs import SIGNALS, CannotMeasure, held

Line = socket.socket
_PIECE_BYTES = 4096


class Child:
    """A forked process that does `work(line)` and ends."""

    def __init__(self, name: str, work: Callable[[Line], None]) -> None:
        self.name = name
        self._line, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._line.close()
            _be_child(work, theirs)
        theirs.close()

    def tell(self) -> None:
        """Send the one byte that a child waits for."""
        with contextlib.suppress(BrokenPipeError):
            self._line.send(b"?")

    def answer(self, until_s: float) -> Dict[str, Any]:
        """The next answer; raises CannotMeasure when the child ended or the moment of the
        monotonic clock has passed.
        """
        text = b""
        while not text.endswith(b"\n"):
            try:
                self._line.settimeout(max(0.001, until_s - time.monotonic()))
                piece = self._line.recv(_PIECE_BYTES)
            except socket.timeout:
                raise CannotMeasure("the %s does not get on" % self.name) from None
            except ConnectionError:
                piece = b""
            if not piece:
                raise CannotMeasure("the %s ended before its time" % self.name)
            text += piece
        found: Dict[str, Any] = json.loads(text.decode("ascii"))
        if "failure" in found:
            raise CannotMeasure("the %s: %s" % (self.name, found["failure"]))
        return found

    def end(self) -> None:
        """Kill it and wait for it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._line.close()


class Children:
    """Processes that are all ended when the `with` block ends."""

    def __init__(self) -> None:
        self.running: List[Child] = []

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *error: object) -> None:
        with held():
            while self.running:
                self.running.pop().end()

    def start(self, name: str, work: Callable[[Line], None]) -> None:
        with held():
            self.running.append(Child(name, work))


def say(line: Line, **answer: Any) -> None:
    """Answer our parent; called in the child."""
    line.sendall(json.dumps(answer).encode("ascii") + b"\n")


def _be_child(work: Callable[[Line], None], line: Line) -> NoReturn:
    code = 1
    try:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()  # a terminal's Ctrl-C reaches only our parent, which ends us
        work(line)
        code = 0
    except OSError as error:
        with contextlib.suppress(OSError):
            say(line, failure=str(error))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # Nothing of our parent's may be done a second time: its buffers, its with blocks.
        os._exit(code)
