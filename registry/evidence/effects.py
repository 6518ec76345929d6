"""What a change of one factor does: from blocks of paired runs on a host to a verdict over hosts.
Pure functions of arrays.

Blocks are ABBA or BAAB, whose four runs cancel a linear drift. One host gives a ratio and an
interval, never a verdict word; words need three machines, and Holm's correction over all factors
that are judged together (measuring.md's last section has the order of the words).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from registry.evidence.direction import HIGHER, gain
from registry.evidence.distributions import t_quantile, t_tail
from registry.evidence.logs import rate_of

CI_LEVEL = 0.95
LEAST_MACHINES = 3
LEAST_BLOCKS = 2
NO_DIFFERENCE = 1.03  # a ratio between its inverse and this is of no practical effect
POWER = 0.80
# Of Holm's correction for a word: below the 5 % that is promised, which a family of many placebos
# would otherwise come to exactly, and exceed in every other sample of worlds.
WORD_LEVEL = 0.03
MACHINES_ASKED_FOR = 1000


@dataclass(frozen=True)
class Block:
    """Natural logarithms of the rates of a block: two runs of each arm."""

    a: tuple[float, float]
    b: tuple[float, float]

    @property
    def effect(self) -> float:
        """½ (B₁ + B₂ - A₁ - A₂): the log ratio of B to A."""
        return (self.b[0] + self.b[1] - self.a[0] - self.a[1]) / 2


@dataclass(frozen=True)
class Effect:
    """The ratio of B to A with its interval, over blocks of a host or over hosts.

    `ci_*` and `p_value` are None below two values; `prediction_*` is where the effect on one more
    host is expected, None below three.
    """

    ratio: float
    ci_low: float | None
    ci_high: float | None
    n: int
    p_value: float | None = None
    prediction_low: float | None = None
    prediction_high: float | None = None
    n_up: int = 0
    is_small: bool = False


def of_host(blocks: Sequence[Block]) -> Effect | None:
    """The effect on one host: Student's interval over its blocks. None without a block."""
    return over([block.effect for block in blocks])


def over(effects: Sequence[float]) -> Effect | None:
    """Mean of log ratios with exp(mean ± t·s/√n), and the prediction interval
    exp(mean ± t·s·√(1 + 1/n)) from three on.

    `is_small` is the outcome of two one-sided tests at 5 %: the 90 % interval lies within
    [1/1.03, 1.03].
    """
    n = len(effects)
    if n == 0:
        return None
    mean = math.fsum(effects) / n
    up = sum(effect > 0 for effect in effects)
    if n < LEAST_BLOCKS:
        return Effect(rate_of(mean), None, None, n, n_up=up)
    deviation = math.sqrt(math.fsum((effect - mean) ** 2 for effect in effects) / (n - 1))
    error = deviation / math.sqrt(n)
    half = float(t_quantile(0.5 + CI_LEVEL / 2, n - 1)) * error
    spread = float(t_quantile(0.5 + CI_LEVEL / 2, n - 1)) * deviation * math.sqrt(1 + 1 / n)
    is_predicted = n >= LEAST_MACHINES
    return Effect(
        ratio=rate_of(mean),
        ci_low=rate_of(mean - half),
        ci_high=rate_of(mean + half),
        n=n,
        p_value=_p_value(mean, error, n),
        prediction_low=rate_of(mean - spread) if is_predicted else None,
        prediction_high=rate_of(mean + spread) if is_predicted else None,
        n_up=up,
        is_small=_is_small(mean, error, n),
    )


def _p_value(mean: float, error: float, n: int) -> float:
    """Two-sided, of no effect."""
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * t_tail(abs(mean) / error, n - 1))


def _is_small(mean: float, error: float, n: int) -> bool:
    half = float(t_quantile(0.95, n - 1)) * error
    return abs(mean) + half <= math.log(NO_DIFFERENCE)


def verdict(
    effect: Effect | None,
    adjusted_p: float | None,
    is_exercised: bool = True,
    direction: str = HIGHER,
) -> str:
    """The contract's word for an effect over machines.

    In this order: not_exercised, not_enough_data, no_difference, helps or hurts, unclear.
    `adjusted_p` is Holm's, over all rows that are judged together.
    """
    if not is_exercised:
        return "not_exercised"
    if effect is None or effect.n < LEAST_MACHINES or adjusted_p is None:
        return "not_enough_data"
    if effect.is_small:
        return "no_difference"
    if adjusted_p <= WORD_LEVEL:
        return "helps" if gain(math.log(effect.ratio), direction) > 0 else "hurts"
    return "unclear"


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given."""
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    stepped = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in adjusted]


def q_values(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values, in the order given."""
    values = np.asarray(p_values, dtype=float)
    falling = np.argsort(-values, kind="stable")
    scaled = values[falling] * len(values) / np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[falling] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]


def smallest_visible(deviation: float, n: int) -> float | None:
    """The ratio that n values with this standard deviation of logs can tell from 1: the half-width
    of their interval. None below two.
    """
    if n < LEAST_BLOCKS:
        return None
    return rate_of(float(t_quantile(0.5 + CI_LEVEL / 2, n - 1)) * deviation / math.sqrt(n))


def machines_needed(deviation: float) -> int | None:
    """The least number of machines that tells a 3 % effect from none with a power of 80 %.

    n ≥ ((t.975 + t.80)·s / ln 1.03)², where t has n - 1 degrees of freedom; None above
    `MACHINES_ASKED_FOR`.
    """
    counts = np.arange(LEAST_MACHINES, MACHINES_ASKED_FOR + 1)
    quantiles = t_quantile(0.5 + CI_LEVEL / 2, counts - 1) + t_quantile(POWER, counts - 1)
    enough = counts >= (quantiles * deviation / math.log(NO_DIFFERENCE)) ** 2
    return int(counts[enough.argmax()]) if enough.any() else None


def carry_over(blocks: Sequence[Sequence[float]], orders: Sequence[str]) -> float | None:
    """Two-sided p that the second of two runs of one arm in a row is like the first.

    `blocks` are four log rates each in the order they ran, `orders` "ABBA" or "BAAB": the runs in
    the middle are of one arm. None below three blocks, or where nothing varies.
    """
    if any(order not in ("ABBA", "BAAB") for order in orders):
        raise ValueError("a block is ABBA or BAAB")
    gains = [block[2] - block[1] for block in blocks]
    drift = [(block[3] - block[0]) / 3 for block in blocks]
    left = [gain - slope for gain, slope in zip(gains, drift, strict=True)]
    found = over(left) if len(left) >= LEAST_MACHINES else None
    return found.p_value if found and len(set(left)) > 1 else None
