"""Numbers and units as netperf prints them, exact to the printed digits; and what streams that ran
together gave, from their interim results (`-D` with `-k`).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Dict, List, Optional, Sequence, Tuple

from crr_submit.fields import STREAM_UNIT, TRANSACTION_UNIT, VALUE_LIMIT

# int() and float() would take other digits, "1_000", "nan" and any length.
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_INTEGER = re.compile(r"[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,9}")
_DECIMAL_BITS = re.compile(r"10\^([0-9]{1,2})bits")

# Capital letters of -f are powers of 1024 and count bytes; small ones powers of 10 and bits.
_BYTES = {"Bytes": 8, "KBytes": 8 << 10, "MBytes": 8 << 20, "GBytes": 8 << 30}
_LETTERS = {
    "g": "10^9bits/s",
    "m": "10^6bits/s",
    "k": "10^3bits/s",
    "G": "GBytes/s",
    "M": "MBytes/s",
    "K": "KBytes/s",
}
_TRANSACTIONS = {"Trans", "Tran", "trans"}

# Of the longest stream's time: what ran together for less is no measurement of so many.
LEAST_SHARE = 0.8
_INTERIM_UNIT = "NETPERF_UNITS[0]=Trans/s"
_INTERIM = re.compile(
    r"^NETPERF_(INTERIM_RESULT|INTERVAL|ENDING)\[([0-9]{1,6})\]=([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*$",
    re.MULTILINE,
)
_Span = Tuple[float, float, float]  # from, until (seconds since the epoch), transactions a second


@dataclass(frozen=True)
class Unit:
    """A unit of results, and how many of it one printed unit is."""

    name: str
    factor: int


TRANSACTIONS = Unit(TRANSACTION_UNIT, 1)


def read_unit(word: str) -> Optional[Unit]:
    """Of `10^6bits/s`, `MBytes/sec`, `Trans/s`; None when netperf prints none such."""
    name, _, second = word.partition("/")
    if second not in ("s", "sec"):
        return None
    if name in _TRANSACTIONS:
        return TRANSACTIONS
    if name in _BYTES:
        return Unit(STREAM_UNIT, _BYTES[name])
    bits = _DECIMAL_BITS.fullmatch(name)
    return Unit(STREAM_UNIT, 10 ** int(bits[1])) if bits else None


def unit_of_letter(letter: str) -> Optional[Unit]:
    return read_unit(_LETTERS.get(letter or "m", ""))


def is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None


def is_decimal(word: str) -> bool:
    """As netperf prints every rate, time and percentage of a table."""
    return _DECIMAL.fullmatch(word) is not None


def are_numbers(words: List[str]) -> bool:
    return bool(words) and all(is_number(word) for word in words)


def is_integer(word: str) -> bool:
    return _INTEGER.fullmatch(word) is not None


def rate(word: str, unit: Unit) -> Optional[float]:
    """A printed rate in the result's unit; None when it is no possible one."""
    if not is_number(word):
        return None
    value = float(Decimal(word) * unit.factor)
    return value if 0 <= value < VALUE_LIMIT else None


def measure(word: str) -> Optional[float]:
    """None for netperf's -1, which stands for "not measured"."""
    if not is_number(word) or word.startswith("-"):
        return None
    return float(word)


def size(word: str) -> Optional[int]:
    return int(word) if is_integer(word) else None


@dataclass(frozen=True)
class Together:
    """Transactions a second in the common time, which is `share` of the longest stream's."""

    rate: float
    share: float


def together(outputs: Sequence[str]) -> Optional[Together]:
    """None for a single stream, and where one of them has no interim results."""
    streams = [_spans(output) for output in outputs]
    if len(streams) < 2 or not all(streams):
        return None
    begin = max(min(row[0] for row in rows) for rows in streams)
    end = min(max(row[1] for row in rows) for rows in streams)
    longest = max(max(row[1] for row in rows) - min(row[0] for row in rows) for rows in streams)
    if end <= begin or longest <= 0:
        return Together(0.0, 0.0)
    spans = [row for rows in streams for row in rows]
    count = sum(rate * max(0.0, min(end, till) - max(begin, since)) for since, till, rate in spans)
    return Together(count / (end - begin), (end - begin) / longest)


def _spans(output: str) -> List[_Span]:
    if _INTERIM_UNIT not in output:
        return []
    rows: Dict[str, Dict[str, float]] = {}
    for name, number, value in _INTERIM.findall(output):
        rows.setdefault(number, {})[name] = float(value)
    return [
        (row["ENDING"] - row["INTERVAL"], row["ENDING"], row["INTERIM_RESULT"])
        for row in rows.values()
        if len(row) == 3
    ]
