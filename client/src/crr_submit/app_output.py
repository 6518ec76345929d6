"""The text that `crr-submit app` gives for a run: how it is written and how it is read.

One block of `KEY=value` lines, from `APP_FORMAT=1` to `APP_END=1`, described in docs/app_format.md.
All keys stand in their order, each once, so a block that was cut, joined or edited by hand is no
result. What follows the block is another generator's own text, never read. Written by
`crr_submit.app`, read there and by the registry.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from crr_submit.fields import TRANSACTION_UNIT, VALUE_LIMIT

if TYPE_CHECKING:
    from crr_submit.netperf import ParsedReport

ACCEPT, KEEPALIVE = "HTTP_ACCEPT", "HTTP_KEEPALIVE"
TESTS = (ACCEPT, KEEPALIVE)
LISTENERS = ("reuseport", "shared")
OWN, AB, WRK = "crr-submit", "ab", "wrk"
GENERATORS = (OWN, AB, WRK)
FIRST_LINE, LAST_LINE = "APP_FORMAT=1", "APP_END=1"

_COUNT = r"[0-9]{1,12}"
_SECONDS = r"[0-9]{1,9}\.[0-9]{6}"
MOST_PROCESSES = 512  # of a side
_CPU_SECONDS = "%s(?:,%s){0,%d}" % (_SECONDS, _SECONDS, MOST_PROCESSES - 1)
_EXCERPT_LENGTH = 200
# RATE has two decimals, so it may stand half a hundredth beside the quotient.
_RATE_TOLERANCE = 0.0051
_PATTERNS = {
    "TEST": "|".join(TESTS),
    "REQUESTS": _COUNT,
    "ERRORS": _COUNT,
    "ELAPSED_TIME_S": _SECONDS,
    "RATE": r"[0-9]{1,12}\.[0-9]{2}",
    "CONCURRENCY": _COUNT,
    "BACKLOG": _COUNT,
    "LISTENERS": "|".join(LISTENERS),
    "ADDRESS_FAMILY": "inet|inet6",
    "CONNECTIONS": _COUNT,
    "SERVER_CPU_S": _CPU_SECONDS,
    "GENERATOR": "|".join(GENERATORS),
    "GENERATOR_VERSION": r"[0-9A-Za-z.+-]{1,32}",
    "GENERATOR_CPU_S": _CPU_SECONDS,
}


class NotRead(ValueError):
    """A block that is no result: the number of the line, counted from 1, and why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class AppOutput:
    """One run. `requests` are those answered in full, `errors` those that were not; `connections`
    is what the server accepted meanwhile; `server_cpu_s` and `generator_cpu_s` have the CPU seconds
    of each process. `backlog` is what the kernel granted.
    """

    test: str
    requests: int
    errors: int
    elapsed_time_s: float
    concurrency: int
    backlog: int
    listeners: str
    address_family: str
    connections: int
    server_cpu_s: Tuple[float, ...]
    generator: str
    generator_version: str
    generator_cpu_s: Tuple[float, ...]

    @property
    def rate(self) -> float:
        """Requests a second of the elapsed time as it is written."""
        return round(self.requests / round(self.elapsed_time_s, 6), 2)


def write(output: AppOutput) -> str:
    lines = ["%s=%s" % (key, _written(key, getattr(output, key.lower()))) for key in _PATTERNS]
    return "\n".join([FIRST_LINE, *lines, LAST_LINE]) + "\n"


def holds(word: str) -> bool:
    """Whether the word, in upper or lower case, may stand in a block, of which nothing tells who
    the host is.
    """
    names = (FIRST_LINE, LAST_LINE, *TESTS, *LISTENERS, "inet6", *GENERATORS, *_PATTERNS)
    return any(word.lower() in name.lower() for name in names) or not re.search("[^0-9.,=]", word)


