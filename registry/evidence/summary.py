"""Summary of positive rates: geometric mean and Student's interval on the logarithms. Pure
functions of arrays.

Rates are positive and their errors multiply, so everything is computed in logs and printed as a
rate (evidence notes in docs/method.md). With fewer than 3 values there is no interval.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from registry.evidence.distributions import t_quantile
from registry.evidence.logs import rate_of

CI_LEVEL = 0.95
LEAST_FOR_INTERVAL = 3
LOGS_KEPT = 2000  # of a group, for drawing: a twentieth of a percent apart


@dataclass(frozen=True)
class Estimate:
    """A rate in the unit of its values; `ci_low`, `ci_high` are None below 3 values. `n` is the
    number of values.
    """

    rate: float
    ci_low: float | None
    ci_high: float | None
    n: int
    cv_percent: float | None = None


def estimate(rates: Sequence[float]) -> Estimate | None:
    """Geometric mean and interval of `rates`; values that are not positive and finite are left
    out. None without any.
    """
    return estimate_logs([math.log(rate) for rate in rates if rate > 0 and math.isfinite(rate)])


def estimate_logs(logs: Sequence[float]) -> Estimate | None:
    """The same for natural logarithms of rates: exp(mean ± t(.975, n-1) · s / √n)."""
    n = len(logs)
    if n == 0:
        return None
    mean = math.fsum(logs) / n
    if n < LEAST_FOR_INTERVAL:
        return Estimate(rate_of(mean), None, None, n)
    deviation = math.sqrt(math.fsum((log - mean) ** 2 for log in logs) / (n - 1))
    half = float(t_quantile(0.5 + CI_LEVEL / 2, n - 1)) * deviation / math.sqrt(n)
    return Estimate(rate_of(mean), rate_of(mean - half), rate_of(mean + half), n, _cv_percent(logs))


def thinned(logs: Sequence[float], most: int = LOGS_KEPT) -> "array[float]":
    """The values themselves, or of more than `most` so many, evenly spaced in their order, so that
    ends and quantiles stay where they are. For drawing: what is estimated is estimated before.
    """
    if len(logs) <= most:
        return array("d", logs)
    ordered, last = sorted(logs), len(logs) - 1
    return array("d", (ordered[round(n * last / (most - 1))] for n in range(most)))


def _cv_percent(logs: Sequence[float]) -> float:
    """Standard deviation over mean of the rates themselves, in percent, scaled first so that
    nothing overflows.
    """
    top = max(logs)
    rates = [math.exp(log - top) for log in logs]
    mean = math.fsum(rates) / len(rates)
    variance = math.fsum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1)
    return 100 * math.sqrt(variance) / mean
