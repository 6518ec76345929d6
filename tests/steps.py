"""How much work a call is, in lines of Python that are run: the same on every host."""

import itertools
import sys
from collections.abc import Callable
from typing import Any


def steps(call: Callable[[], object]) -> int:
    count = itertools.count()

    def trace(*_: Any) -> Any:
        next(count)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return next(count)
