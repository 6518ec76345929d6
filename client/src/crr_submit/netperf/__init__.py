"""netperf's output as results: `parse` walks the lines of a text, each once, so time is linear.

`naming` reads banners and commands, `classic` the tables (`tables`), `omni` keyval, CSV and aligned
columns; all put into `findings`, which also knows errors and other programs.
A doubtful number is never a result: what looks like netperf and is not certain is listed instead.
"""

import re
from typing import List

from crr_submit.netperf import naming, tables, wrapping
from crr_submit.netperf.classic import Classic
from crr_submit.netperf.findings import (
    Findings,
    ParsedReport,
    ParseError,
    Result,
    Unrecognised,
    Warning_,
    names_a_test,
)
from crr_submit.netperf.omni import Columns, Csv, KeyValues
from crr_submit.netperf.tables import LEAST_SHARE, Together, together

__all__ = [
    "LEAST_SHARE",
    "ParseError",
    "ParsedReport",
    "Result",
    "Together",
    "Unrecognised",
    "Warning_",
    "parse",
    "together",
]

LINE_LENGTH = 4096

# What mail, Markdown and org mode put before a line. Signs other than ">" and "|" only before a
# space: "-1" and "#1" are content.
_PREFIX = re.compile(r"[\s>|`]*(?:(?:[:*#;-]|//)(?=\s)[\s>|`]*){0,8}[\"'`*]{0,3}")
_QUOTES = ("'", '"', "`")
_SUFFIX = " \t\n\v\f\xa0|\\'\"`*"
_JOINTS = ",;+}]"  # after the quotation mark that ends a literal
_INTERIM = ("Interim result:", "NETPERF_INTER", "NETPERF_UNITS[", "NETPERF_ENDING[")
_CUT = re.compile(r"\.[0-9]\Z")  # none of netperf's ends so
_BASE64 = re.compile(r"(?i)content-transfer-encoding:[ \t]{0,8}base64")


def parse(text: str) -> ParsedReport:
    """ParseError when the argument is not text."""
    if not isinstance(text, str):
        raise ParseError("netperf output must be text, not %s" % type(text).__name__)
    reader = _Reader()
    for number, line in wrapping.lines_of(_CUT.sub("?", text)):
        reader.take(number, line)
    return reader.report()


def unquoted(line: str) -> str:
    """A line without quoting, table bars and quotation marks around it."""
    if line[:1].isalnum() and line[-1:].isalnum():
        return line
    prefix = _PREFIX.match(line)
    text = line[prefix.end() if prefix else 0 :].rstrip(_SUFFIX)
    if text[-1:] in _JOINTS:
        inside = text.rstrip(_JOINTS + " ")
        was_quoted = inside[-1:] in _QUOTES or (prefix and prefix[0][-1:] in _QUOTES)
        text = inside.rstrip(_SUFFIX) if was_quoted else text
    return text


class _Reader:
    def __init__(self) -> None:
        self.findings = Findings()
        self.naming = naming.Naming(self.findings)
        self.classic = Classic(self.findings, self.naming)
        self.keyvals = KeyValues(self.findings, self.naming)
        self.csv = Csv(self.findings, self.naming)
        self.columns = Columns(self.findings, self.naming)
        self._above = ""

    def report(self) -> ParsedReport:
        self._finish()
        self.naming.drop_banners()
        return self.findings.report()

    def _finish(self, but: object = None) -> None:
        for output in (self.classic, self.keyvals, self.csv, self.columns):
            if output is not but:
                output.finish()

    def take(self, number: int, line: str) -> None:
        if len(line) > LINE_LENGTH:
            self.findings.warn(number, "a line of %d characters was not read" % len(line))
            return
        text = unquoted(line)
        if not text or text.isspace():  # a separator of fields may be all there is
            return
        if text.startswith(_INTERIM) or ("=" in text and self._is_key(number, text)):
            self.naming.interrupt()
            return
        if self._names(number, text, line):
            return
        self.naming.interrupt()
        above, self._above = self._above, text
        words = text.replace("**", "").split() or [""]
        self.naming.take_title(text, words)
        if not (
            self._is_plain(number, text, words, line, above)
            or self._is_aside(text)
            or self._is_titled(number, text, words, line)
        ):
            self._leftover(number, text, words)

    def _is_key(self, number: int, text: str) -> bool:
        was_open = self.keyvals.is_open
        if not self.keyvals.take(number, text):
            return False
        if not was_open:
            self._finish(self.keyvals)
        return True

    def _names(self, number: int, text: str, line: str) -> bool:
        banner = naming.read_banner(number, text)
        if banner:
            self._finish()
            self.naming.take_banner(banner)
            return True
        if self.naming.take_rest_of_banner(text):
            return True
        if "netperf" not in text and not self.naming.has_open_command:
            return False
        if not self.naming.take_command(text, line, number):
            return False
        self._finish()
        return True

    def _is_aside(self, text: str) -> bool:
        if self.findings.take_trace(text):
            self.naming.answer()
            return True
        return self.findings.take_confidence(text)

    def _is_plain(self, number: int, text: str, words: List[str], line: str, above: str) -> bool:
        if self.classic.take_rest_of_heading(number, words):
            self.columns.finish()
            return True
        self.keyvals.end_block()
        if tables.is_units_line(words):
            # "Bytes Bytes" may also be titles of columns.
            is_title = self.columns.is_open and not tables.has_seconds(words)
            if not (is_title and self.columns.take(number, words, line)):
                self._finish()
            return self.classic.take_heading(number, text, words, above)
        if self.classic.heading and "," in text:
            words = [tables.ungrouped(word) for word in words]
        if not tables.is_number(words[0]):
            return False
        if not tables.are_numbers(words):
            return self.classic.take_remarked_row(number, text, words)
        if self.columns.is_open and not self.classic.is_busy:
            return False
        self.classic.take_row(number, text, words)
        return True

    def _is_titled(self, number: int, text: str, words: List[str], line: str) -> bool:
        """CSV and aligned columns, below titles; and the detail that -v 2 prints."""
        if words[0] == "Alignment" and self.classic.is_busy:
            self.classic.start_detail()
            return True
        if self.csv.take_start(number, text):
            self._finish(self.csv)
            return True
        return self.csv.take(number, text) or self.columns.take(number, words, line)

    def _leftover(self, number: int, text: str, words: List[str]) -> None:
        self.naming.lone = None
        self.classic.interrupt(text, words)
        if _BASE64.match(text):
            self.findings.warn(number, "text in base64 is not read: send the text itself")
        rest = text.replace("|", " ").replace(",", " ").split()
        is_row = tables.are_numbers(rest[:-1]) and tables.read_unit(rest[-1]) is not None
        if is_row or (names_a_test(text) and any(map(tables.is_number, rest))):
            self.findings.leave(number, text)