def parse(text: str) -> "Optional[ParsedReport]":
    """What the block says, in the parser's shape; None for any other text."""
    lines = _lines(text)
    if not lines[0].startswith("APP_FORMAT="):
        return None
    from crr_submit.netperf import ParsedReport, Result, Unrecognised, Warning_

    try:
        output = _read(lines)
    except NotRead as error:
        excerpt = lines[error.line - 1][:_EXCERPT_LENGTH] if error.line <= len(lines) else ""
        return ParsedReport(
            warnings=(Warning_(error.line, str(error)),),
            unrecognised=(Unrecognised(error.line, excerpt),),
        )
    failed = "%d of %d requests failed" % (output.errors, output.requests + output.errors)
    result = Result(
        test=output.test,
        value=output.rate,
        unit=TRANSACTION_UNIT,
        line=len(_PATTERNS) + 2,
        elapsed_time_s=output.elapsed_time_s,
        address_family=output.address_family,
        warnings=(failed,) if output.errors else (),
    )
    return ParsedReport(results=(result,))


def read(text: str) -> Optional[AppOutput]:
    """The block itself; None for what `parse` gives no result of."""
    try:
        return _read(_lines(text))
    except NotRead:
        return None


def _lines(text: str) -> List[str]:
    return text.replace("\r\n", "\n").split("\n")


def _read(lines: List[str]) -> AppOutput:
    if lines[0] != FIRST_LINE:
        raise NotRead(1, "only version 1 of the format of crr-submit app is known here")
    values: Dict[str, str] = {}
    for number, (key, pattern) in enumerate(_PATTERNS.items(), 2):
        line = lines[number - 1] if number <= len(lines) else ""
        name, _, value = line.partition("=")
        if name != key or not re.fullmatch(pattern, value, re.ASCII):
            raise NotRead(number, "this line must be %s= and its value" % key)
        values[key] = value
    end = len(_PATTERNS) + 2
    if lines[end - 1 : end] != [LAST_LINE]:
        raise NotRead(end, "this line must be %s" % LAST_LINE)
    output = _output(values)
    _require_sense(output, float(values["RATE"]))
    return output


def _output(values: Dict[str, str]) -> AppOutput:
    kinds: Dict[str, Callable[[str], Any]] = {_COUNT: int, _SECONDS: float, _CPU_SECONDS: _floats}
    known: Dict[str, Any] = {
        key.lower(): kinds.get(_PATTERNS[key], str)(value)
        for key, value in values.items()
        if key != "RATE"
    }
    return AppOutput(**known)


def _floats(text: str) -> Tuple[float, ...]:
    return tuple(map(float, text.split(",")))


def _written(key: str, value: Any) -> str:
    if key == "RATE":
        return "%.2f" % value
    if isinstance(value, (float, tuple)):
        return _seconds(*(value if isinstance(value, tuple) else (value,)))
    return str(value)


def _require_sense(output: AppOutput, rate: float) -> None:
    """The rate must follow from the counts, and the counts must be those of the test."""
    if output.elapsed_time_s <= 0 or output.requests < 1:
        raise NotRead(_line_of("REQUESTS"), "a result needs requests and a time")
    if abs(rate - output.requests / output.elapsed_time_s) > _RATE_TOLERANCE or rate >= VALUE_LIMIT:
        raise NotRead(_line_of("RATE"), "RATE is not REQUESTS divided by ELAPSED_TIME_S")
    if output.test == ACCEPT and output.connections < output.requests:
        raise NotRead(_line_of("CONNECTIONS"), "fewer connections than requests: kept alive?")
    # wrk opens one more than it uses, to see whether anybody is there.
    if output.test == KEEPALIVE and output.connections > output.concurrency + output.errors + 1:
        raise NotRead(_line_of("CONNECTIONS"), "too many connections to have been kept alive")


def _line_of(key: str) -> int:
    return list(_PATTERNS).index(key) + 2


def _seconds(*values: float) -> str:
    return ",".join("%.6f" % value for value in values)
