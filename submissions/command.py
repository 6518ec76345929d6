"""A netperf command line as the recipe sees it: what changes what is timed. No Django.

Options before `--` are netperf's own, those after it the test's: `-D` is demo mode before and
TCP_NODELAY after. Where a text shows no command, nothing is known of it.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

LINE_LENGTH = 2_000
SOCKET_OPTIONS_LENGTH = 64
NUMBER_LENGTH = 12
# Flags that take a value, netperf's own and those of its tests.
_OWN_VALUED = frozenset("AaBbDFfHIiKkLlnOoPpsTtvWwYyZ")
_TEST_VALUED = frozenset("bdeGHLlMmPpRrSsTtuWw")
_OWN_TIMING = {
    "c": "cpu",
    "C": "cpu",
    "D": "demo",
    "i": "confidence",
    "I": "confidence",
    "j": "latency",
    "b": "burst",
}
_CALL = re.compile(r"\bnetperf\S{0,32}\s+-[\w-]")
_SHELL = "();<>|&"
_WORD_OR_SHELL = re.compile(r"[();<>|&]+|[^\s();<>|&]+")

Options = list[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """What a command asks for that its output can be held to. `duration_s` and `transactions` are
    the two meanings of -l, `burst` is what -b adds to the one transaction in the air; `is_shown` is
    False where no command was seen.
    """

    duration_s: int | None = None
    transactions: int | None = None
    burst: int | None = None
    confidence_width_percent: int | None = None
    is_shown: bool = False


NOTHING_ASKED = Asked()


@dataclass(frozen=True)
class Command:
    """`timing` are names of `Recipe.timing_options`; `placement` is None where one end alone was
    bound; `socket_options` are the sizes asked for with -s and -S.
    """

    timing: frozenset[str] = frozenset()
    placement: str | None = "unpinned"
    is_count_mode: bool = False
    socket_options: str | None = None
    asked: Asked = NOTHING_ASKED


@lru_cache(maxsize=1_000)
def read_command(line: str) -> Command:
    """The options in one command line; an empty line gives a command without options."""
    words = _words(line[:LINE_LENGTH])
    split = words.index("--") if "--" in words else len(words)
    own = list(_options(words[:split], _OWN_VALUED))
    test = list(_options(words[split + 1 :], _TEST_VALUED))
    timing = {_OWN_TIMING[flag] for flag, _ in own if flag in _OWN_TIMING}
    if _values(test, "b"):
        timing.add("burst")
    length = "".join(_values(own, "l")[-1:])
    return Command(
        timing=frozenset(timing),
        placement=_placement(_values(own, "T")),
        is_count_mode=length.startswith("-"),
        socket_options=_socket_options(test),
        asked=Asked(
            duration_s=_whole(length),
            transactions=_whole(length[1:]) if length.startswith("-") else None,
            burst=_whole("".join(_values(test, "b")[-1:])),
            confidence_width_percent=_whole("".join(_values(own, "I")[-1:]).partition(",")[2]),
            is_shown=bool(words),
        ),
    )


def commands_in(lines: Iterable[str]) -> list[str]:
    """The lines that run netperf, each with its continuation lines joined."""
    found: list[str] = []
    is_open = False
    for line in lines:
        if is_open:
            found[-1] = f"{found[-1]} {line}"
        elif calls := list(_CALL.finditer(line)):
            found.append(line[calls[-1].start() :])
        else:
            continue
        text = found[-1].rstrip()
        is_open = text.endswith("\\")
        found[-1] = text.rstrip("\\")[:LINE_LENGTH]
    return found


def _words(line: str) -> list[str]:
    """The words of the command, without the pipe or redirection that may follow."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_SHELL)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:  # a quote that never closes
        words = _WORD_OR_SHELL.findall(line)
    ends = (place for place, word in enumerate(words) if word and set(word) <= set(_SHELL))
    return words[: next(ends, len(words))]


def _options(words: Sequence[str], valued: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(flag, value) as getopt reads them: flags may be joined, a value glued or apart."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            continue
        for place, flag in enumerate(word[1:], 2):
            if flag in valued:
                yield flag, word[place:] or next(rest, "")
                break
            yield flag, ""


def _values(options: Options, flag: str) -> list[str]:
    return [value for name, value in options if name == flag]


def _placement(values: Sequence[str]) -> str | None:
    """`-T 1` binds both ends to CPU 1, `-T 0,1` each to its own, `-T 1,` and `-T ,1` one end."""
    if not values:
        return "unpinned"
    near, comma, far = values[-1].partition(",")
    if not comma:
        far = near
    if not all(cpu.isascii() and cpu.isdigit() for cpu in (near, far)):
        return None
    return "same_cpu" if near == far else "cross_cpu"


def _whole(value: str) -> int | None:
    """The whole number above 0 that netperf's own atoi makes of digits; None for anything else."""
    is_plain = value.isascii() and value.isdigit() and len(value) <= NUMBER_LENGTH
    return int(value) or None if is_plain else None


def _socket_options(options: Options) -> str | None:
    found = [f"-{flag}{value}" for flag in "sS" for value in _values(options, flag)]
    return " ".join(found)[:SOCKET_OPTIONS_LENGTH] or None
