"""Rows of a chart beside each other: the ratio of each to the first row of its group, and how far
its hosts lie apart. Pure; called by `charts.build` with everything that was found.

Only rows of one recipe have a ratio. Where each group is a single row, all rows are one group.
A reader looks for the largest of many ratios, so the intervals of all ratios to one row hold
together at 95 %: each at 1 - 0.05 / m where there are m of them (Bonferroni).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry.evidence.distributions import t_quantile
from registry.evidence.logs import rate_of
from registry.evidence.ratio import CI_LEVEL, Ratio, log_welch

LEAST_FOR_SPREAD = 3
EXACT = "exact"


@dataclass(frozen=True)
class Beside:
    """The ratio to row number `base`, with its interval where both have 3 hosts or more, which
    holds for all `together` ratios to that row that have one.
    """

    base: int
    ratio: float
    ci_low: float | None = None
    ci_high: float | None = None
    together: int = 1


@dataclass(frozen=True)
class Place:
    """A row as it is compared: `recipe` is what it is, not its words; `rates` are one a host, empty
    where there is nothing to compare.
    """

    group: str
    recipe: tuple[object, ...]
    rates: tuple[float, ...]


def ratios(places: Sequence[Place]) -> dict[int, Beside]:
    """By row number; a row that has no other of its group and recipe has none."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, key in _keys(places):
        groups.setdefault(key, []).append(number)
    found: dict[int, Beside] = {}
    for base, *others in groups.values():
        each = {number: _ratio(places[number], places[base]) for number in others}
        together = sum(ratio.ci_low is not None for ratio in each.values())
        if each:
            found[base] = Beside(base, 1.0)
        found |= {number: _beside(base, ratio, together) for number, ratio in each.items()}
    return found


def _keys(places: Sequence[Place]) -> Iterator[tuple[int, tuple[object, ...]]]:
    groups = [place.group for place in places]
    is_grouped = len(set(groups)) < len(groups)
    for number, place in enumerate(places):
        if place.rates and min(place.rates) > 0:
            group = place.group if is_grouped else ""
            yield number, (group, place.recipe)


def _ratio(place: Place, base: Place) -> Ratio:
    ratio = log_welch(_logs(place), _logs(base))
    assert ratio is not None  # both have a host
    return ratio


def _beside(base: int, ratio: Ratio, together: int) -> Beside:
    """With its interval made as wide as it takes for all of them to hold."""
    low, high = ratio.ci_low, ratio.ci_high
    if low is None or high is None:
        return Beside(base, ratio.ratio)
    if together > 1 and ratio.freedom is not None:  # None where hosts do not differ at all
        wider = _quantile(together, ratio.freedom) / _quantile(1, ratio.freedom)
        log = math.log(ratio.ratio)
        low, high = (rate_of(log + wider * (math.log(end) - log)) for end in (low, high))
    return Beside(base, ratio.ratio, low, high, together)


def _quantile(together: int, freedom: float) -> float:
    return float(t_quantile(1 - (1 - CI_LEVEL) / 2 / together, freedom))


def _logs(place: Place) -> list[float]:
    return [math.log(rate) for rate in place.rates]


def spread_percent(rates: Sequence[float]) -> float | None:
    """One standard deviation between hosts, in percent; None below 3 of them."""
    if len(rates) < LEAST_FOR_SPREAD or min(rates) <= 0:
        return None
    logs = [math.log(rate) for rate in rates]
    mean = math.fsum(logs) / len(logs)
    variance = math.fsum((log - mean) ** 2 for log in logs) / (len(logs) - 1)
    return 100 * math.expm1(min(math.sqrt(variance), 20.0))
