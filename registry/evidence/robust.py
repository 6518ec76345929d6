"""Rank-based twins of the plain estimates, for checks and notes. Pure functions of arrays.

Hodges and Lehmann's estimate with the exact signed-rank interval, and the median with the exact
interval of order statistics.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from registry.evidence.distributions import coin_at_most, ranks

CI_LEVEL = 0.95


def hodges_lehmann(values: Sequence[float]) -> float | None:
    """Median of Walsh's averages (xᵢ + xⱼ)/2, i ≤ j. None without a value."""
    averages = _walsh(values)
    return float(np.median(averages)) if len(averages) else None


def hodges_lehmann_shift(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Median of all differences of a value of `first` and one of `second`."""
    if not first or not second:
        return None
    return float(np.median(np.subtract.outer(np.asarray(first), np.asarray(second))))


def signed_rank_interval(values: Sequence[float]) -> tuple[float, float, float] | None:
    """(low, high, level) around the Hodges-Lehmann estimate: the narrowest exact interval whose
    level is at least 95 %; None below six values, where there is none.
    """
    averages = np.sort(_walsh(values))
    chances = _signed_rank_cumulative(len(values))
    inside = np.nonzero(chances <= (1 - CI_LEVEL) / 2)[0]
    if not len(inside):
        return None
    rank = int(inside[-1]) + 1
    level = 1 - 2 * float(chances[rank - 1])
    return float(averages[rank - 1]), float(averages[len(averages) - rank]), level


def signed_rank_p(values: Sequence[float]) -> tuple[float, float] | None:
    """(W, p) of Wilcoxon's signed-rank test that the values lie around 0: W is the smaller of the
    two sums of ranks, p two-sided and exact where no two sizes are equal. None without a value that
    is not 0.
    """
    x = np.asarray([value for value in values if value != 0], dtype=float)
    if not len(x):
        return None
    sizes = ranks(np.abs(x))
    w = float(min(sizes[x > 0].sum(), sizes[x < 0].sum()))
    return w, min(1.0, 2 * float(_signed_rank_cumulative(len(x))[math.floor(w)]))


def median_interval(values: Sequence[float]) -> tuple[float, float, float] | None:
    """(low, high, level) of order statistics around the median, at least 95 %; None below six."""
    places = median_ranks(len(values))
    if places is None:
        return None
    low, high = places
    ordered = sorted(values)
    return ordered[low - 1], ordered[high - 1], median_level(len(values), low)


def median_ranks(n: int) -> tuple[int, int] | None:
    """The innermost pair of order statistics, from 1, that covers the median at 95 % or more."""
    low = max((k for k in range(1, n // 2 + 1) if median_level(n, k) >= CI_LEVEL), default=None)
    return (low, n + 1 - low) if low else None


def median_level(n: int, low: int) -> float:
    """1 - 2·P(Binomial(n, ½) ≤ low - 1)."""
    return 1 - 2 * coin_at_most(low - 1, n)


def _walsh(values: Sequence[float]) -> NDArray[np.float64]:
    x = np.asarray(values, dtype=float)
    rows, columns = np.triu_indices(len(x))
    averages: NDArray[np.float64] = (x[rows] + x[columns]) / 2
    return averages


@lru_cache(maxsize=64)
def _signed_rank_cumulative(n: int) -> NDArray[np.float64]:
    """P(W ≤ w) of Wilcoxon's signed-rank statistic without ties, for every w."""
    ways = np.ones(1)
    for rank in range(1, n + 1):
        longer = np.zeros(len(ways) + rank)
        longer[: len(ways)] += ways
        longer[rank:] += ways
        ways = longer
    cumulative: NDArray[np.float64] = np.cumsum(ways) / 2.0**n
    return cumulative
