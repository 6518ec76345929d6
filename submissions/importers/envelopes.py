"""Envelopes as JSON Lines: one report a line, as `crr-submit` saves and the dump writes them. No
Django.
"""

from collections.abc import Iterator
from typing import BinaryIO

from submissions.importers.item import Found, Item, Note
from submissions.importers.sources import REPORT_LIMIT_BYTES, lines


def items(stream: BinaryIO, place: str) -> Iterator[Found]:
    """One report a line; empty lines are none."""
    for number, line in lines(stream):
        where = f"{place}, line {number}"
        if line is None:
            message = f"It is larger than {REPORT_LIMIT_BYTES:,} bytes."
            yield Note(where, "refused", "too_large", message)
        elif line.strip():
            yield Item(where, "envelope/1", line.strip())
