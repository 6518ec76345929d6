"""How the rate of one and the same host changes with its kernel: least squares of log rate = host +
kernel. Pure functions of arrays.

Newer kernels stand on newer CPUs, so means by kernel say nothing; only hosts that were measured
under two kernels or more do. Kernels count from three such hosts on, and where they are linked to
the reference through hosts (the bipartite graph of hosts and kernels is connected).
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from registry.evidence.distributions import t_quantile
from registry.evidence.logs import rate_of

CI_LEVEL = 0.95
LEAST_HOSTS = 3
TOO_FEW, NOT_LINKED = "too few hosts with another kernel", "not linked to the others"


@dataclass(frozen=True)
class Observation:
    """One host under one kernel: `log` is the mean of the natural logarithms of its rates."""

    host: Hashable
    kernel: str
    log: float


@dataclass(frozen=True)
class Point:
    """A kernel beside the reference, on the same hosts: ratio with its 95 % interval, None where
    nothing is left to estimate the noise from. The reference itself is 1 without an interval.
    """

    kernel: str
    ratio: float
    ci_low: float | None
    ci_high: float | None
    n_hosts: int


@dataclass(frozen=True)
class Drift:
    """`points` in the order of `kernels` as asked; `left_out` says why a kernel has none."""

    reference: str
    points: tuple[Point, ...]
    n_hosts: int
    freedom: int
    left_out: Mapping[str, str]


def drift(observations: Iterable[Observation], kernels: Sequence[str]) -> Drift | None:
    """The kernels in their order, beside the one of most hosts, the older of equals.

    γ by least squares of log = host + kernel, exp(γ ± t(.975, N - H - K + 1) · s.e.); N values, H
    hosts, K kernels. Several values of one host under one kernel are averaged first. None where no
    two kernels are linked.
    """
    rates = _means(observations)
    linked, left_out = _linked(rates, kernels)
    if not linked:
        return None
    hosts: dict[Hashable, dict[str, float]] = {}
    for host, own in rates.items():
        kept = {kernel: log for kernel, log in own.items() if kernel in linked}
        if len(kept) > 1:
            hosts[host] = kept
    counts = {name: sum(name in own for own in hosts.values()) for name in linked}
    reference = max(linked, key=lambda name: (counts[name], -kernels.index(name)))
    others = [name for name in linked if name != reference]
    gammas, errors, freedom = _fit(list(hosts.values()), others)
    known = dict(zip(others, zip(gammas, errors, strict=True), strict=True))
    points = (_point(name, known.get(name), counts[name], freedom) for name in linked)
    return Drift(reference, tuple(points), len(hosts), freedom, left_out)


def _means(observations: Iterable[Observation]) -> dict[Hashable, dict[str, float]]:
    found: dict[Hashable, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in observations:
        found[each.host][each.kernel].append(each.log)
    return {
        host: {kernel: math.fsum(logs) / len(logs) for kernel, logs in own.items()}
        for host, own in found.items()
    }


def _linked(
    rates: Mapping[Hashable, Mapping[str, float]], kernels: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """The kernels that can be told, in their order, and why the others cannot: those of three hosts
    that also have another such kernel, then the largest set that hosts link.
    """
    kept = set(kernels)
    while True:
        counts: dict[str, int] = defaultdict(int)
        for own in rates.values():
            shared = kept & own.keys()
            if len(shared) > 1:
                for name in shared:
                    counts[name] += 1
        enough = {name for name in kept if counts[name] >= LEAST_HOSTS}
        if enough == kept:
            break
        kept = enough
    left_out = {name: TOO_FEW for name in kernels if name not in kept}
    parts = _parts(rates, kept)
    if not parts:
        return [], left_out
    largest = max(parts, key=lambda part: (sum(counts[name] for name in part), sorted(part)))
    left_out |= dict.fromkeys(kept - largest, NOT_LINKED)
    return [name for name in kernels if name in largest], left_out


def _parts(
    rates: Mapping[Hashable, Mapping[str, float]], kernels: set[str]
) -> list[frozenset[str]]:
    """The kernels in sets that hosts link."""
    parts = {name: frozenset({name}) for name in kernels}
    for own in rates.values():
        joined = frozenset[str]().union(*(parts[name] for name in kernels & own.keys()))
        for name in joined:
            parts[name] = joined
    return [part for part in set(parts.values()) if len(part) > 1]


def _fit(
    hosts: Sequence[Mapping[str, float]], others: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Coefficients of the kernels but the reference, their standard errors (0 without a degree of
    freedom) and the degrees of freedom. Host effects are swept out: every host's values are taken
    from their mean (Frisch and Waugh), so that only the kernels are solved for.
    """
    place = {name: number for number, name in enumerate(others)}
    inner, outer = np.zeros((len(others), len(others))), np.zeros(len(others))
    rows = []
    for own in hosts:
        x = np.zeros((len(own), len(others)))
        for number, name in enumerate(own):
            if name in place:
                x[number, place[name]] = 1
        y = np.array(list(own.values()))
        x, y = x - x.mean(axis=0), y - y.mean()
        inner += x.T @ x
        outer += x.T @ y
        rows.append((x, y))
    gammas = np.linalg.solve(inner, outer).astype(np.float64)
    squares = math.fsum(float(np.sum((y - x @ gammas) ** 2)) for x, y in rows)
    freedom = sum(len(own) for own in hosts) - len(hosts) - len(others)
    variance = squares / freedom if freedom > 0 else 0.0
    errors: NDArray[np.float64] = np.sqrt(variance * np.diag(np.linalg.inv(inner)))
    return gammas, errors, freedom


def _point(name: str, found: tuple[float, float] | None, n_hosts: int, freedom: int) -> Point:
    if found is None:
        return Point(name, 1.0, None, None, n_hosts)
    gamma, error = map(float, found)
    if freedom < 1:
        return Point(name, rate_of(gamma), None, None, n_hosts)
    half = float(t_quantile(0.5 + CI_LEVEL / 2, freedom)) * error
    return Point(name, rate_of(gamma), rate_of(gamma - half), rate_of(gamma + half), n_hosts)
