"""Reads the classic tables: a heading opens one, rows give results. Called by the reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from crr_submit.netperf import numbers, tables
from crr_submit.netperf.context import Context
from crr_submit.netperf.findings import Findings
from crr_submit.netperf.naming import Naming
from crr_submit.netperf.tables import Heading

_SECOND_ROW_WITHIN = 8  # lines after the first row: a kernel may print between the two
_ROW_LENGTH = 4  # numbers that make a line worth listing
_QUIET_CPU_LENGTH = 10
_HALF_A_DIGIT = 0.0051  # rates and times have two decimals


@dataclass
class _Row:
    """The first row of a result, while the other side's row may follow."""

    line: int
    text: str
    values: Dict[str, Any]


class Classic:
    """The table that is open, if one is."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings, self._naming = findings, naming
        self._close()

    def _close(self) -> None:
        self.heading: Optional[Heading] = None
        self.in_detail = False  # -v 2 prints numbers below a table
        self._line, self._text = 0, ""
        self._has_rows = False
        self._named: Optional[Context] = None
        self._first: Optional[_Row] = None

    def finish(self) -> None:
        self._finish_row()
        if self._named and not self._has_rows:
            self._findings.leave(self._line, self._text, "no row that can be read follows")
        self._close()

    def take_heading(self, number: int, text: str, words: List[str]) -> bool:
        heading = tables.read_heading(words)
        if heading is None:
            self._findings.leave(number, text, "a heading that is not known")
            return True
        self._line, self._text = number, text
        self.heading, self._named = heading, self._naming.claim(heading)
        if self._named is None:
            self._findings.leave(number, text, "a table whose test is not named")
        elif _has_hidden_units(heading, self._named):
            message = "with -f, netperf prints a TCP_CRR rate in units that it does not name"
            self._findings.leave(number, text, message)
            self._named = None
        return True

    def take_row(self, number: int, text: str, words: List[str]) -> None:
        """A line of nothing but numbers."""
        heading, first = self.heading or self._start_quiet(words), self._first
        if heading is None:
            if not self.in_detail and (self._naming.banners or len(words) >= _ROW_LENGTH):
                self._findings.leave(number, text)
        elif (
            first
            and number - first.line <= _SECOND_ROW_WITHIN
            and tables.is_second_row(heading, words)
        ):
            self._finish_row(tables.second_row(heading, words))
        elif self._named and tables.is_first_row(heading, words):
            self._finish_row()
            self._has_rows = True
            values = tables.first_row(heading, str(self._named.test), words)
            self._first = _Row(number, text, values)
            if heading.kind == tables.BULK:
                self._finish_row()
        elif not self._named or len(words) >= _ROW_LENGTH:
            self._findings.leave(number, text)

    @property
    def is_busy(self) -> bool:
        """Numbers that come now are this table's, or its detail's."""
        return self.heading is not None or self.in_detail

    def start_detail(self) -> None:
        self.finish()
        self.in_detail = True

    def _start_quiet(self, words: List[str]) -> Optional[Heading]:
        """-P 0 leaves headings out. Without -f, a request/response rate has but one unit."""
        command = self._naming.command
        if not command or not command.quiet or command.units_chosen:
            return None
        heading = Heading(tables.RR, numbers.TRANSACTIONS, len(words) == _QUIET_CPU_LENGTH)
        if not heading.admits(command.test) or not tables.is_first_row(heading, words):
            return None
        self.heading, self._named = heading, self._naming.claim(heading)
        return heading

    def _finish_row(self, second: Optional[Dict[str, Any]] = None) -> None:
        first, self._first = self._first, None
        if not first or not self.heading or not self._named:
            return
        values = dict(first.values, unit=self.heading.unit.name, **(second or {}))
        if second is None and self.heading.kind == tables.RR:
            values["warnings"] = ["the row of the remote side is missing"]
        if values.get("value") is None:
            self._findings.leave(first.line, first.text, "a row without a possible rate")
        elif _is_no_count(self._named, self.heading, values):
            message = "no whole number of transactions gives this rate: printed with -f?"
            self._findings.leave(first.line, first.text, message)
        else:
            self._findings.add(first.line, self._named, values)


def _has_hidden_units(heading: Heading, named: Context) -> bool:
    """netperf 2.5 and later obey -f with TCP_CRR and still head the column "per sec"."""
    return _may_hide_units(heading, named) and bool(named.units_chosen)


def _may_hide_units(heading: Heading, named: Context) -> bool:
    is_omni_code = named.migrated is not False
    return is_omni_code and named.test == "TCP_CRR" and heading.unit is numbers.TRANSACTIONS


def _is_no_count(named: Context, heading: Heading, values: Dict[str, Any]) -> bool:
    """Rate times time is the number of transactions: a whole number above 0, but for rounding.

    Small numbers only, since the rounding of larger ones hides it; and none of several iterations,
    whose rate and time are means.
    """
    rate: float = values["value"]
    time_s: Optional[float] = values["elapsed_time_s"]
    if not _may_hide_units(heading, named) or named.confidence_level is not None or not time_s:
        return False
    count = rate * time_s
    rounding = _HALF_A_DIGIT * (rate + time_s)
    return rounding < 0.5 and (count < 0.5 or abs(count - round(count)) > rounding)
