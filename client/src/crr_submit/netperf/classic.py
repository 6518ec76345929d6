"""Reads the classic tables: a heading opens one, rows give results. Called by the reader."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from crr_submit.netperf import numbers, tables
from crr_submit.netperf.findings import Context, Findings
from crr_submit.netperf.naming import Command, Naming
from crr_submit.netperf.tables import Heading

_SECOND_ROW_WITHIN = 8  # lines after the first row: a kernel may print between the two
_REST_WITHIN = 2  # lines after the start of a broken heading or row
_ROW_LENGTH = 4  # numbers that make a line worth listing
_HALF_A_DIGIT = 0.0051  # rates and times have two decimals
_LONE_RATE = re.compile(r"[0-9]{1,12}\.[0-9]{2}")  # all that -v 0 prints
_NOT_A_REMARK = re.compile(r"[-+]?[0-9.,]")


@dataclass
class _Row:
    """The first row of a result, while the other side's row may follow."""

    line: int
    text: str
    values: Dict[str, Any]


@dataclass(frozen=True)
class _Broken:
    """The start of a heading or row that goes on in the next line."""

    line: int
    text: str
    words: List[str]
    above: str = ""


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
        self._broken_heading: Optional[_Broken] = None
        self._broken_row: Optional[_Broken] = None

    def finish(self) -> None:
        self._finish_row()
        self._give_up_row()
        self._give_up_heading()
        if self._named and not self._has_rows:
            self._findings.leave(self._line, self._text, "no row that can be read follows")
        self._close()

    def take_heading(self, number: int, text: str, words: List[str], above: str) -> bool:
        heading = tables.read_heading(words, above)
        if heading is None:
            self._broken_heading = _Broken(number, text, words, above)
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

    def take_rest_of_heading(self, number: int, words: List[str]) -> bool:
        """The end of a heading that mail broke in two."""
        broken = self._broken_heading
        if broken is None:
            return False
        whole = broken.words + words
        if number - broken.line <= _REST_WITHIN and tables.read_heading(whole, broken.above):
            self._broken_heading = None
            return self.take_heading(broken.line, broken.text, whole, broken.above)
        self._give_up_heading()
        return False

    def _give_up_heading(self) -> None:
        broken, self._broken_heading = self._broken_heading, None
        if broken and tables.has_seconds(broken.words):
            self._findings.leave(broken.line, broken.text, "a heading that is not known")

    def take_row(self, number: int, text: str, words: List[str]) -> None:
        """A line of nothing but numbers."""
        if self._take_lone_rate(number, words):
            return
        heading = self.heading or self._start_quiet(words)
        if heading is None:
            if not self.in_detail and (self._naming.banners or len(words) >= _ROW_LENGTH):
                self._findings.leave(number, text)
        elif not self._take_known_row(heading, number, text, words):
            if self._named and tables.is_start_of_row(
                heading, words, is_second=self._awaits_second(number)
            ):
                self._broken_row = _Broken(number, text, words)
            elif not self._named or len(words) >= _ROW_LENGTH:
                self._findings.leave(number, text)

    def take_remarked_row(self, number: int, text: str, words: List[str]) -> bool:
        """A row and words after it: a remark, netperf's -B, a prompt."""
        n_numbers = next(n for n, word in enumerate(words) if not numbers.is_number(word))
        if self.heading is None or not n_numbers or _NOT_A_REMARK.match(words[n_numbers]):
            return False
        return self._take_known_row(self.heading, number, text, words[:n_numbers])

    def _take_known_row(self, heading: Heading, number: int, text: str, words: List[str]) -> bool:
        broken, self._broken_row = self._broken_row, None
        if broken:
            whole = broken.words + words
            if number - broken.line <= _REST_WITHIN and self._take_whole(
                heading, broken.line, broken.text, whole
            ):
                return True
            self._findings.leave(broken.line, broken.text)
        return self._take_whole(heading, number, text, words)

    def _take_whole(self, heading: Heading, number: int, text: str, words: List[str]) -> bool:
        """A first row, the second one of the other side, or both where the line end was lost."""
        if self._awaits_second(number) and tables.is_second_row(heading, words):
            self._finish_row(tables.second_row(heading, words))
            return True
        n_first = len(tables.first_shape(heading))
        if not self._named or not tables.is_first_row(heading, words[:n_first]):
            return False
        both = len(words) > n_first
        if both and not tables.is_second_row(heading, words[n_first:]):
            return False
        self._start_row(heading, number, text, words[:n_first])
        if both:
            self._finish_row(tables.second_row(heading, words[n_first:]))
        return True

    def _awaits_second(self, number: int) -> bool:
        return self._first is not None and number - self._first.line <= _SECOND_ROW_WITHIN

    def _start_row(self, heading: Heading, number: int, text: str, words: List[str]) -> None:
        self._finish_row()
        self._has_rows = True
        values = tables.first_row(heading, str(self._named and self._named.test), words)
        self._first = _Row(number, text, values)
        if heading.kind == tables.BULK:
            self._finish_row()

    def _give_up_row(self) -> None:
        broken, self._broken_row = self._broken_row, None
        if broken:
            self._findings.leave(broken.line, broken.text)

    @property
    def is_busy(self) -> bool:
        """Numbers that come now are this table's, or its detail's."""
        return self.heading is not None or self.in_detail

    def start_detail(self) -> None:
        self.finish()
        self.in_detail = True

    def _start_quiet(self, words: List[str]) -> Optional[Heading]:
        """-P 0 leaves headings out."""
        command = self._naming.command
        unit = _unit_of(command) if command and command.quiet else None
        kind = tables.kind_of(command.test) if command else None
        if unit is None or kind is None:
            return None
        for has_cpu in (False, True):
            heading = Heading(kind, unit, has_cpu)
            if tables.is_first_row(heading, words):
                self.heading, self._named = heading, self._naming.claim(heading)
                return heading
        return None

    def _take_lone_rate(self, number: int, words: List[str]) -> bool:
        """-v 0 prints nothing but the rate."""
        command = self._naming.lone
        if not command or self.is_busy:
            return False
        unit = _unit_of(command)
        # A datagram rate would be what was sent, not what arrived.
        is_sent = tables.kind_of(command.test) == tables.DATAGRAM
        if unit is None or is_sent or len(words) != 1 or not _LONE_RATE.fullmatch(words[0]):
            return False
        named = self._naming.claim_lone()
        value = numbers.rate(words[0], unit)
        if named is None or value is None:
            return False
        self._findings.add(number, named, {"value": value, "unit": unit.name})
        return True

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


def _unit_of(command: Command) -> Optional[numbers.Unit]:
    """The unit that a command prints without naming it.

    With -f, a rate of transactions is one of bits with some versions of netperf and not with
    others.
    """
    kind = tables.kind_of(command.test)
    if kind == tables.RR:
        return None if command.units_chosen else numbers.TRANSACTIONS
    return numbers.unit_of_letter(command.units) if kind else None


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
