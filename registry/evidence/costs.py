"""What a platform costs: the ratio to bare metal within strata of the same CPU. Pure functions.

A host is one value in one stratum (CPU model, number of CPUs): the mean of the logarithms of its
figures there, under the one recipe in which the two sides have the most hosts. Of rates, less than
1 is a cost; of times, more. Strata without bare metal say nothing and are counted as what is
missing.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from registry.evidence.direction import HIGHER, gain
from registry.evidence.distributions import t_quantile, t_tail
from registry.evidence.effects import NO_DIFFERENCE, holm_adjusted
from registry.evidence.groups import LARGEST_SHARE
from registry.evidence.ratio import (
    CI_LEVEL,
    LEAST_HOSTS,
    LEAST_STRATA,
    Ratio,
    StratifiedRatio,
    Stratum,
    has_enough,
    stratified,
)

BARE_METAL = "none"


class CpuStratum(NamedTuple):
    """Hosts that may be compared: one CPU model, one number of CPUs."""

    cpu_model: str
    cpus: int | None


@dataclass(frozen=True)
class Host:
    """One voter on one platform in one stratum under one recipe. `log` is the natural logarithm of
    its rate.
    """

    stratum: CpuStratum
    platform: tuple[str | None, ...]
    voter: str
    submitter: int
    log: float
    recipe_id: int = 0


class _Sides(NamedTuple):
    guests: list[Host]
    bare: list[Host]


@dataclass(frozen=True)
class Matched:
    """How many hosts are behind a ratio, whatever their votes are. A host that was seen with two
    numbers of CPUs is one.
    """

    n_guests: int = 0
    n_bare: int = 0
    n_models: int = 0

    @property
    def has_enough(self) -> bool:
        return has_enough(self.n_models, self.n_guests, self.n_bare)


@dataclass(frozen=True)
class Cost:
    """A platform beside bare metal. `found` is None where no stratum holds both, `strata` are those
    that do, each with its own ratio; `matched` counts the hosts behind it, `n_hosts` all of the
    platform's, those without a counterpart included.

    `verdict`: not_enough_data, differs_by_cpu (print the range, not the average), no_difference
    (90 % interval within [1/1.03, 1.03]), slower or faster (Holm over all platforms), unclear.
    """

    platform: tuple[str | None, ...]
    found: StratifiedRatio | None
    strata: tuple[tuple[CpuStratum, Ratio], ...]
    n_hosts: int
    verdict: str
    needs: str
    matched: Matched = Matched()
    n_in_stratum: Mapping[CpuStratum, int] = field(default_factory=dict)  # hosts of the platform

    @property
    def n_unmatched(self) -> int:
        return self.n_hosts - self.matched.n_guests

    @property
    def range(self) -> tuple[float, float] | None:
        """The smallest and the largest ratio of a stratum."""
        if self.found is None:
            return None
        ratios = [ratio.ratio for _, ratio in self.strata]
        return min(ratios), max(ratios)


def costs(hosts: Iterable[Host], direction: str = HIGHER) -> list[Cost]:
    """Every platform but bare metal, the dearest first; those without enough hosts last."""
    by_platform: dict[tuple[str | None, ...], list[Host]] = defaultdict(list)
    for host in hosts:
        by_platform[host.platform].append(host)
    bare = [h for platform, rows in by_platform.items() if platform[0] == BARE_METAL for h in rows]
    guests = {name: rows for name, rows in by_platform.items() if name[0] != BARE_METAL}
    sides = {name: _one_recipe(rows, bare) for name, rows in guests.items()}
    matched = {name: _count(strata) for name, strata in sides.items()}
    found = {name: _beside(strata, matched[name]) for name, strata in sides.items()}
    told = {
        name: ratio
        for name, ratio in found.items()
        if ratio and matched[name].has_enough and ratio.overall.ci_low is not None
    }
    adjusted = dict(
        zip(told, holm_adjusted([_p_value(r.overall) for r in told.values()]), strict=True)
    )
    rows = [
        Cost(
            platform=name,
            found=found[name],
            strata=_strata(found[name], sides[name]),
            n_hosts=_voters(guests[name]),
            verdict=_verdict(told.get(name), adjusted.get(name), direction),
            needs="" if name in told else _needs(found[name], matched[name]),
            matched=matched[name],
            n_in_stratum={stratum: _voters(side.guests) for stratum, side in sides[name].items()},
        )
        for name in guests
    ]
    return sorted(rows, key=lambda cost: _order(cost, direction))


def _order(cost: Cost, direction: str) -> tuple[bool, float, str]:
    rise = gain(math.log(cost.found.overall.ratio), direction) if cost.found else math.inf
    return cost.verdict == "not_enough_data", rise, str(cost.platform)


def _strata(
    found: StratifiedRatio | None, sides: Iterable[CpuStratum]
) -> tuple[tuple[CpuStratum, Ratio], ...]:
    return tuple((name, found.by_stratum[str(name)]) for name in sides) if found else ()


def _one_recipe(guests: Iterable[Host], bare: Iterable[Host]) -> dict[CpuStratum, _Sides]:
    """The strata that hold both sides, each under the recipe of the most hosts, of equals the
    first: a host that was measured under several is one.
    """
    by_recipe: dict[tuple[CpuStratum, int], _Sides] = defaultdict(lambda: _Sides([], []))
    for host in guests:
        by_recipe[host.stratum, host.recipe_id].guests.append(host)
    for host in bare:
        by_recipe[host.stratum, host.recipe_id].bare.append(host)
    both = [(key, sides) for key, sides in by_recipe.items() if sides.guests and sides.bare]
    both.sort(key=lambda each: (str(each[0][0]), -sum(map(_voters, each[1])), each[0][1]))
    found: dict[CpuStratum, _Sides] = {}
    for (stratum, _), sides in both:
        found.setdefault(stratum, sides)
    return found


def _voters(hosts: Iterable[Host]) -> int:
    return len({host.voter for host in hosts})


def _count(strata: Mapping[CpuStratum, _Sides]) -> Matched:
    guests = [host for sides in strata.values() for host in sides.guests]
    bare = [host for sides in strata.values() for host in sides.bare]
    return Matched(_voters(guests), _voters(bare), len({each.cpu_model for each in strata}))


def _beside(strata: Mapping[CpuStratum, _Sides], matched: Matched) -> StratifiedRatio | None:
    return stratified(
        [
            Stratum(str(name), tuple(votes_of(sides.guests)), tuple(votes_of(sides.bare)))
            for name, sides in strata.items()
        ],
        (matched.n_guests, matched.n_bare),
    )


def votes_of(hosts: Iterable[Host]) -> list[float]:
    """The values of one side of a stratum. Where one submitter owns more than a third of its hosts,
    they count as one, their mean.
    """
    owners: dict[int, list[float]] = defaultdict(list)
    for host in hosts:
        owners[host.submitter].append(host.log)
    return bounded(owners.values())


def bounded(owners: Iterable[Sequence[float]]) -> list[float]:
    """Values, one list an owner, with those of an owner of more than a third of all as one mean."""
    lists = list(owners)
    most = LARGEST_SHARE * sum(map(len, lists))
    return [
        value
        for own in lists
        for value in ([math.fsum(own) / len(own)] if len(own) > max(1, most) else own)
    ]


def _error(ratio: Ratio) -> float | None:
    """Standard error of the log ratio, from its interval; None without one."""
    if ratio.ci_low is None or ratio.ci_high is None or not ratio.freedom:
        return None
    width = math.log(ratio.ci_high) - math.log(ratio.ci_low)
    return width / 2 / float(t_quantile(0.5 + CI_LEVEL / 2, ratio.freedom))


def _p_value(ratio: Ratio) -> float:
    """Two-sided, of no difference; 1 where there is no interval."""
    error, log = _error(ratio), math.log(ratio.ratio)
    if error is None:
        return 1.0
    if error == 0:
        return 1.0 if log == 0 else 0.0
    assert ratio.freedom  # where there is an error
    return float(2 * t_tail(abs(log) / error, ratio.freedom))


def _verdict(found: StratifiedRatio | None, adjusted_p: float | None, direction: str) -> str:
    if found is None or adjusted_p is None:
        return "not_enough_data"
    error = _error(found.overall)
    if error is None:
        return "not_enough_data"
    if found.is_heterogeneous:
        return "differs_by_cpu"
    assert found.overall.freedom
    half = float(t_quantile(0.95, found.overall.freedom)) * error
    if abs(math.log(found.overall.ratio)) + half <= math.log(NO_DIFFERENCE):
        return "no_difference"
    if adjusted_p <= 1 - CI_LEVEL:
        return "slower" if gain(math.log(found.overall.ratio), direction) < 0 else "faster"
    return "unclear"


def _needs(found: StratifiedRatio | None, matched: Matched) -> str:
    """What is missing for a verdict: where one sender has too many hosts, those of others."""
    votes = (found.n_treated, found.n_baseline) if found else (0, 0)
    own = (min(votes[0], matched.n_guests), min(votes[1], matched.n_bare))
    told = zip(own, ("of it", "of bare metal"), strict=True)
    hosts = [f"{LEAST_HOSTS - n} more {word}" for n, word in told if n < LEAST_HOSTS]
    strata = max(1, LEAST_STRATA - matched.n_models)
    others = " by other senders" if own != (matched.n_guests, matched.n_bare) else ""
    return (
        f"hosts with the same CPU{others}: {' and '.join(hosts) or 'one more of either'}, "
        f"or {strata} more CPU model{'s' if strata != 1 else ''} with both"
    )
