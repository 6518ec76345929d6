"""Reads the classic tables: a heading opens one, rows give results."""

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional

from crr_submit.netperf import tables
from crr_submit.netperf.findings import Context, Findings
from crr_submit.netperf.naming import Command, Naming, is_prompt
from crr_submit.netperf.tables import Heading

_SECOND_ROW_WITHIN = 8  # lines: a kernel may print between the two
_REST_WITHIN = 2  # lines
_ROW_LENGTH = 4  # numbers that make a line worth listing
_HALF_A_DIGIT = 0.0051  # rates and times have two decimals
_LONE_RATE = re.compile(r"[0-9]{1,12}\.[0-9]{2}")  # -v 0
_NOT_A_REMARK = re.compile(r"[-+]?[0-9.,](?![0-9.,]{0,9}[%kx](?!\S))")  # but "+12%", "12.5k"
_COMPARED = re.compile(r"(?i)vs\.?|versus|than|to")
_BRACKETS = "()[]<>,;:"
_SAID = re.compile(
    r"([kMG])b(?:it)?s?(?:ps|/s(?:ec)?)|(?:[tr]ps|(?:trans|conn|req)\w{0,20}/s(?:ec)?)"
)
_UNIT = re.compile(r"(?i)[kmgt]|\S{0,40}(?:/s(?:ec)?|[bt]ps)")
_CUT_OUT = re.compile(r"\W{0,80}(?:\.{3}|\u2026|snip)")


@dataclass
class _Start:
    """A heading or row that may go on in the next line, or with the other side's row."""

    line: int
    text: str
    words: List[str]
    above: str = ""
    is_apart: bool = False  # other text came after it
    is_crossed: bool = False  # the row before it still waited for the other side's


class Classic:
    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings, self._naming = findings, naming
        self._close()

    def _close(self) -> None:
        self.heading: Optional[Heading] = None
        self.in_detail = False  # -v 2 prints numbers below a table
        self._line, self._text = 0, ""
        self._has_rows = False
        self._named: Optional[Context] = None
        self._first: Optional[_Start] = None
        self._broken_heading: Optional[_Start] = None
        self._broken_row: Optional[_Start] = None

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
            self._broken_heading = _Start(number, text, words, above)
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
        self._naming.answer()
        if self._take_lone_rate(number, words):
            return
        heading = self.heading or self._start_quiet(words)
        if heading is None:
            doubt = self._naming.doubt
            is_row = self._naming.banners or doubt or len(words) >= _ROW_LENGTH
            if not self.in_detail and is_row:
                self._findings.leave(number, text, doubt)
        elif not self._take_known_row(heading, number, text, words):
            if self._named and tables.is_start_of_row(
                heading, words, is_second=self._awaits_second(number)
            ):
                self._broken_row = _Start(number, text, words)
            elif not self._named or len(words) >= _ROW_LENGTH:
                self._findings.leave(number, text)

    def take_remarked_row(self, number: int, text: str, words: List[str]) -> bool:
        """A row and words after it: a remark, netperf's -B, a prompt."""
        n_numbers = next(n for n, word in enumerate(words) if not tables.is_number(word))
        row, remark = words[:n_numbers], words[n_numbers:]
        heading = self.heading or self._start_quiet(row)
        if heading is None:
            lone = self._naming.lone
            return lone is not None and lone.has_brand and self._take_lone_rate(number, row)
        reason = self._contradiction(heading, remark)
        is_plain = reason is None and not _NOT_A_REMARK.match(remark[0])
        if is_plain and self._take_known_row(heading, number, text, row):
            return True
        if n_numbers >= _ROW_LENGTH:
            self._findings.leave(number, text, reason)
        return n_numbers >= _ROW_LENGTH

    def _contradiction(self, heading: Heading, remark: List[str]) -> Optional[str]:
        """Why a person's words behind a row make its test or unit doubtful."""
        said = [word.strip(_BRACKETS) for word in remark]
        test = self._named and self._named.test
        is_other = any(
            word.upper() in tables.TESTS
            and word.upper() != test
            and not _COMPARED.fullmatch(before)
            for before, word in zip(["", *said], said)
        )
        if is_other or (_UNIT.fullmatch(said[0]) and _unit_said(said[0]) != heading.unit):
            return "the words behind this row name another test or unit"
        return None

    def interrupt(self, text: str, words: List[str]) -> None:
        """Other text came: the other side's row may stand below it, but not below a prompt."""
        if self._first and (_CUT_OUT.match(text) or any(map(is_prompt, words[:3]))):
            self._finish_row()
        elif self._first:
            self._first.is_apart = True

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
        first = self._first if self._awaits_second(number) else None
        if first and tables.is_second_row(heading, words) and _may_follow(first, text, words):
            self._finish_row(None if first.is_crossed else tables.second_row(heading, words))
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
        is_crossed = heading.kind == tables.DATAGRAM and self._awaits_second(number)
        self._finish_row()
        self._has_rows = True
        self._first = _Start(number, text, words, is_crossed=is_crossed)
        if heading.kind == tables.BULK:
            self._finish_row()

    def _give_up_row(self) -> None:
        broken, self._broken_row = self._broken_row, None
        if broken:
            self._findings.leave(broken.line, broken.text)

    @property
    def is_busy(self) -> bool:
        return self.heading is not None or self.in_detail

    def start_detail(self) -> None:
        self.finish()
        self.in_detail = True

    def _start_quiet(self, words: List[str]) -> Optional[Heading]:
        """Below -P 0."""
        command = self._naming.command
        is_row = command and command.quiet and not command.is_altered
        unit = _unit_of(command) if command and is_row else None
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
        # A datagram rate is what was sent.
        is_sent = tables.kind_of(command.test) == tables.DATAGRAM
        if unit is None or is_sent or len(words) != 1 or not _LONE_RATE.fullmatch(words[0]):
            return False
        named = self._naming.claim_lone()
        value = tables.rate(words[0], unit)
        if named is None or value is None:
            return False
        self._findings.add(number, named, {"value": value, "unit": unit.name})
        return True

    def _finish_row(self, second: Optional[Dict[str, Any]] = None) -> None:
        first, self._first = self._first, None
        if not first or not self.heading or not self._named:
            return
        values = tables.first_row(self.heading, str(self._named.test), first.words)
        values.update(second or {}, unit=self.heading.unit.name)
        if second is None and self.heading.kind == tables.RR:
            values["warnings"] = ["the row of the remote side is missing"]
        if values.get("value") is None:
            self._findings.leave(first.line, first.text, "a row without a possible rate")
        elif _is_no_count(self._named, self.heading, values):
            message = "no whole number of transactions gives this rate: printed with -f?"
            self._findings.leave(first.line, first.text, message)
        else:
            self._findings.add(first.line, self._named, values)


