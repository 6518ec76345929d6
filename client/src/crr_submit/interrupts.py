"""Ctrl-C, SIGTERM and SIGHUP as one exception, `Interrupted`, that never falls between a start and
its record.

`handled()` stands around the whole measurement; `held()` around the few lines that start or end a
process: a signal that comes there is raised when they are done, so that no process is forgotten.
"""

from __future__ import annotations

import contextlib
import signal
from types import FrameType
from typing import Any, Iterator, List, Optional

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """The user or the system asks us to stop. Not an Exception, so that nothing swallows it on the
    way.
    """


class _State:
    holders = 0
    pending = False


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Raise Interrupted for each of SIGNALS, but leave those alone that were ignored (nohup)."""
    before: List[Any] = [(number, signal.getsignal(number)) for number in SIGNALS]
    for number, handler in before:
        if handler is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Put off Interrupted until the outermost block ends."""
    _State.holders += 1
    try:
        yield
    finally:
        _State.holders -= 1
        if _State.holders == 0 and _State.pending:
            _State.pending = False
            raise Interrupted


def _on_signal(number: int, frame: Optional[FrameType]) -> None:
    if _State.holders:
        _State.pending = True
    else:
        raise Interrupted
