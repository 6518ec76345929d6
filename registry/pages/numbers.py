"""Numbers as pages print them: at most three significant digits where we computed them,
netperf's own digits where it did.
"""

import math
from collections.abc import Iterable

SIGNIFICANT_DIGITS = 3
# A unit of the facts → the divisor and the unit in which people read it.
_SCALES = {"bit/s": (1e6, "Mbit/s")}


def unit_in_words(unit: str) -> str:
    """`bit/s` → `Mbit/s`; `trans/s` stays."""
    return _SCALES.get(unit, (1, unit))[1]


def figure(value: float, unit: str) -> str:
    """A computed figure in the unit of `unit_in_words`: 12345.6 trans/s → `12,300`."""
    return three_digits(value / _SCALES.get(unit, (1, unit))[0])


def three_digits(value: float) -> str:
    """12345.6 → `12,300`, 7 → `7.00`, 0.01234 → `0.0123`."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    decimals = SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, decimals):,.{max(0, decimals)}f}"


def as_printed(values: Iterable[float], unit: str) -> list[str]:
    """netperf's figures of one column: its two decimals, or none where every one is whole."""
    scaled = [value / _SCALES.get(unit, (1, unit))[0] for value in values]
    decimals = 0 if all(value == int(value) for value in scaled) else 2
    return [f"{value:,.{decimals}f}" for value in scaled]


def plural(count: int, noun: str) -> str:
    """1 host, 2 hosts, 1,200 runs."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
