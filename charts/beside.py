"""Rows of a chart beside each other: the ratio of each to the first row of its group, and how far
its hosts lie apart. Pure; called by `charts.build` with everything that was found.

Only rows of one recipe have a ratio. Where each group is a single row, all rows are one group.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from registry.evidence.ratio import log_welch

LEAST_FOR_SPREAD = 3
EXACT = "exact"


@dataclass(frozen=True)
class Beside:
    """The ratio to row number `base`, with its interval from 3 hosts a side on."""

    base: int
    ratio: float
    ci_low: float | None = None
    ci_high: float | None = None


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
    firsts: dict[tuple[object, ...], int] = {}
    found: dict[int, Beside] = {}
    for number, key in _keys(places):
        base = firsts.setdefault(key, number)
        if number != base:
            found.setdefault(base, Beside(base, 1.0))
            found[number] = _beside(base, places[base], places[number])
    return found


def _keys(places: Sequence[Place]) -> Iterator[tuple[int, tuple[object, ...]]]:
    groups = [place.group for place in places]
    is_grouped = len(set(groups)) < len(groups)
    for number, place in enumerate(places):
        if place.rates and min(place.rates) > 0:
            group = place.group if is_grouped else ""
            yield number, (group, place.recipe)


def _beside(number: int, base: Place, place: Place) -> Beside:
    ratio = log_welch(_logs(place), _logs(base))
    assert ratio is not None  # both have a host
    return Beside(number, ratio.ratio, ratio.ci_low, ratio.ci_high)


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
