"""The paired experiment as arithmetic: how many blocks, in which order, and what they say; and the
quantiles of Student's t that it needs.

A block is four runs, ABBA or BAAB, so that a steady drift of the host cancels within it; its ratio
is the mean of its B runs over that of its A runs, on the logarithm. Pure; `crr_submit.tune` carries
it out.
"""

import math
import random
import statistics
from dataclasses import dataclass
from typing import List, Sequence, Tuple

ORDERS = ("ABBA", "BAAB")
# The number of blocks is chosen to find an effect of this size in four of five experiments.
WANTED_RATIO = 1.03


@dataclass(frozen=True)
class Design:
    """How much is measured. The pilot chooses the number of blocks and is no part of the result."""

    run_s: float = 3.0
    settle_s: float = 2.0
    least_blocks: int = 6
    most_blocks: int = 16
    pilot_blocks: int = 2
    pilot_transactions: int = 5_000


DEFAULT = Design()
QUICK = Design(run_s=1.0, least_blocks=3, most_blocks=3, pilot_blocks=1)
THOROUGH = Design(least_blocks=16)


@dataclass(frozen=True)
class Ratio:
    """A geometric mean with its 95 % interval (Student's t on the logarithms)."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Effect:
    """B over A. `carry_over` is the first over the second of two neighbouring runs of one arm: far
    from 1, a run still felt the arm before it.
    """

    blocks: Tuple[float, ...]
    overall: Ratio
    smallest_visible: float
    carry_over: Ratio


def draw_orders(count: int, chance: random.Random) -> List[str]:
    return [chance.choice(ORDERS) for _ in range(count)]


def needed_blocks(pilot_rates: Sequence[float], order: str, design: Design) -> int:
    """Blocks for WANTED_RATIO, within the design's bounds. `order` has a letter for each rate."""
    noise = _noise(pilot_rates, order)
    count = max(2, design.least_blocks)
    while count < design.most_blocks and _visible(noise, count) > math.log(WANTED_RATIO):
        count += 1
    return min(count, design.most_blocks)


def effect(orders: Sequence[str], rates: Sequence[float]) -> Effect:
    """What the blocks say; `rates` in the order of the runs, at least two blocks."""
    logs = [math.log(rate) for rate in rates]
    blocks = [_block(order, logs[4 * n : 4 * n + 4]) for n, order in enumerate(orders)]
    letters = "".join(orders)
    # Never three of a letter in a row: a block begins and ends with the same one.
    pairs = [n for n in range(len(logs) - 1) if letters[n] == letters[n + 1]]
    return Effect(
        blocks=tuple(math.exp(block) for block in blocks),
        overall=_ratio(blocks),
        smallest_visible=math.exp(_visible(statistics.stdev(blocks), len(blocks))),
        carry_over=_ratio([logs[n] - logs[n + 1] for n in pairs]),
    )


def _block(order: str, logs: Sequence[float]) -> float:
    return sum(log if letter == "B" else -log for letter, log in zip(order, logs)) / 2


def _noise(rates: Sequence[float], order: str) -> float:
    """Standard deviation of a log rate about its arm's mean. That of a block's log ratio is the
    same: the difference of two means of two.
    """
    squares = 0.0
    for letter in "AB":
        logs = [math.log(rate) for rate, arm in zip(rates, order) if arm == letter]
        squares += statistics.variance(logs) * (len(logs) - 1)
    return math.sqrt(squares / (len(rates) - 2))


def _visible(noise: float, count: int) -> float:
    """The log ratio that so many blocks find with 80 % chance at the 5 % level."""
    return (t975(count - 1) + t80(count - 1)) * noise / math.sqrt(count)


def _ratio(logs: Sequence[float]) -> Ratio:
    low, high = interval(logs)
    mean = math.fsum(logs) / len(logs)
    return Ratio(math.exp(mean), math.exp(low), math.exp(high), len(logs))


# 97.5 %: both ends of a 95 % interval.
_T975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
_T975 += [2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086]
_T975 += [2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]
# 80 %: the chance of seeing an effect of the size asked for.
_T80 = [1.376, 1.061, 0.978, 0.941, 0.920, 0.906, 0.896, 0.889, 0.883, 0.879]
_T80 += [0.876, 0.873, 0.870, 0.868, 0.866, 0.865, 0.863, 0.862, 0.861, 0.860]
_T80 += [0.859, 0.858, 0.858, 0.857, 0.856, 0.856, 0.855, 0.855, 0.854, 0.854]


def t975(freedom: int) -> float:
    return _T975[freedom - 1] if freedom <= len(_T975) else 1.960


def t80(freedom: int) -> float:
    return _T80[freedom - 1] if freedom <= len(_T80) else 0.842


def interval(values: Sequence[float]) -> Tuple[float, float]:
    """95 % interval of the mean of two or more values."""
    mean = math.fsum(values) / len(values)
    half = t975(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half
