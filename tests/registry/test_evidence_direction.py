"""More of a rate is better, less of a time: what is said of one is turned round for the other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.evidence import effects, tweaks
from registry.evidence.costs import CpuStratum, Host, costs
from registry.evidence.direction import HIGHER, LOWER, better, gain
from registry.evidence.groups import Observation, grouped, leaderboard
from registry.evidence.ranking import rank_intervals
from registry.evidence.tweaks import EXPERIMENT, Contrast, HostEffect

LOGS = st.lists(st.floats(-5, 5), min_size=3, max_size=8)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("trans/s", HIGHER), ("bit/s", HIGHER), ("us", LOWER), ("s", LOWER), (None, HIGHER)],
)
def test_the_unit_says_which_way_is_better(unit: str | None, expected: str) -> None:
    assert better(unit) == expected


def test_a_gain_is_positive_where_it_is_for_the_better() -> None:
    assert gain(0.5, HIGHER) == gain(-0.5, LOWER) == 0.5


@given(st.lists(LOGS, min_size=2, max_size=5))
def test_ranks_of_times_are_those_of_their_inverse(groups: list[list[float]]) -> None:
    inverse = [[-log for log in group] for group in groups]
    assert rank_intervals(groups, LOWER) == rank_intervals(inverse, HIGHER)


@given(LOGS)
def test_a_word_for_times_is_the_opposite_of_that_for_rates(logs: list[float]) -> None:
    effect = effects.over(logs)
    opposite = {"helps": "hurts", "hurts": "helps"}
    of_rates = effects.verdict(effect, 0.001, direction=HIGHER)
    assert effects.verdict(effect, 0.001, direction=LOWER) == opposite.get(of_rates, of_rates)


def observation(key: str, number: int, figure: float) -> Observation:
    return Observation((key,), f"m{key}{number}", number, math.log(figure), 3, 1, imported=False)


def test_a_board_of_times_has_the_shortest_first() -> None:
    seen = [
        observation(key, number, base * factor)
        for key, base in (("slow", 900.0), ("fast", 90.0), ("middle", 300.0))
        for number, factor in enumerate((0.99, 1.0, 1.01))
    ]
    for direction, order in (
        (LOWER, ["fast", "middle", "slow"]),
        (HIGHER, ["slow", "middle", "fast"]),
    ):
        rows = leaderboard(grouped(seen, direction), direction)
        assert [row.group.key[0] for row in rows] == order
        assert [(row.rank_low, row.rank_high) for row in rows] == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(("unit", "word"), [("trans/s", "hurts"), ("us", "helps")])
def test_an_experiment_that_makes_figures_smaller(unit: str, word: str) -> None:
    contrast = Contrast("clocksource", "a", "b", "TCP_CRR", "loopback", 1, "same_cpu", unit)
    hosts = [HostEffect(contrast, f"m{n}", n, math.log(0.5 + n / 1000)) for n in range(4)]
    assert [row.verdict for row in tweaks.rows(EXPERIMENT, hosts)] == [word]


@pytest.mark.parametrize(("direction", "word"), [(HIGHER, "slower"), (LOWER, "faster")])
def test_a_platform_whose_figures_are_half_of_bare_metal(direction: str, word: str) -> None:
    hosts = [
        Host(CpuStratum(cpu, 2), platform, f"m{number}", number, base + (number % 7) / 100)
        for number, (cpu, platform, base) in enumerate(
            (cpu, platform, base)
            for cpu in ("A", "B", "C")
            for platform, base in ((("none", None), 10.0), (("kvm", None), 10.0 - math.log(2)))
            for _ in range(4)
        )
    ]
    assert [cost.verdict for cost in costs(hosts, direction)] == [word]