def _may_follow(first: _Start, text: str, words: List[str]) -> bool:
    """Below other text, a row stands where netperf puts it; that of a datagram test is of the same
    time, and no more arrived than was sent.
    """
    if not first.is_apart:
        return True
    if len(words) == 2:
        return text.startswith("%-6s %s" % tuple(words))
    return words[1] == first.words[2] and int(words[2]) <= int(first.words[3])


def _unit_said(word: str) -> Optional[tables.Unit]:
    found = _SAID.fullmatch(word)
    if found is None:
        return tables.read_unit(word)
    return tables.unit_of_letter(found[1].lower()) if found[1] else tables.TRANSACTIONS


def _unit_of(command: Command) -> Optional[tables.Unit]:
    """The unit that a command prints without naming it. With -f, that of transactions depends on
    netperf's version.
    """
    if not command.units_chosen:
        return tables.default_unit(command.test)
    is_bulk = tables.kind_of(command.test) in (tables.BULK, tables.DATAGRAM)
    return tables.unit_of_letter(command.units) if is_bulk else None


def _has_hidden_units(heading: Heading, named: Context) -> bool:
    """netperf 2.5 and later obey -f with TCP_CRR and still head the column "per sec"."""
    return _may_hide_units(heading, named) and bool(named.units_chosen)


def _may_hide_units(heading: Heading, named: Context) -> bool:
    is_omni_code = named.migrated is not False
    return is_omni_code and named.test == "TCP_CRR" and heading.unit is tables.TRANSACTIONS


def _is_no_count(named: Context, heading: Heading, values: Dict[str, Any]) -> bool:
    """Rate times time is the number of transactions: whole and above 0, but for rounding, which
    hides it in large numbers, and in means of several iterations.
    """
    rate: float = values["value"]
    time_s: Optional[float] = values["elapsed_time_s"]
    if not _may_hide_units(heading, named) or named.confidence_level is not None or not time_s:
        return False
    count = rate * time_s
    rounding = _HALF_A_DIGIT * (rate + time_s)
    return rounding < 0.5 and (count < 0.5 or abs(count - round(count)) > rounding)
