"""A netperf command line as the recipe sees it: what changes what is timed. No Django.

Options before `--` are netperf's own, those after it the test's: `-D` is demo mode before and
TCP_NODELAY after. Where a text shows no command, nothing is known of it.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

LINE_LENGTH = 2_000
SOCKET_OPTIONS_LENGTH = 64


@dataclass(frozen=True)
class Command:
    """`timing` are names of `Recipe.timing_options`; `placement` is None where one end alone was
    bound; `socket_options` are the sizes asked for with -s and -S.
    """

    timing: frozenset[str] = frozenset()
    placement: str | None = "unpinned"
    is_count_mode: bool = False
    socket_options: str | None = None


def read_command(line: str) -> Command:
    """The options in one command line; an empty line gives a command without options."""
    words = _words(line[:LINE_LENGTH])
    split = words.index("--") if "--" in words else len(words)
    own, test = words[:split], words[split + 1 :]
    timing = {name for word in own if (name := _timing(word))}
    if any(word.startswith("-b") for word in test):
        timing.add("burst")
    lengths = _values(own, "-l")
    return Command(
        timing=frozenset(timing),
        placement=_placement(_values(own, "-T")),
        is_count_mode=bool(lengths) and lengths[-1].startswith("-"),
        socket_options=_socket_options(test),
    )


def last_command(lines: Iterable[str]) -> str:
    """The last line that runs netperf, its continuation lines joined; empty without one."""
    found, is_open = "", False
    for line in lines:
        if is_open:
            found = f"{found} {line}"
        elif "netperf" in line and " -" in line and "TEST" not in line:
            found = line[line.index("netperf") :]
        else:
            continue
        found = found.rstrip()
        is_open = found.endswith("\\")
        found = found.rstrip("\\")[:LINE_LENGTH]
    return found


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that never closes
        return line.split()


def _timing(word: str) -> str | None:
    if word.startswith("-") and word[1:] and not set(word[1:]) - {"c", "C"}:
        return "cpu"
    return {
        "-D": "demo",
        "-i": "confidence",
        "-I": "confidence",
        "-j": "latency",
        "-b": "burst",
    }.get(word[:2])


def _values(words: Sequence[str], option: str) -> list[str]:
    """Values of an option, written apart from it or glued to it."""
    glued = [word[len(option) :] for word in words if word.startswith(option) and word != option]
    apart = [value for word, value in pairwise(words) if word == option]
    return glued + apart


def _placement(values: Sequence[str]) -> str | None:
    """`-T 1` binds both ends to CPU 1, `-T 0,1` each to its own, `-T 1,` and `-T ,1` one end."""
    if not values:
        return "unpinned"
    near, comma, far = values[-1].partition(",")
    if not comma:
        return "same_cpu" if near.isascii() and near.isdigit() else None
    if not (near and far):
        return None
    return "same_cpu" if near == far else "cross_cpu"


def _socket_options(words: Sequence[str]) -> str | None:
    options = [flag + value for flag in ("-s", "-S") for value in _values(words, flag)]
    return " ".join(options)[:SOCKET_OPTIONS_LENGTH] or None
