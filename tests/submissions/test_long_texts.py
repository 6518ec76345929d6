"""Texts far longer than a report may be, through the real parser and what scrubs: they are read to
their end, and the work grows as they do. Counted in lines that are run, not in time; what one
expression does within a line is the rule of tests/test_patterns.py.
"""

from collections.abc import Callable

import pytest

from crr_submit import netperf
from submissions.privacy import scrub
from tests import reports
from tests.faults import times
from tests.steps import steps

MEGABYTE = 1 << 20
BANNER = "MIGRATED TCP Connect/Request/Response TEST from 0.0.0.0 port 0 AF_INET to x"
LONG = {
    "a line of a megabyte": "x" * MEGABYTE,
    "a line of a megabyte in words": "1.5 " * (MEGABYTE // 4),
    "a megabyte that nearly matches": "THROUGHPUT=" * (MEGABYTE // 11),
    "a banner of a megabyte": BANNER + " " * MEGABYTE,
}
LINES = {
    "empty lines": "\n",
    "lines that nearly match": BANNER + "\n",
    "pairs without a value": "THROUGHPUT=\n",
    "numbers alone": "16384  87380  1  1  10.00\n",
}
READERS: dict[str, Callable[[str], object]] = {"parse": netperf.parse, "scrub": scrub}


@pytest.mark.parametrize("name", LONG)
def test_what_follows_a_line_of_a_megabyte_is_read(name: str) -> None:
    (result,) = netperf.parse(f"{LONG[name]}\n\n{reports.text(21_000)}").results
    assert (result.value, result.line > 2) == (21_000, True)
    (result,) = netperf.parse(scrub(f"{LONG[name]}\n\n{reports.text(21_000)}").text).results
    assert result.value == 21_000


def test_what_follows_a_million_empty_lines_is_read() -> None:
    n = times(1_000_000, 50_000)
    text = "\n" * n + reports.text(21_000)
    for read in (text, scrub(text).text):
        (result,) = netperf.parse(read).results
        assert (result.value, result.line > n) == (21_000, True)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", LINES)
def test_the_work_grows_as_the_lines_do(name: str, reader: str) -> None:
    small, large = (_work(reader, LINES[name] * n) for n in (200, 2_000))
    assert large < small * 15


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", LONG)
def test_the_work_grows_as_the_line_does(name: str, reader: str) -> None:
    small, large = (_work(reader, LONG[name][:n]) for n in (MEGABYTE // 10, MEGABYTE))
    assert large < small * 15


def _work(reader: str, text: str) -> int:
    return steps(lambda: READERS[reader](text))
