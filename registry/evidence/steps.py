"""Where a series steps to another level. Pure functions of arrays, the same answer every time.

`change_points` is the E-divisive method (Matteson and James, 2014) with a permutation test from a
fixed seed; below 20 values its silence proves nothing. `steps` is the rule for one fixed host that
measures every night: Welch's t of the values after a place against those before it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 999
LEVEL = 0.05
LEAST_SIDE = 2
BACK, FORE, THRESHOLD = 12, 12, 7.0
Array = NDArray[np.float64]


def change_points(values: Sequence[float], level: float = LEVEL) -> list[int]:
    """The places at which a new level begins, in order: the split with the largest energy distance
    between its sides, where fewer than `level` of all orders of the values split better; then the
    same within the parts.
    """
    series = np.asarray(values, dtype=float)
    found: list[int] = []
    waiting = [(0, len(series))]
    while waiting:
        low, high = waiting.pop()
        part = series[low:high]
        if len(part) < 2 * LEAST_SIDE or _p_value(part) >= level:
            continue
        place = low + _split(part)[0]
        found.append(place)
        waiting += [(low, place), (place, high)]
    return sorted(found)


def _split(values: Array) -> tuple[int, float]:
    """(place, q) of the best split: q = 2·B/(n+m) - (m·Wx/(n-1) + n·Wy/(m-1))·2/(n+m), of the sums
    of distances between the sides (B) and within each (W).
    """
    distances = np.abs(values[:, None] - values[None, :])
    sums = distances.cumsum(axis=0).cumsum(axis=1)
    places = np.arange(LEAST_SIDE, len(values) - LEAST_SIDE + 1)
    within_left = sums[places - 1, places - 1] / 2
    left_all = sums[places - 1, -1]
    between = left_all - 2 * within_left
    within_right = sums[-1, -1] / 2 - within_left - between
    n, m = places, len(values) - places
    energy = 2 * between / (n * m)
    energy -= 2 * within_left / (n * (n - 1)) + 2 * within_right / (m * (m - 1))
    q = n * m / (n + m) * energy
    best = int(np.argmax(q))
    return int(places[best]), float(q[best])


def _p_value(values: Array) -> float:
    """The share of orders of the values, this one among them, that split as well."""
    if np.ptp(values) == 0:
        return 1.0
    chance = np.random.default_rng(1)
    best = _split(values)[1]
    as_good = sum(
        _split(chance.permutation(values))[1] >= best * (1 - 1e-12) for _ in range(PERMUTATIONS)
    )
    return (1 + as_good) / (1 + PERMUTATIONS)


@dataclass(frozen=True)
class Weighed:
    """Mean with weights, and the sample variance of the values about it."""

    mean: float
    variance: float
    n: int


def weighed(values: Sequence[float], weight: Callable[[int, int], float] | None = None) -> Weighed:
    """`weight(place, n)` of each value, 1 where none is given. Needs a value."""
    n = len(values)
    weights = [weight(place, n) if weight else 1.0 for place in range(n)]
    mean = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Weighed(mean, squares / (n - 1) if n > 1 else 0.0, n)


def falling(place: int, n: int) -> float:
    """Weights from 1 down to 1/n."""
    return (n - place) / n


def t_between(before: Sequence[float], after: Sequence[float]) -> float:
    """Welch's t, without a sign; infinite where neither side varies and the means differ."""
    first, second = weighed(before), weighed(after)
    difference = abs(second.mean - first.mean)
    if difference == 0:
        return 0.0
    error = first.variance / first.n + second.variance / second.n
    return difference / math.sqrt(error) if error else math.inf


def steps(
    values: Sequence[float], back: int = BACK, fore: int = FORE, threshold: float = THRESHOLD
) -> list[int]:
    """The places at which the `fore` values from there on lie `threshold` or more from the `back`
    values before, and no neighbour within half a window lies further.
    """
    t = [
        t_between(values[max(0, place - back) : place], values[place : place + fore])
        if 0 < place <= len(values) - 1
        else 0.0
        for place in range(len(values))
    ]
    reach = min(back, fore)
    return [
        place
        for place, own in enumerate(t)
        if own >= threshold
        and place
        == max(range(max(0, place - reach), min(len(t), place + reach)), key=t.__getitem__)
    ]
