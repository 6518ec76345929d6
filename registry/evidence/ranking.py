"""Rank intervals: which groups are really faster than which. Pure functions of arrays.

For every ordered pair Welch's t-test on the logarithms, one-sided, Holm over all pairs; a group's
rank lies between 1 + the number of groups significantly faster and p - the number significantly
slower (the simple member of the family of Mogstad, Romano, Shaikh and Wilhelm, "Inference for
Ranks").
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from registry.evidence.direction import HIGHER, gain
from registry.evidence.distributions import t_tail
from registry.evidence.shrinkage import LEAST_ERROR

ALPHA = 0.05


def rank_intervals(
    groups: Sequence[Sequence[float]], direction: str = HIGHER
) -> list[tuple[int, int]]:
    """(low, high) rank of each group of logarithms, 1 is best: of rates the highest, of times the
    lowest. Groups need 2 values or more (ValueError).
    """
    if any(len(group) < 2 for group in groups):
        raise ValueError("a group needs at least 2 values to be ranked")
    groups = [[gain(log, direction) for log in group] for group in groups]
    p = len(groups)
    is_pair = ~np.eye(p, dtype=bool)
    is_slower = np.zeros((p, p), dtype=bool)  # [slow, fast]
    is_slower[is_pair] = holm(_chances_not_slower(groups)[is_pair])
    faster, slower = is_slower.sum(axis=1), is_slower.sum(axis=0)
    return [(1 + int(faster[i]), p - int(slower[i])) for i in range(p)]


def holm(chances: Sequence[float] | NDArray[np.float64], alpha: float = ALPHA) -> list[bool]:
    """Which of the p-values stand after Holm's step-down correction."""
    values = np.asarray(chances, dtype=float)
    order = np.argsort(values, kind="stable")
    stands = values[order] <= alpha / np.arange(len(values), 0, -1)
    hits = np.zeros(len(values), dtype=bool)
    hits[order] = np.logical_and.accumulate(stands)
    return [bool(hit) for hit in hits]


def _chances_not_slower(groups: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """[slow, fast] one-sided p of "slow is not slower than fast".

    An error below `LEAST_ERROR`, of hosts that agree by chance, counts as that: means that only
    rounding tells apart are equal, and otherwise they decide.
    """
    counts = np.array([len(group) for group in groups], dtype=float)
    means = np.array([np.mean(group) for group in groups])
    parts = np.array([np.var(group, ddof=1) for group in groups]) / counts
    error = np.maximum(parts[:, None] + parts[None, :], LEAST_ERROR**2)
    gain = means[None, :] - means[:, None]
    squares = parts**2 / (counts - 1)
    with np.errstate(divide="ignore"):
        freedom = error**2 / (squares[:, None] + squares[None, :])
    chances: NDArray[np.float64] = t_tail(gain / np.sqrt(error), freedom)
    return chances
