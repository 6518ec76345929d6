"""Ratios of rates: two groups, and many strata that hold both. Pure functions of arrays.

Rates are compared as ratios of geometric means, so everything is a difference of logarithms.
Strata (one CPU model each) enter one two-way fixed-effects fit; the pooled ratio is computed beside
it, and where the two disagree only the stratified one may be shown (Simpson's paradox).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evidence.distributions import f_tail, t_quantile
from registry.evidence.logs import rate_of

CI_LEVEL = 0.95
LEAST_STRATA = 3
LEAST_HOSTS = 3
HETEROGENEOUS_PERCENT = 75.0
WIDE_RANGE = 2.0
HETEROGENEOUS_LEVEL = 0.01
POOLED_MAY_DIFFER = 1.2


@dataclass(frozen=True)
class Ratio:
    """A ratio with its interval (None where there are too few values); `freedom` are the degrees
    of freedom of Student's t.
    """

    ratio: float
    ci_low: float | None
    ci_high: float | None
    freedom: float | None = None


@dataclass(frozen=True)
class Stratum:
    """Natural logarithms of rates, one a vote, with and without what is compared. A vote is a host,
    or all hosts of one who owns too many.
    """

    name: str
    treated: tuple[float, ...]
    baseline: tuple[float, ...]


@dataclass(frozen=True)
class StratifiedRatio:
    """The ratio over all strata that hold both sides.

    `by_stratum` maps a stratum to its own ratio; `n_treated` and `n_baseline` count votes;
    `i2_percent` is None for one stratum. `pooled` is the ratio without strata, and `is_simpson`
    says that it would mislead. `is_heterogeneous` says that the range is to be printed, not the
    average: I² is above 75 % or the range wider than 2, and the noise of the hosts makes no such
    spread in one of a hundred.
    """

    overall: Ratio
    by_stratum: Mapping[str, Ratio]
    n_treated: int
    n_baseline: int
    i2_percent: float | None
    is_heterogeneous: bool
    pooled: float
    is_simpson: bool


def log_welch(treated: Sequence[float], baseline: Sequence[float]) -> Ratio | None:
    """Ratio of geometric means of logs `treated` to `baseline` by Welch's unequal-variances t with
    Satterthwaite's degrees of freedom, at most those of two sides as small as the smaller: of 3
    hosts beside 20 that happen to agree it would make many. None when a side is empty; no interval
    below 3 values a side.
    """
    if not treated or not baseline:
        return None
    difference = _mean(treated) - _mean(baseline)
    if min(len(treated), len(baseline)) < LEAST_HOSTS:
        return Ratio(rate_of(difference), None, None)
    parts = [_variance(side) / len(side) for side in (treated, baseline)]
    error = sum(parts)
    if error == 0:
        return Ratio(rate_of(difference), rate_of(difference), rate_of(difference))
    freedom = 1 / sum(
        (part / error) ** 2 / (len(side) - 1)
        for part, side in zip(parts, (treated, baseline), strict=True)
    )
    freedom = min(freedom, 2.0 * (min(len(treated), len(baseline)) - 1))
    half = _quantile(freedom) * math.sqrt(error)
    return Ratio(
        rate_of(difference), rate_of(difference - half), rate_of(difference + half), freedom
    )


def fieller(treated: Sequence[float], baseline: Sequence[float]) -> Ratio | None:
    """Ratio of arithmetic means of rates with Fieller's interval, min(n) - 1 degrees of freedom.

    [ab ∓ √((ab)² - (a² - t²·v_a)(b² - t²·v_b))] / (b² - t²·v_b); None unless g = t²·v_b/b² < 1. A
    check on `log_welch`, which needs no such condition.
    """
    if min(len(treated), len(baseline)) < 2:
        return None
    a, b = _mean(treated), _mean(baseline)
    freedom = min(len(treated), len(baseline)) - 1
    t2 = _quantile(freedom) ** 2
    va, vb = _variance(treated) / len(treated), _variance(baseline) / len(baseline)
    if b == 0 or t2 * vb >= b * b:
        return None
    below = b * b - t2 * vb
    root = math.sqrt(max((a * b) ** 2 - (a * a - t2 * va) * below, 0.0))
    return Ratio(a / b, (a * b - root) / below, (a * b + root) / below, freedom)


def stratified(
    strata: Sequence[Stratum], n_hosts: tuple[int, int] | None = None
) -> StratifiedRatio | None:
    """Ratio of treated to baseline in the strata that hold both; None where no stratum does.

    Least squares of log = stratum + treated, one row a vote; the interval is Student's on
    n votes - n strata - 1 degrees of freedom. There is none below 3 votes a side, nor below 3 of
    `n_hosts`: how many hosts the votes of a side are of, where one has a vote in several strata.
    """
    both = [stratum for stratum in strata if stratum.treated and stratum.baseline]
    if not both:
        return None
    own = {stratum.name: _own_ratio(stratum) for stratum in both}
    overall = _two_way(both) if len(both) > 1 else own[both[0].name]
    n_votes = (sum(len(each.treated) for each in both), sum(len(each.baseline) for each in both))
    if min(n_votes + (n_hosts or n_votes)) < LEAST_HOSTS:
        overall = Ratio(overall.ratio, None, None)
    ratios = [ratio.ratio for ratio in own.values()]
    spread = _spread(both)
    pooled = rate_of(
        _mean([log for stratum in both for log in stratum.treated])
        - _mean([log for stratum in both for log in stratum.baseline])
    )
    return StratifiedRatio(
        overall=overall,
        by_stratum=own,
        n_treated=n_votes[0],
        n_baseline=n_votes[1],
        i2_percent=spread.i2_percent if spread else None,
        is_heterogeneous=_is_heterogeneous(spread, max(ratios) / min(ratios)),
        pooled=pooled,
        is_simpson=is_simpson(pooled, overall.ratio),
    )


def has_enough(n_models: int, n_treated: int, n_baseline: int) -> bool:
    """Three CPU models with both sides, or three hosts a side."""
    return n_models >= LEAST_STRATA or min(n_treated, n_baseline) >= LEAST_HOSTS


def is_simpson(pooled: float, within: float) -> bool:
    """Whether the pooled ratio lies on the other side of 1, or more than 20 % off."""
    opposite = (pooled - 1) * (within - 1) < 0
    return opposite or not 1 / POOLED_MAY_DIFFER <= pooled / within <= POOLED_MAY_DIFFER


def _own_ratio(stratum: Stratum) -> Ratio:
    ratio = log_welch(stratum.treated, stratum.baseline)
    assert ratio is not None  # both sides have a host
    return ratio


def _two_way(strata: Sequence[Stratum]) -> Ratio:
    rows = [
        (index, is_treated, log)
        for index, stratum in enumerate(strata)
        for is_treated, side in ((1.0, stratum.treated), (0.0, stratum.baseline))
        for log in side
    ]
    design = np.zeros((len(rows), len(strata) + 1))
    for number, (index, is_treated, _) in enumerate(rows):
        design[number, index] = 1
        design[number, -1] = is_treated
    logs = np.array([log for *_, log in rows])
    beta = float(np.linalg.lstsq(design, logs, rcond=None)[0][-1])
    freedom = len(rows) - len(strata) - 1
    if freedom < 1:
        return Ratio(rate_of(beta), None, None)
    half = _quantile(freedom) * _standard_error(design, logs, freedom)
    return Ratio(rate_of(beta), rate_of(beta - half), rate_of(beta + half), freedom)


def _standard_error(design: NDArray[np.float64], logs: NDArray[np.float64], freedom: int) -> float:
    """Of the last coefficient of a least-squares fit."""
    fitted = design @ np.linalg.lstsq(design, logs, rcond=None)[0]
    variance = float(np.sum((logs - fitted) ** 2)) / freedom
    return math.sqrt(variance * float(np.linalg.inv(design.T @ design)[-1, -1]))


@dataclass(frozen=True)
class _Spread:
    """Of the strata's ratios: Higgins' I², the share that chance does not make, and the chance of
    as much from the noise of hosts alone.
    """

    i2_percent: float
    p_value: float


def _spread(strata: Sequence[Stratum]) -> _Spread | None:
    """Cochran's Q over k strata; the noise of one host is pooled over all of them, so that Q/(k-1)
    is Fisher's F. None below two strata or without any noise to estimate.
    """
    sides = [side for stratum in strata for side in (stratum.treated, stratum.baseline)]
    freedom = sum(len(side) - 1 for side in sides)
    squares = sum(_variance(side) * (len(side) - 1) for side in sides if len(side) > 1)
    if len(strata) < 2 or freedom < 1 or squares == 0:
        return None
    differences = np.array([_mean(s.treated) - _mean(s.baseline) for s in strata])
    variances = np.array([1 / len(s.treated) + 1 / len(s.baseline) for s in strata])
    weights = 1 / (variances * squares / freedom)
    q = float(np.sum(weights * (differences - np.average(differences, weights=weights)) ** 2))
    i2_percent = max(0.0, 100 * (q - (len(strata) - 1)) / q) if q > 0 else 0.0
    return _Spread(i2_percent, f_tail(q / (len(strata) - 1), len(strata) - 1, freedom))


def _is_heterogeneous(spread: _Spread | None, widest: float) -> bool:
    if spread is None:
        return widest > WIDE_RANGE
    is_wide = spread.i2_percent > HETEROGENEOUS_PERCENT or widest > WIDE_RANGE
    return is_wide and spread.p_value < HETEROGENEOUS_LEVEL


def _quantile(freedom: float) -> float:
    return float(t_quantile(0.5 + CI_LEVEL / 2, freedom))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    """Of the sample; 0 for one value."""
    if len(values) < 2:
        return 0.0
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
