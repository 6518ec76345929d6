"""The distributions that intervals and tests need, from `scipy.special`: the very functions behind
`scipy.stats`, which takes every process of ours a second and a half to load and each call a
hundred times as long. Pure functions; `freedom` is degrees of freedom, which may be fractional.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def t_quantile(p: float, freedom: ArrayLike) -> Any:
    """The value that Student's t stays below with probability `p`."""
    return special.stdtrit(freedom, p)


def t_tail(value: ArrayLike, freedom: ArrayLike) -> Any:
    """The probability that Student's t is more than `value`."""
    return special.stdtr(freedom, np.negative(value))


def f_tail(value: float, between: float, within: float) -> float:
    """The probability that F of these degrees of freedom is more than `value`."""
    return float(special.fdtrc(between, within, value))


def coin_at_most(k: int, n: int) -> float:
    """The probability of at most `k` heads in `n` throws of a fair coin; 0 for a negative k."""
    return float(special.bdtr(k, n, 0.5)) if k >= 0 else 0.0


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 for the least; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
