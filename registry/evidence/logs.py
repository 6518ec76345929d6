"""Natural logarithms of rates and back. Pure."""

import math

LARGEST_LOG = 700.0  # a double ends at exp(709)


def rate_of(log: float) -> float:
    """exp(log), kept finite and above 0: past that a rate or a ratio says no more."""
    return math.exp(min(max(log, -LARGEST_LOG), LARGEST_LOG))
