"""Rows of facts as CSV, safe to open: a text that a spreadsheet would run as a formula gets an
apostrophe, so JSON is the form that has every text as it is. No Django.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A line of names, then one a row, as RFC 4180 has them. A column that a row has not, or has as
    None, is empty; booleans are true and false, numbers have all their digits.
    """
    buffer = io.StringIO()
    # The ends of lines are also what is quoted within a text: LF alone would let a CR through.
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
