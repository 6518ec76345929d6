"""Known answers of the statistics, and what they must not do at the edges."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.evidence.groups import Group, Observation, grouped, leaderboard
from registry.evidence.ranking import holm, rank_intervals
from registry.evidence.summary import estimate, thinned


def logs(*rates: float) -> list[float]:
    return [math.log(rate) for rate in rates]


def test_estimate_of_five_runs_has_the_known_answer() -> None:
    found = estimate([9800, 10050, 9900, 10120, 9950])
    assert found is not None
    assert found.rate == pytest.approx(9963.368, abs=1e-3)
    assert found.ci_low == pytest.approx(9808.817, abs=1e-3)
    assert found.ci_high == pytest.approx(10120.355, abs=1e-3)
    assert found.cv_percent == pytest.approx(100 * 125.419 / 9964, abs=1e-4)


def test_without_three_values_there_is_no_interval() -> None:
    assert estimate([]) is None
    assert estimate([0.0, -1.0, math.nan, math.inf]) is None
    for rates in ([5.0], [5.0, 6.0]):
        found = estimate(rates)
        assert found is not None
        assert (found.ci_low, found.ci_high, found.n) == (None, None, len(rates))


@pytest.mark.parametrize(
    "rates", [[7.0] * 4, [7.0, 7.0, 7.0, 8.0], [1e-300] * 3, [1e300, 1e300, 9e299]]
)
def test_degenerate_data_give_finite_numbers(rates: list[float]) -> None:
    found = estimate(rates)
    assert found is not None
    for number in (found.rate, found.ci_low, found.ci_high, found.cv_percent):
        assert number is not None
        assert math.isfinite(number)


@given(
    st.lists(st.floats(1, 1e6), min_size=3, max_size=12),
    st.floats(1e-3, 1e3),
)
def test_scaling_every_rate_scales_the_estimate(rates: list[float], factor: float) -> None:
    one, other = estimate(rates), estimate([rate * factor for rate in rates])
    assert one is not None
    assert other is not None
    assert other.rate == pytest.approx(one.rate * factor, rel=1e-9)
    assert one.ci_low is not None
    assert other.ci_low == pytest.approx(one.ci_low * factor, rel=1e-6)


def test_rank_intervals_have_the_known_answer() -> None:
    ranks = rank_intervals(
        [
            logs(36000, 36200, 35900, 36100, 36050),
            logs(35000, 35100, 34900, 35050, 34950),
            logs(34980, 35120, 34890, 35010, 35060),
            logs(7000, 7100, 6900, 7050, 6950),
        ]
    )
    assert ranks == [(1, 1), (2, 3), (2, 3), (4, 4)]


def test_equal_constant_groups_tie() -> None:
    assert rank_intervals([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]) == [(1, 2), (1, 2)]
    assert rank_intervals([[1.0, 1.0], [2.0, 2.0]]) == [(2, 2), (1, 1)]


def test_rounding_decides_no_rank() -> None:
    assert rank_intervals([[9.9] * 3, [9.9 + 2e-15] * 3]) == [(1, 2), (1, 2)]
    assert rank_intervals([[9.9] * 3, [9.9001] * 3]) == [(2, 2), (1, 1)]


def test_holm_stops_at_the_first_that_does_not_stand() -> None:
    assert holm([0.01, 0.04, 0.03]) == [True, False, False]
    assert holm([0.01, 0.02, 0.04]) == [True, True, True]


def observation(voter: str, rate: float, key: str = "kvm", **more: object) -> Observation:
    values = {"submitter": ord(voter[0]), "n_runs": 8, "n_sittings": 1, "imported": False, **more}
    return Observation(key=(key,), voter=voter, mean_ln=math.log(rate), **values)  # type: ignore[arg-type]


def test_a_host_that_reports_often_has_one_vote() -> None:
    once = grouped([observation("a", 100.0), observation("b", 200.0)])
    often = grouped([observation("a", 100.0, n_sittings=50, n_runs=400), observation("b", 200.0)])
    assert often[0].estimate.rate == pytest.approx(once[0].estimate.rate)
    assert often[0].n_machines == 2


def test_one_sender_with_many_machines_of_a_kind_is_one_vote() -> None:
    others = [observation(name, 100.0, submitter=number) for number, name in enumerate("abcdefgh")]
    once = grouped([*others, observation("z", 130.0, submitter=99)])
    flood = [observation(f"z{n}", 130.0, submitter=99) for n in range(200)]
    (flooded,) = grouped([*others, *flood])
    assert flooded.n_machines == 208
    assert flooded.estimate.rate == pytest.approx(once[0].estimate.rate, rel=0.01)
    kinds = [observation(f"z{n}", 130.0, submitter=99, stratum=n % 2) for n in range(200)]
    assert len(grouped([*others, *kinds])[0].host_logs) == 10
    every = [observation(f"z{n}", 130.0, submitter=99, stratum=n) for n in range(200)]
    (made_up,) = grouped([*others, *every])
    assert made_up.estimate.rate == pytest.approx(once[0].estimate.rate, rel=1e-9)
    assert len(grouped(kinds)[0].host_logs) == 2  # alone, its kinds are all there is


def test_imported_figures_and_measured_ones_are_never_one_group() -> None:
    groups = grouped([observation("a", 100.0), observation("s", 900.0, imported=True)])
    assert [(group.imported, group.n_machines) for group in groups] == [(True, 1), (False, 1)]


def test_leaderboard_says_what_an_unranked_group_lacks() -> None:
    rows = leaderboard(
        grouped(
            [observation(name, rate, "kvm") for name, rate in (("a", 100), ("b", 101), ("c", 99))]
            + [observation("d", 500, "none"), observation("s", 900, "xen", imported=True)]
        )
    )
    assert [(row.group.key, row.ranked, row.reason) for row in rows] == [
        (("kvm",), True, None),
        (("xen",), False, "imported, metadata incomplete"),
        (("none",), False, "needs 2 more independent machines"),
    ]
    assert (rows[0].rank_low, rows[0].rank_high) == (1, 1)
    assert [row.trust for row in rows] == ["replicated", "incomplete", "unconfirmed"]
    kinds = [observation(f"z{n}", 100.0 + n, submitter=9, stratum=n) for n in range(3)]
    assert [row.trust for row in leaderboard(grouped(kinds))] == ["few_senders"]


def test_one_lucky_host_does_not_lead_a_board() -> None:
    lucky = [("a", 90.0), ("b", 100.0), ("c", 400.0)]
    steady = [("d", 130.0), ("e", 131.0), ("f", 129.0)]
    seen = [observation(name, rate, "lucky") for name, rate in lucky]
    groups = grouped(seen + [observation(name, rate, "steady") for name, rate in steady])
    assert [group.key for group in groups] == [("lucky",), ("steady",)]
    rows = leaderboard(groups)
    assert [row.group.key for row in rows] == [("steady",), ("lucky",)]
    assert rows[1].group.estimate.rate == pytest.approx((90 * 100 * 400) ** (1 / 3))


def test_rows_are_drawn_to_those_of_their_class_alone() -> None:
    """Of two wide rows the lower one leads when the class of the other draws it far down."""
    wide = [("a", 150.0), ("b", 300.0), ("c", 600.0)]
    seen = [observation(name, rate, "wide") for name, rate in wide]
    seen += [observation(f"{name}2", rate * 0.9, "other") for name, rate in wide]
    for n in range(4):
        seen += [observation(f"{name}{n}", 20.0 + n, f"slow{n}") for name in "xyz"]
    groups = grouped(seen)

    def first(class_of: Callable[[Group], str | None]) -> str:
        return str(leaderboard(groups, class_of=class_of)[0].group.key[0])

    assert first(lambda group: None) == "wide"
    assert first(lambda group: None if group.key == ("other",) else "one") == "other"


def test_what_is_kept_of_many_figures_has_their_ends_and_quantiles() -> None:
    logs = [math.sin(n) for n in range(9_999)]
    kept = thinned(logs, 101)
    ordered = sorted(logs)
    assert len(kept) == 101
    assert (kept[0], kept[50], kept[-1]) == (ordered[0], ordered[4_999], ordered[-1])
    assert list(kept) == sorted(kept)
    assert list(thinned(logs[:101], 101)) == logs[:101]
