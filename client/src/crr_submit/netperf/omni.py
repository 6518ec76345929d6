"""Titles of omni output, in CSV (`-o`) and aligned columns (`-O`). Called by `omni_reader`."""

from __future__ import annotations

import re
from collections import Counter
from typing import Dict, List, Optional

from crr_submit.netperf.numbers import is_number
from crr_submit.netperf.titles import TITLES

# A heading broken by mail, or of stacked words, has no more lines than this.
HEADING_LINES = 12

_SELECTORS = {title.lower(): selector for title, selector in TITLES.items()}
_TITLE_WORDS = frozenset(word for title in _SELECTORS for word in title.split())
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
    """The selector of each title; None where it is not known, or not sure.

    netperf has one title for two selectors.
    """
    names = [_SELECTORS.get(title.lower()) for title in _cells(heading)]
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
    """Selectors of an aligned row, by the position of each word; None unless all titles are known.

    `heading` and `row` are lines as they stood, with their indentation.
    """
    starts = [(found.start(), found.group()) for found in _WORD.finditer(row)]
    if len(starts) > len(TITLES):
        return None
    titles: List[List[str]] = [[] for _ in starts]
    for line in heading:
        for found in _WORD.finditer(line):
            column = sum(start <= found.start() for start, _ in starts) - 1
            if column < 0:
                return None
            titles[column].append(found.group())
    names = [_SELECTORS.get(" ".join(title).lower()) for title in titles]
    if not names or None in names or len(set(names)) != len(names):
        return None
    return {str(name): word for name, (_, word) in zip(names, starts)}
