"""Which way is better: more of a rate, less of a time. Pure functions."""

HIGHER, LOWER = "higher", "lower"
_TIMES = frozenset(("s", "ms", "us", "ns"))


def better(unit: str | None) -> str:
    """HIGHER or LOWER, by the unit of what was measured."""
    return LOWER if unit in _TIMES else HIGHER


def gain(log: float, direction: str) -> float:
    """A difference of logarithms as one that is positive where it is for the better."""
    return -log if direction == LOWER else log
