"""The order of a leaderboard's rows: empirical Bayes shrinkage and its lower bound. Pure functions
of arrays.

What is measured often and steadily keeps its value, one lucky run is drawn to the mean of its
class. Shrunk values order rows only; the printed rate stays the plain estimate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evidence.distributions import t_quantile

LEAST_ERROR = 1e-6
BOUND_Z = 1.645  # one-sided 95 %


@dataclass(frozen=True)
class RandomEffects:
    """Mean of entries whose true values differ, by DerSimonian and Laird.

    `tau2` is the variance between true values, `q` Cochran's statistic, `i2` Higgins' share;
    `hksj_error` is Hartung, Knapp, Sidik and Jonkman's standard error of the mean.
    """

    mean: float
    error: float
    tau2: float
    q: float
    i2: float
    fixed_mean: float
    hksj_error: float


def random_effects(values: Sequence[float], variances: Sequence[float]) -> RandomEffects:
    """Needs two entries or more, with positive variances (ValueError)."""
    y, v = np.asarray(values, dtype=float), np.asarray(variances, dtype=float)
    if len(y) < 2 or len(y) != len(v) or not (v > 0).all():
        raise ValueError("random effects need two values or more, each with a positive variance")
    weights = 1 / v
    fixed = float(np.average(y, weights=weights))
    q = float(np.sum(weights * (y - fixed) ** 2))
    freedom = len(y) - 1
    scale = float((weights * _others(weights)).sum() / weights.sum())
    tau2 = max(0.0, (q - freedom) / scale)
    return _around(y, v, tau2, q, fixed)


def _others(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of all weights but the one in each place, without a difference that could cancel."""
    before = np.concatenate(([0.0], np.cumsum(weights)[:-1]))
    after = np.concatenate((np.cumsum(weights[::-1])[:-1][::-1], [0.0]))
    found: NDArray[np.float64] = before + after
    return found


def _around(
    y: NDArray[np.float64], v: NDArray[np.float64], tau2: float, q: float, fixed: float
) -> RandomEffects:
    freedom = len(y) - 1
    weights = 1 / (v + tau2)
    mean = float(np.average(y, weights=weights))
    spread = float(np.sum(weights * (y - mean) ** 2)) / freedom / float(weights.sum())
    return RandomEffects(
        mean=mean,
        error=1 / math.sqrt(float(weights.sum())),
        tau2=tau2,
        q=q,
        i2=max(0.0, (q - freedom) / q) if q > 0 else 0.0,
        fixed_mean=fixed,
        hksj_error=math.sqrt(spread),
    )


def prediction_interval(found: RandomEffects, n: int) -> tuple[float, float] | None:
    """Where one more true value is expected (Higgins, Thompson and Spiegelhalter), t with n - 2
    degrees of freedom; None below three entries.
    """
    if n < 3:
        return None
    half = float(t_quantile(0.975, n - 2)) * math.sqrt(found.tau2 + found.error**2)
    return found.mean - half, found.mean + half


@dataclass(frozen=True)
class Shrunk:
    """An entry's log rate drawn to the mean of its class, with its standard error."""

    value: float
    error: float

    @property
    def lower_bound(self) -> float:
        """What rows are sorted by: one lucky run cannot lead."""
        return self.value - BOUND_Z * self.error


def shrink(values: Sequence[float], errors: Sequence[float]) -> list[Shrunk]:
    """Normal-normal empirical Bayes over the log rates of one class with their standard errors.

    B = s²/(s² + τ²), value = B·μ + (1 - B)·y, error = s·√(1 - B). A single entry stays as it is;
    an error below `LEAST_ERROR`, of hosts that agree by chance, counts as that.
    """
    if len(values) < 2:
        return [Shrunk(value, error) for value, error in zip(values, errors, strict=True)]
    errors = [max(error, LEAST_ERROR) for error in errors]
    found = random_effects(values, [error**2 for error in errors])
    return [_shrunk(value, error, found) for value, error in zip(values, errors, strict=True)]


def _shrunk(value: float, error: float, found: RandomEffects) -> Shrunk:
    share = error**2 / (error**2 + found.tau2)
    return Shrunk(share * found.mean + (1 - share) * value, error * math.sqrt(1 - share))
