"""Rank intervals: which groups are really faster than which. Pure functions of arrays.

For every ordered pair Welch's t-test on the logarithms, one-sided, Holm over all pairs; a group's
rank lies between 1 + the number of groups significantly faster and p - the number significantly
slower (the simple member of the family of Mogstad, Romano, Shaikh and Wilhelm, "Inference for
Ranks").
"""

import math
from collections.abc import Sequence

from scipy import stats

ALPHA = 0.05


def rank_intervals(groups: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """(low, high) rank of each group of log rates, 1 is fastest. Groups need 2 values or more
    (ValueError).
    """
    if any(len(group) < 2 for group in groups):
        raise ValueError("a group needs at least 2 values to be ranked")
    p = len(groups)
    pairs = [(slow, fast) for slow in range(p) for fast in range(p) if slow != fast]
    chances = [_chance_not_slower(groups[slow], groups[fast]) for slow, fast in pairs]
    slower_than = [pair for pair, hit in zip(pairs, holm(chances), strict=True) if hit]
    faster = [sum(1 for slow, _ in slower_than if slow == i) for i in range(p)]
    slower = [sum(1 for _, fast in slower_than if fast == i) for i in range(p)]
    return [(1 + faster[i], p - slower[i]) for i in range(p)]


def holm(chances: Sequence[float], alpha: float = ALPHA) -> list[bool]:
    """Which of the p-values stand after Holm's step-down correction."""
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    hits = [False] * len(chances)
    for step, i in enumerate(order):
        if chances[i] > alpha / (len(chances) - step):
            break
        hits[i] = True
    return hits


def _chance_not_slower(slow: Sequence[float], fast: Sequence[float]) -> float:
    """One-sided p of "slow is not slower than fast"; constant data are decided by their means."""
    mean_slow, var_slow = _mean_and_variance(slow)
    mean_fast, var_fast = _mean_and_variance(fast)
    part_slow, part_fast = var_slow / len(slow), var_fast / len(fast)
    error = part_slow + part_fast
    if error <= 0:
        return 0.0 if mean_slow < mean_fast else 1.0
    freedom = error**2 / (part_slow**2 / (len(slow) - 1) + part_fast**2 / (len(fast) - 1))
    return float(stats.t.sf((mean_fast - mean_slow) / math.sqrt(error), freedom))


def _mean_and_variance(values: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
