"""Reads omni output, line by line: keyval lines, CSV, aligned columns. Called by the reader."""

from __future__ import annotations

import re
from typing import Dict, List, Optional

from crr_submit.netperf import kinds, numbers, omni, selectors
from crr_submit.netperf.context import Context
from crr_submit.netperf.findings import Findings
from crr_submit.netperf.naming import Naming
from crr_submit.netperf.titles import SELECTORS

_KEYVAL = re.compile(r"([A-Z][A-Z0-9_]{2,40})=(.*)")
_NEXT_KEY = re.compile(r"[ ;,](?=([A-Z][A-Z0-9_]{2,40})=)")
_QUOTING = re.compile(r"[\s>|\"'`]*")


class _Output:
    """The selectors of one run, which netperf may print in several blocks: `-o "a,b;c,d"`."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings, self._naming = findings, naming
        self._line, self._text = 0, ""
        self._named: Optional[Context] = None
        self._values: Dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        return bool(self._values)

    @property
    def is_whole(self) -> bool:
        return "THROUGHPUT" in self._values and "THROUGHPUT_UNITS" in self._values

    def take(self, line: int, text: str, values: Dict[str, str], is_next_row: bool) -> None:
        """Values of this run, or of the next one where one of them was there before.

        `is_next_row`: they stand under the heading of those before, so the same test is meant.
        """
        named = self._named
        if not self._values.keys().isdisjoint(values):
            self.finish()
            self._named = named if is_next_row else None
        if not self._values:
            self._line, self._text = line, text
            self._named = self._named or self._naming.claim()
        self._values.update(values)

    def finish(self) -> None:
        if self._values:
            self._add(self._named)
        self._named, self._values = None, {}

    def _add(self, named: Optional[Context]) -> None:
        if named is None or named.test is None:
            self._findings.leave(self._line, self._text, "output whose test is in doubt")
            return
        test = named.test
        if test == kinds.OMNI:
            test = selectors.test_name(self._values) or test
        is_plain = kinds.kind_of(test) == kinds.RR and named.units_chosen is False
        assumed = numbers.TRANSACTIONS if is_plain else None
        read = selectors.fields(self._values, test, assumed)
        if read.get("value") is None:
            self._findings.leave(self._line, self._text, "output without a rate and its unit")
        else:
            self._findings.add(self._line, named, read, test)


class KeyValues:
    """Lines of `KEY=value`, one key or several. A key that comes again starts the next run."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._output = _Output(findings, naming)

    def finish(self) -> None:
        self._output.finish()

    @property
    def is_open(self) -> bool:
        return self._output.is_open

    def take(self, number: int, text: str) -> bool:
        values = _pairs(text)
        if not values:
            return values is not None and self.is_open
        self._output.take(number, text, values, is_next_row=True)
        return True

    def end_block(self) -> None:
        """Another line came: what follows it is another run, whose keys need not be the same."""
        if self._output.is_whole:
            self.finish()


def _pairs(text: str) -> Optional[Dict[str, str]]:
    """The selectors of a line of keys and values; None when it is none."""
    first = _KEYVAL.fullmatch(text)
    if first is None:
        return None
    if text.count("=") == 1:
        return {first[1]: first[2].strip()} if first[1] in SELECTORS else {}
    ends = [found for found in _NEXT_KEY.finditer(text) if found[1] in SELECTORS]
    starts = [0] + [found.end() for found in ends]
    stops = [found.start() for found in ends] + [len(text)]
    pairs = [text[start:stop].split("=", 1) for start, stop in zip(starts, stops)]
    return {key: value.strip() for key, value in pairs if key in SELECTORS}


class Csv:
    """A heading of titles, perhaps broken over lines, and rows of values below it."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings = findings
        self._output = _Output(findings, naming)
        self._close()

    def _close(self) -> None:
        self._line = 0
        self._heading: List[str] = []
        self._names: List[Optional[str]] = []
        self._has_rows = False

    def end_heading(self) -> None:
        if self._heading and not self._has_rows:
            self._findings.leave(self._line, self._heading[0])
        self._close()

    def finish(self) -> None:
        self.end_heading()
        self._output.finish()

    def is_start(self, text: str) -> bool:
        return (
            "," in text
            and omni.starts_csv(text)
            and (self._has_rows or not omni.goes_on(self._heading, text))
        )

    def start(self, number: int, text: str) -> None:
        self.end_heading()
        self._line, self._heading = number, [text]

    def take(self, number: int, text: str) -> bool:
        if not self._heading:
            return False
        if not omni.is_csv_row(text):
            self._heading.append(text)
            if self._has_rows or len(self._heading) > omni.HEADING_LINES:
                self.end_heading()
            return False
        if not self._has_rows:
            self._names = omni.csv_names(" ".join(self._heading))
        values = omni.read_csv(self._names, text)
        if values is None:
            self._findings.leave(number, text, "a row that does not fit the titles above it")
            self._has_rows = True
            self.end_heading()
            return True
        self._output.take(number, text, values, is_next_row=self._has_rows)
        self._has_rows = True
        return True


def _aligned(line: str) -> str:
    """A line whose quoting is spaces, as many, since columns are told by their places."""
    line = line.expandtabs()
    quoting = _QUOTING.match(line)
    start = quoting.end() if quoting else 0
    return " " * start + line[start:].rstrip(" ,|\"'`\\")


class Columns:
    """Lines of stacked words, which make a title each column, and aligned rows below them."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings = findings
        self._output = _Output(findings, naming)
        self.end_heading()

    def end_heading(self) -> None:
        self._heading: List[str] = []
        self._has_rows = False

    def finish(self) -> None:
        self.end_heading()
        self._output.finish()

    @property
    def is_open(self) -> bool:
        return bool(self._heading)

    def take(self, number: int, words: List[str], line: str) -> bool:
        aligned = _aligned(line)
        if omni.is_stacked_heading(words):
            if self._has_rows or len(self._heading) >= omni.HEADING_LINES:
                self.end_heading()
            self._heading.append(aligned)
            return True
        if not self._heading:
            return False
        values = omni.read_columns(self._heading, aligned)
        if values is None:
            if any(numbers.is_number(word) for word in words):
                self._findings.leave(number, line)
            self.end_heading()
            return False
        self._output.take(number, line, values, is_next_row=self._has_rows)
        self._has_rows = True
        return True
