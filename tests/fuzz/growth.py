"""Whether a text's reading takes time in proportion to its length, and not too much of it. Timed,
so only the fuzzer calls it.

A text is grown in the ways that hurt readers of lines: repeated, its longest line or word repeated
without a break, and its last line repeated behind it.
"""

import time
from collections.abc import Callable, Iterator

from tests.fuzz.findings import Broken

SIZE = 1 << 15  # characters; the limit of a body is 16 times that
# Twice the length may take twice the time, and three times on a machine that is busy with others.
RATIO_LIMIT = 3.0
FAST_S = 0.1  # what is read in less is left alone
SLOW_S = 3.0  # 1000 times what ordinary text takes, and the fuzzer's counters are in it
DOUBLINGS = 2


def check_growth(name: str, read: Callable[[str], object], text: str) -> None:
    for start, unit, end in _ways(text):
        check_pumped(name, read, start, unit, end)


def _ways(text: str) -> Iterator[tuple[str, str, str]]:
    """What a text starts with, what is then repeated, and what it ends with."""
    lines = text.split("\n")
    longest = max(lines, key=len)
    for unit in {text, longest, max(longest.split(" "), key=len)} - {""}:
        yield "", unit, ""
    last = next((line for line in reversed(lines) if line), "")
    yield text + "\n", last + "\n", ""


def check_pumped(name: str, read: Callable[[str], object], start: str, unit: str, end: str) -> None:
    """Raises Broken when twice as much of `unit` takes far more than twice as long, twice over."""
    sizes = [SIZE << doubling for doubling in range(DOUBLINGS + 1)]
    told = f"{start[-60:]!r} + {unit[:60]!r} * n + {end!r}"
    before_s = first_s = _seconds(read, start + _repeated(unit, sizes[0]) + end)
    if first_s < FAST_S:
        return
    for size in sizes[1:]:
        after_s = _seconds(read, start + _repeated(unit, size) + end)
        if after_s < RATIO_LIMIT * before_s:
            break
        before_s = after_s
    else:
        raise Broken("growth", f"{name}: {before_s:.2f} s for {sizes[-1]} characters of {told}")
    if first_s > SLOW_S:
        raise Broken("slow", f"{name}: {first_s:.2f} s for {SIZE} characters of {told}")


def _repeated(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def _seconds(read: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    read(text)
    return time.process_time() - started
