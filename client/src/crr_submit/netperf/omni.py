"""Titles of omni output, in CSV (`-o`) and aligned columns (`-O`). Called by `omni_reader`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Dict, List, Optional

from crr_submit.netperf.numbers import is_number
from crr_submit.netperf.titles import TITLES

# A heading broken by mail, or of stacked words, has no more lines than this.
HEADING_LINES = 12

# Scripts put the selectors themselves above the rows.
_SELECTORS = {selector.lower(): selector for selector in TITLES.values()}
_TITLE_WORDS = frozenset(word for title in TITLES for word in title.lower().split())
_SELECTORS.update((title.lower(), selector) for title, selector in TITLES.items())
_CELL = re.compile(r'(?:^|,)("[^"]*(?:"|$)|[^,"]*)')
_WORD = re.compile(r"\S+")


def starts_csv(text: str) -> bool:
    """Titles with commas between: at least two known ones, so that no prose is taken for them."""
    cells = _cells(text)
    return len(cells) > 1 and sum(cell.lower() in _SELECTORS for cell in cells) > 1


def goes_on(heading: List[str], text: str) -> bool:
    """A line broken off a heading: it, or what stands before it, is no whole title."""
    if not heading:
        return False
    last, first = _cells(heading[-1])[-1], _cells(text)[0]
    return last.lower() not in _SELECTORS or first.lower() not in _SELECTORS


def csv_names(heading: str) -> List[Optional[str]]:
    """The selector of each title of a heading; None where it is not known, or not sure."""
    return _names(_cells(heading))


def _names(titles: List[str]) -> List[Optional[str]]:
    """netperf has one title for two selectors: which is which, it does not say."""
    names = [_SELECTORS.get(title.lower()) for title in titles]
    times = Counter(names)
    return [name if times[name] == 1 else None for name in names]


def read_csv(names: List[Optional[str]], text: str) -> Optional[Dict[str, str]]:
    """Selectors of a row of values under a heading of as many titles; None when they do not fit."""
    cells = _cells(text)
    if len(names) != len(cells):
        return None
    return {name: cell for name, cell in zip(names, cells) if name}


def is_csv_row(text: str) -> bool:
    """Cells of which one is a number: no heading has such a cell."""
    cells = _cells(text)
    return len(cells) > 1 and any(is_number(cell) for cell in cells)


def _cells(text: str) -> List[str]:
    cells = _CELL.findall(text) if '"' in text else text.split(",")
    return [" ".join(cell.split()) for cell in cells]


def is_stacked_heading(words: List[str]) -> bool:
    """Nothing but words of titles, as each line of a heading of aligned columns has."""
    return bool(words) and all(word.lower() in _TITLE_WORDS for word in words)


def read_columns(heading: List[str], row: str) -> Optional[Dict[str, str]]:
    """Selectors of an aligned row; None unless all titles are known and all cells in their places.

    `heading` and `row` are lines as they stood, with their indentation. The first line of a heading
    has one word a column, so it tells where columns start; a cell of the row may be empty.
    """
    starts = [found.start() for found in _WORD.finditer(heading[0])]
    if not starts or len(starts) > len(TITLES):
        return None
    lines = [_cut(line, starts) for line in heading]
    cells, words = _cut(row, starts), row.split()
    if cells is None and len(words) == len(starts):
        cells = words  # somebody wrote another word into a cell, or took spaces out
    if None in lines or cells is None:
        return None
    stacks = zip(*(line for line in lines if line is not None))
    titles = [" ".join(" ".join(stack).split()) for stack in stacks]
    if any(title.lower() not in _SELECTORS for title in titles):
        return None
    return {
        name: cell.strip() for name, cell in zip(_names(titles), cells) if name and cell.strip()
    }


def _cut(line: str, starts: List[int]) -> Optional[List[str]]:
    """The cells of a line; None when a word of it stands across two columns or before the first."""
    ends = [*starts[1:], max(len(line), starts[-1])]
    cells = [line[start:end] for start, end in zip(starts, ends)]
    is_aligned = not line[: starts[0]].strip() and all(
        (line[start - 1 : start] in ("", " ") and not cell[:1].isspace()) or not cell.strip()
        for start, cell in zip(starts, cells)
    )
    return cells if is_aligned else None
