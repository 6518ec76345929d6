"""Every statistic, on data that nobody should have: few, none, all the same, far apart. None or a
finite number comes out, never nan or infinity, and nothing is raised but what a docstring names.

The values are logarithms of figures that a report may hold: from 1e-300 to 1e15.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.evidence import (
    costs,
    effects,
    groups,
    limiter,
    outliers,
    ranking,
    ratio,
    robust,
    shrinkage,
    summary,
    tweaks,
)
from registry.evidence.tweaks import EXPERIMENT, MATCHED, Contrast, HostEffect

LOG = st.one_of(
    st.sampled_from([-690.0, 0.0, -0.0, 1e-300, 9.2, 9.2 + 1e-15, 34.5]),
    st.floats(-690.0, 34.5),
)
LOGS = st.one_of(
    st.lists(LOG, max_size=12), st.builds(lambda x, n: [x] * n, LOG, st.integers(0, 9))
)
MANY_LOGS = st.lists(LOGS, max_size=6)
LETTERS = st.text("ab", max_size=12)
SEEN = st.lists(
    st.builds(
        groups.Observation,
        key=st.tuples(st.sampled_from("xy")),
        voter=st.sampled_from("abcdef"),
        submitter=st.integers(1, 3),
        mean_ln=LOG,
        n_runs=st.integers(1, 9),
        n_sittings=st.integers(1, 3),
        imported=st.booleans(),
        newest=st.just(0),
        stratum=st.none(),
    ),
    max_size=14,
)
HOSTS = st.lists(
    st.builds(
        costs.Host,
        stratum=st.builds(costs.CpuStratum, st.sampled_from("AB"), st.just(2)),
        platform=st.sampled_from([("none", None), ("kvm", None), ("xen", "pv")]),
        voter=st.sampled_from("abcdef"),
        submitter=st.integers(1, 6),
        log=LOG,
        recipe_id=st.sampled_from([1, 2]),
    ),
    max_size=16,
)
TRIED = st.lists(
    st.builds(
        HostEffect,
        contrast=st.builds(
            Contrast,
            st.sampled_from(["rps.lo", "clocksource"]),
            *map(st.just, ("a", "b", "TCP_CRR", "loopback", 1, "same_cpu")),
        ),
        machine=st.sampled_from("abcdef"),
        submitter=st.integers(1, 4),
        log=LOG,
        n_pairs=st.integers(1, 6),
        is_exercised=st.booleans(),
    ),
    max_size=12,
)
RUNS = st.lists(
    st.builds(
        limiter.RunRow,
        test=st.sampled_from(["TCP_CRR", "HTTP_ACCEPT"]),
        streams=st.sampled_from([None, 1, 2, 64]),
        placement=st.sampled_from([None, "same_cpu", "unpinned"]),
        rate=st.floats(0, 1e15),
        telemetry=st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "cpu": st.lists(
                        st.fixed_dictionaries(
                            {"cpu": st.integers(0, 9)},
                            optional={
                                "busy_percent": st.none() | st.floats(0, 100),
                                "idle_entries": st.none() | st.integers(0, 2**53),
                            },
                        ),
                        max_size=3,
                    ),
                    "netstat": st.none()
                    | st.dictionaries(
                        st.sampled_from(["ListenOverflows", "ListenDrops"]),
                        st.none() | st.integers(-9, 2**53),
                    ),
                    "interrupts": st.none() | st.just({"CAL": None}) | st.just({"CAL": 2**53}),
                    "conntrack": st.none()
                    | st.dictionaries(
                        st.sampled_from(["count", "max", "drop"]),
                        st.none() | st.integers(0, 2**53),
                    ),
                    "cgroup_throttled": st.none() | st.integers(0, 2**53),
                },
            ),
        ),
        elapsed_time_s=st.none() | st.floats(0, 1e9),
    ),
    max_size=6,
)


def numbers(value: Any) -> Iterator[float]:
    """Every number in it, however deep."""
    if isinstance(value, (int, float)):
        yield float(value)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from numbers(getattr(value, each.name))
    elif isinstance(value, dict):
        yield from numbers(list(value.values()))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from numbers(item)


def check(found: Any) -> None:
    assert all(math.isfinite(number) for number in numbers(found)), found


OF_LOGS: list[Callable[[list[float]], Any]] = [
    summary.estimate_logs,
    summary.estimate,
    effects.over,
    robust.hodges_lehmann,
    robust.signed_rank_interval,
    robust.median_interval,
    lambda logs: outliers.ratio_to_peers(9.2, logs),
    lambda logs: effects.verdict(effects.over(logs), 0.01),
    lambda logs: tweaks.host_effect(("abba" * len(logs))[: len(logs)], logs),
    lambda logs: effects.smallest_visible(abs(math.fsum(logs)), len(logs)),
    lambda logs: effects.machines_needed(abs(math.fsum(logs))),
]


@pytest.mark.parametrize("statistic", OF_LOGS)
@given(logs=LOGS)
def test_of_one_sample(statistic: Callable[[list[float]], Any], logs: list[float]) -> None:
    check(statistic(logs))


@pytest.mark.parametrize("statistic", [ratio.log_welch, ratio.fieller, robust.hodges_lehmann_shift])
@given(first=LOGS, second=LOGS)
def test_of_two_samples(
    statistic: Callable[[list[float], list[float]], Any], first: list[float], second: list[float]
) -> None:
    check(statistic(first, second))


@given(MANY_LOGS, MANY_LOGS)
def test_of_strata(treated: list[list[float]], baseline: list[list[float]]) -> None:
    pairs = zip(treated, baseline, strict=False)
    strata = [ratio.Stratum(str(n), tuple(a), tuple(b)) for n, (a, b) in enumerate(pairs)]
    check(ratio.stratified(strata))


@given(MANY_LOGS)
def test_of_ranks(samples: list[list[float]]) -> None:
    check(ranking.rank_intervals([logs for logs in samples if len(logs) > 1]))


@given(LOGS, st.lists(st.floats(1e-12, 100), max_size=12))
def test_of_shrinkage(values: list[float], errors: list[float]) -> None:
    n = min(len(values), len(errors))
    check(shrinkage.shrink(values[:n], errors[:n]))


@given(SEEN)
def test_of_groups(seen: list[groups.Observation]) -> None:
    check(groups.leaderboard(groups.grouped(seen), class_of=lambda group: "one"))


@given(HOSTS)
def test_of_costs(hosts: list[costs.Host]) -> None:
    check(costs.costs(hosts))


@given(TRIED, st.sampled_from([EXPERIMENT, MATCHED]))
def test_of_effects(tried: list[HostEffect], kind: str) -> None:
    check(tweaks.rows(kind, tried))


@given(LETTERS, LOGS)
def test_of_blocks(letters: str, logs: list[float]) -> None:
    n = min(len(letters), len(logs))
    check(tweaks.host_effect(letters[:n], logs[:n]))


@given(RUNS, st.none() | st.floats(0, 100))
def test_of_limits(runs: list[limiter.RunRow], spin: float | None) -> None:
    check(limiter.verdicts(runs, spin))


@given(st.lists(st.floats(0, 1), max_size=9))
def test_of_many_p_values(p_values: list[float]) -> None:
    check(effects.holm_adjusted(p_values))
    check(effects.q_values(p_values))
    check(ranking.holm(p_values))
