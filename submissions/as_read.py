"""How a pasted report is read, line by line: what `/submit/` shows before anything is stored. No
Django.

In: the redacted document and what the parser made of it. Out: each line of each output as it would
be stored, with what became of it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from crr_submit.netperf import ParsedReport
from submissions.parsing import Parsed

LINES_SHOWN = 1_000
LINE_LENGTH = 400
# Signs that a page must not obey are shown as their names.
_MADE_VISIBLE = {code: chr(0x2400 + code) for code in range(32) if chr(code) != "\t"}
_MADE_VISIBLE[0x7F] = "\u2421"
_UNSEEN = (range(0x80, 0xA0), range(0x200B, 0x2010), range(0x2028, 0x202F), range(0x2066, 0x206A))
_MADE_VISIBLE |= dict.fromkeys([0x061C, 0xFEFF, *chain(*_UNSEEN)], "\ufffd")
_UNAME = re.compile(r"^Linux \S{1,64} ([2-9]\.\d[\w.+~-]{0,100}) #\d", re.ASCII)
_UNAME_R = re.compile(r"(?:^|[#$>;] ?)uname -r$", re.ASCII)
_RELEASE = re.compile(r"[2-9]\.\d[\w.+~-]{0,100}", re.ASCII)


@dataclass(frozen=True)
class Line:
    """`kind` is result, unread, warned or plain; `notes` say what the reader made of it."""

    number: int
    text: str
    kind: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One output: its lines, how many more there are than are shown, and whether all of it is."""

    name: str
    lines: tuple[Line, ...]
    n_more: int
    is_whole: bool


def parts_of(parsed: Parsed) -> list[Part]:
    several = sum(len(run.outputs) for run in parsed.runs) > 1
    return [
        _part(f"Run {i + 1}, output {j + 1}" if several else "", text, output)
        for i, run in enumerate(parsed.runs)
        for j, (text, output) in enumerate(zip(run.texts, run.outputs, strict=True))
    ]


def _part(name: str, text: str, output: ParsedReport) -> Part:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    kinds, notes = _marks(output)
    shown = [
        Line(number, visible(line), kinds.get(number, "plain"), tuple(notes[number]))
        for number, line in enumerate(lines[:LINES_SHOWN], 1)
    ]
    is_whole = len(lines) <= LINES_SHOWN and max(map(len, lines)) <= LINE_LENGTH
    return Part(name, tuple(shown), max(0, len(lines) - LINES_SHOWN), is_whole)


def _marks(output: ParsedReport) -> tuple[dict[int, str], dict[int, list[str]]]:
    """Kinds and notes by the number of the line; a result outdoes a line left unread."""
    notes: dict[int, list[str]] = defaultdict(list)
    kinds = {warning.line: "warned" for warning in output.warnings}
    kinds |= {line.line: "unread" for line in output.unrecognised}
    kinds |= {result.line: "result" for result in output.results}
    for result in output.results:
        notes[result.line].append(f"{result.test} {result.value:,.2f} {result.unit}")
    for warning in output.warnings:
        notes[warning.line].append(warning.message)
    for line in output.unrecognised:
        if not notes[line.line]:
            notes[line.line].append("looks like netperf, was not read")
    return kinds, notes


def visible(text: str) -> str:
    """The line with control and direction signs as what they are, cut to what a page bears."""
    shown = text.translate(_MADE_VISIBLE)
    return shown if len(shown) <= LINE_LENGTH else f"{shown[:LINE_LENGTH]}\u2026"


def visible_whole(text: str) -> str:
    """The same for all of a text, uncut; its lines stay lines."""
    return "\n".join(line.translate(_MADE_VISIBLE) for line in text.split("\n"))


def kernel_release_in(text: str) -> str:
    """What `uname` printed in the text, where it printed one release; else nothing. It is offered
    to the sender, not taken for a fact.
    """
    lines = [line.strip() for line in text.splitlines()]
    found = {said[1] for line in lines if (said := _UNAME.match(line))}
    for asked, told in pairwise(lines):
        if _UNAME_R.search(asked) and _RELEASE.fullmatch(told):
            found.add(told)
    return found.pop() if len(found) == 1 else ""


def counts(parts: list[Part]) -> Iterator[tuple[str, int]]:
    """How many lines of each kind are shown."""
    for kind in ("result", "unread", "warned"):
        yield kind, sum(line.kind == kind for part in parts for line in part.lines)
