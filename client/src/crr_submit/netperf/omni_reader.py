"""Reads omni output, line by line: keyval lines, CSV, aligned columns. Called by the reader."""

from __future__ import annotations

import re
from typing import Dict, List, Optional

from crr_submit.netperf import context, numbers, omni, selectors
from crr_submit.netperf.context import Context
from crr_submit.netperf.findings import Findings
from crr_submit.netperf.naming import Naming

_KEYVAL = re.compile(r"([A-Z][A-Z0-9_]{2,40})=(.*)")


def _add(
    findings: Findings, line: int, text: str, named: Optional[Context], values: Dict[str, str]
) -> None:
    """A result from selectors, or the line among those that could not be read."""
    if named is None or named.test is None:
        findings.leave(line, text, "output whose test is in doubt")
        return
    test = named.test
    if test == context.OMNI:
        test = selectors.test_name(values) or test
    is_plain = test in context.REQUEST_RESPONSE and named.units_chosen is False
    read = selectors.fields(values, test, numbers.TRANSACTIONS if is_plain else None)
    if read.get("value") is None:
        findings.leave(line, text, "output without a rate and its unit")
    else:
        findings.add(line, named, read, test)


class KeyValues:
    """A block of `KEY=value` lines. A key that comes again starts the next block."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings, self._naming = findings, naming
        self._close()

    def _close(self) -> None:
        self._line, self._text = 0, ""
        self._named: Optional[Context] = None
        self._values: Dict[str, str] = {}

    def finish(self) -> None:
        if self._values:
            _add(self._findings, self._line, self._text, self._named, self._values)
        self._close()

    @property
    def is_open(self) -> bool:
        return bool(self._values)

    def take(self, number: int, text: str) -> bool:
        found = _KEYVAL.fullmatch(text)
        if not found:
            # What follows other lines is another run, whose keys need not be the same.
            if "THROUGHPUT" in self._values and "THROUGHPUT_UNITS" in self._values:
                self.finish()
            return False
        if found[1] not in selectors.SELECTORS:
            return self.is_open
        if found[1] in self._values:
            named = self._named
            self.finish()
            self._named = named
        if not self._values:
            self._line, self._text = number, text
            self._named = self._named or self._naming.claim()
        self._values[found[1]] = found[2].strip()
        return True


class Csv:
    """A heading of titles, perhaps broken over lines, and rows of values below it."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings, self._naming = findings, naming
        self._close()

    def _close(self) -> None:
        self._line = 0
        self._heading: List[str] = []
        self._named: Optional[Context] = None
        self._has_rows = False

    def finish(self) -> None:
        if self._heading and not self._has_rows:
            self._findings.leave(self._line, self._heading[0])
        self._close()

    def is_start(self, text: str) -> bool:
        return omni.starts_csv(text) and not omni.goes_on(self._heading, text)

    def start(self, number: int, text: str) -> None:
        self._line, self._heading = number, [text]

    def take(self, number: int, text: str) -> bool:
        if not self._heading:
            return False
        if not omni.is_csv_row(text):
            self._heading.append(text)
            if self._has_rows or len(self._heading) > omni.HEADING_LINES:
                self.finish()
            return False
        values = omni.read_csv(" ".join(self._heading), text)
        if values is None:
            self._findings.leave(number, text, "a row that does not fit the titles above it")
            return True
        self._named = self._named or self._naming.claim()
        self._has_rows = True
        _add(self._findings, number, text, self._named, values)
        return True


class Columns:
    """Lines of stacked words, which make a title each column, and aligned rows below them."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings, self._naming = findings, naming
        self._close()

    def _close(self) -> None:
        self._heading: List[str] = []
        self._named: Optional[Context] = None
        self._has_rows = False

    def finish(self) -> None:
        self._close()

    @property
    def is_open(self) -> bool:
        return bool(self._heading)

    def take(self, number: int, words: List[str], line: str) -> bool:
        aligned = line.expandtabs()
        if omni.is_stacked_heading(words):
            if self._has_rows or len(self._heading) >= omni.HEADING_LINES:
                self._close()
            self._heading.append(aligned)
            return True
        if not self._heading:
            return False
        values = omni.read_columns(self._heading, aligned)
        if values is None:
            if any(numbers.is_number(word) for word in words):
                self._findings.leave(number, line)
            self._close()
            return False
        self._named = self._named or self._naming.claim()
        self._has_rows = True
        _add(self._findings, number, line, self._named, values)
        return True
