"""What a platform costs: the ratio to bare metal within strata of the same CPU. Pure functions.

A host is one value in one stratum (recipe, CPU model, number of CPUs): the mean of the logarithms
of its figures there. Of rates, less than 1 is a cost; of times, more. Strata without bare metal say
nothing and are counted as what is missing.
"""

import math
from collections import Counter, defaultdict
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
    stratified,
)

BARE_METAL = "none"


class CpuStratum(NamedTuple):
    """Hosts that may be compared: one recipe, one CPU model, one number of CPUs."""

    recipe_id: int
    cpu_model: str
    cpus: int | None


@dataclass(frozen=True)
class Host:
    """One voter on one platform in one stratum. `log` is the natural logarithm of its rate."""

    stratum: CpuStratum
    platform: tuple[str | None, ...]
    submitter: int
    log: float


@dataclass(frozen=True)
class Cost:
    """A platform beside bare metal. `found` is None where no stratum holds both, `strata` are those
    that do, each with its own ratio; `n_hosts` counts all of the platform's hosts, those without a
    counterpart included.

    `verdict`: not_enough_data, differs_by_cpu (print the range, not the average), no_difference
    (90 % interval within [1/1.03, 1.03]), slower or faster (Holm over all platforms), unclear.
    """

    platform: tuple[str | None, ...]
    found: StratifiedRatio | None
    strata: tuple[tuple[CpuStratum, Ratio], ...]
    n_hosts: int
    verdict: str
    needs: str
    n_in_stratum: Mapping[CpuStratum, int] = field(default_factory=dict)  # hosts of the platform

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
    found = {name: _beside(rows, bare) for name, rows in guests.items()}
    told = {name: ratio for name, ratio in found.items() if ratio and ratio.has_enough}
    adjusted = dict(
        zip(told, holm_adjusted([_p_value(r.overall) for r in told.values()]), strict=True)
    )
    rows = [
        Cost(
            platform=name,
            found=found[name],
            strata=_strata(found[name], guests[name]),
            n_hosts=len(guests[name]),
            verdict=_verdict(told.get(name), adjusted.get(name), direction),
            needs=_needs(found[name]),
            n_in_stratum=Counter(host.stratum for host in guests[name]),
        )
        for name in guests
    ]
    return sorted(rows, key=lambda cost: _order(cost, direction))


def _order(cost: Cost, direction: str) -> tuple[bool, float, str]:
    rise = gain(math.log(cost.found.overall.ratio), direction) if cost.found else math.inf
    return cost.verdict == "not_enough_data", rise, str(cost.platform)


def _strata(
    found: StratifiedRatio | None, hosts: Sequence[Host]
) -> tuple[tuple[CpuStratum, Ratio], ...]:
    names = {str(host.stratum): host.stratum for host in hosts}
    ratios = found.by_stratum if found else {}
    return tuple((names[name], ratio) for name, ratio in ratios.items())


def _beside(guests: Sequence[Host], bare: Sequence[Host]) -> StratifiedRatio | None:
    treated, baseline = by_stratum(guests), by_stratum(bare)
    return stratified(
        [
            Stratum(str(name), tuple(treated[name]), tuple(baseline[name]))
            for name in sorted(treated.keys() & baseline.keys(), key=str)
        ]
    )


def by_stratum(hosts: Iterable[Host]) -> dict[CpuStratum, list[float]]:
    """The values of each stratum. Where one submitter owns more than a third of a stratum's hosts,
    they count as one, their mean.
    """
    rows: dict[CpuStratum, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for host in hosts:
        rows[host.stratum][host.submitter].append(host.log)
    return {name: bounded(owners.values()) for name, owners in rows.items()}


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


def _needs(found: StratifiedRatio | None) -> str:
    """What is missing for a verdict; empty where nothing is."""
    if found and found.has_enough and found.overall.ci_low is not None:
        return ""
    strata = LEAST_STRATA - (len(found.by_stratum) if found else 0)
    guests = max(0, LEAST_HOSTS - (found.n_treated if found else 0))
    bare = max(0, LEAST_HOSTS - (found.n_baseline if found else 0))
    hosts = [f"{n} more {word}" for n, word in ((guests, "of it"), (bare, "of bare metal")) if n]
    return (
        f"hosts with the same CPU: {' and '.join(hosts) or 'one more of either'}, "
        f"or {strata} more CPU model{'s' if strata != 1 else ''} with both"
    )
