"""Statistics against answers that are known: published examples, and figures computed apart with
numpy and scipy. K1 to K20 are the numbers of the project's page on statistics.
"""

import json
import math
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from registry.evidence import effects, levels, ratio, robust, shrinkage, steps, summary
from registry.evidence.effects import Block
from registry.evidence.ranking import rank_intervals
from registry.evidence.ratio import Stratum

BARE = (34100, 35600, 35050, 34400, 35850, 34900)
XEN = (6900, 7250, 7080, 6750, 7330)
ABBA = (
    (10000, 11850, 11700, 9900),
    (9800, 11700, 11500, 9750),
    (9900, 11600, 11750, 9850),
    (9700, 11600, 11450, 9600),
    (9850, 11780, 11640, 9760),
    (9780, 11520, 11600, 9700),
)


def logs(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(math.log(value) for value in values)


def block(a1: float, b1: float, b2: float, a2: float) -> Block:
    return Block((math.log(a1), math.log(a2)), (math.log(b1), math.log(b2)))


NUM_ACC = [
    ([10000001.0, 10000003.0, 10000002.0], 10000002.0, 1.0),
    ([1.2] + [1.1, 1.3] * 500, 1.2, 0.1),
    ([1000000.2] + [1000000.1, 1000000.3] * 500, 1000000.2, 0.1),
    ([10000000.2] + [10000000.1, 10000000.3] * 500, 10000000.2, 0.1),
]


@pytest.mark.parametrize(("values", "mean", "deviation"), NUM_ACC)
def test_means_and_deviations_that_cancel(
    values: list[float], mean: float, deviation: float
) -> None:
    """K1: NIST's StRD, univariate. The last two carry the error of their decimals in binary."""
    found = levels.levels(values)
    assert found.mean == pytest.approx(mean, rel=1e-15)
    assert math.sqrt(found.s2[0]) == pytest.approx(deviation, rel=1e-8)


def nist_anova(name: str) -> list[list[float]]:
    """Groups of a file of NIST's, as scipy carries it: after 60 lines, group and value a line."""
    folder = Path(stats.__file__).parent / "tests/data/nist_anova"
    groups: dict[str, list[float]] = {}
    for line in (folder / f"{name}.dat").read_text().splitlines()[60:]:
        group, value = line.split()
        groups.setdefault(group, []).append(float(value))
    return list(groups.values())


@pytest.mark.parametrize(
    ("name", "f"), [("SiRstv", 1.18046237440255), ("AtmWtAg", 15.9467335677930), ("SmLs01", 21.0)]
)
def test_variance_between_groups_over_that_within(name: str, f: float) -> None:
    """K2: NIST's analysis of variance."""
    assert levels.levels(nist_anova(name)).f == pytest.approx(f, rel=1e-8)


def test_three_levels_of_noise() -> None:
    """K3: Kalibera and Jones."""
    found = levels.levels([[[9, 5], [8, 3]], [[10, 6], [7, 11]], [[1, 12], [2, 4]]])
    assert found.mean == 6.5
    assert found.s2 == pytest.approx((16.5, 2.5833, 3.5625), abs=5e-5)
    assert found.t2 == pytest.approx((16.5, -5.6667, 2.2708), abs=5e-5)
    assert found.half_width == pytest.approx(4.6887, abs=5e-5)


def test_two_levels_of_noise() -> None:
    """K4."""
    groups = [[9, 5, 8, 3], [10, 6, 7, 11], [1, 12, 2, 4]]
    found = levels.levels(groups)
    assert found.s2 == pytest.approx((12.7222, 3.5625), abs=5e-5)
    assert found.t2 == pytest.approx((12.7222, 0.3819), abs=5e-5)
    assert [levels.mean_of(group) for group in groups] == [6.25, 8.5, 4.75]


def test_how_often_to_repeat_each_level() -> None:
    """K5."""
    found = levels.levels([[[3, 4, 3], [1.2, 3.1, 3]], [[0.2, 1, 1.5], [1, 2, 3]]])
    assert found.s2[0] == pytest.approx(0.726667, abs=5e-7)
    assert found.t2 == pytest.approx((0.726667, 0.262778, 0.774722), abs=5e-7)
    assert levels.repetitions(found, (3, 20, 100)) == [5, 2]
    flat = levels.levels([[1, 2], [1, 2]])
    assert levels.repetitions(flat, (1, 10)) == [None]
    with pytest.raises(ValueError, match="as many members"):
        levels.levels([[1, 2], [1]])


def test_signed_ranks() -> None:
    """K7: Wilcoxon's own example."""
    values = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]
    assert robust.signed_rank_p(values) == pytest.approx((24.0, 0.041259765625), abs=1e-15)
    assert robust.signed_rank_p([0.0, 0.0]) is None
    assert robust.signed_rank_p([1.0]) == (0.0, 1.0)


@pytest.mark.parametrize("n", [4, 5, 6, 8, 12, 20, 50, 99, 100])
def test_a_step_is_where_it_is(n: int) -> None:
    """K15: E-divisive, after the tests of its users."""
    assert steps.change_points([0.0] * n + [1.0] * n) == [n]


def test_a_noisy_step_is_found_and_noise_has_none() -> None:
    """K15, and how often chance is taken for a step."""
    assert steps.change_points([100, 101, 99, 100, 102, 100, 94, 93, 95, 94, 93, 94]) == [6]
    assert steps.change_points([5.0] * 30) == steps.change_points([1.0, 2.0]) == []
    chance = np.random.default_rng(3)
    series = [chance.normal(0, 0.02, 20).tolist() for _ in range(20)]
    assert sum(bool(steps.change_points(each, 0.01)) for each in series) <= 1
    stepped = [[*each[:10], *(value + 0.05 for value in each[10:])] for each in series]
    found = [steps.change_points(each, 0.01) for each in stepped]
    assert sum(any(9 <= place <= 11 for place in places) for places in found) >= 16


def test_steps_of_a_host_that_measures_every_night() -> None:
    """K16: the rule of Perfherder."""
    assert vars(steps.weighed([1, 2, 3, 4])) == {
        "mean": 2.5,
        "variance": pytest.approx(5 / 3),
        "n": 4,
    }
    assert vars(steps.weighed([1, 2, 3, 4], steps.falling)) == {
        "mean": 2.0,
        "variance": pytest.approx(2.0),
        "n": 4,
    }
    assert steps.t_between([0, 0], [1, 2]) == pytest.approx(3.0)
    assert steps.t_between([0, 0], [1, 1]) == math.inf
    assert steps.t_between([1, 1], [1, 1]) == 0
    assert steps.steps([0.0] * 8 + [1.0] * 8, back=5, fore=5, threshold=2) == [8]


def test_summary_of_one_report() -> None:
    """K6."""
    found = summary.estimate([9800, 10050, 9900, 10120, 9950])
    assert found is not None
    assert found.rate == pytest.approx(9963.368, abs=1e-3)
    assert (found.ci_low, found.ci_high) == pytest.approx((9808.817, 10120.355), abs=1e-3)
    central = robust.hodges_lehmann(logs((9800, 10050, 9900, 10120, 9950)))
    assert central is not None
    assert math.exp(central) == pytest.approx(9958.715, abs=1e-3)


def test_depression_scores() -> None:
    """K8: two samples, and pairs with their exact interval."""
    x = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    assert robust.hodges_lehmann_shift(x, y) == pytest.approx(0.56, abs=5e-4)
    gains = [a - b for a, b in zip(x, y, strict=True)]
    assert robust.hodges_lehmann(gains) == pytest.approx(0.46)
    assert robust.signed_rank_interval(gains) == pytest.approx((0.010, 0.786, 0.961), abs=5e-4)


@pytest.mark.parametrize(
    ("n", "low", "high", "percent"),
    [
        (6, 1, 6, 96.9),
        (7, 1, 7, 98.4),
        (9, 2, 8, 96.1),
        (10, 2, 9, 97.9),
        (12, 3, 10, 96.1),
        (15, 4, 12, 96.5),
        (20, 6, 15, 95.9),
        (25, 8, 18, 95.7),
        (30, 10, 21, 95.7),
    ],
)
def test_order_statistics_of_the_median(n: int, low: int, high: int, percent: float) -> None:
    """K17."""
    assert robust.median_ranks(n) == (low, high)
    assert 100 * robust.median_level(n, low) == pytest.approx(percent, abs=0.05)


def test_false_discovery_rates() -> None:
    """K9: Benjamini and Hochberg's example."""
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    p_values += [0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    wanted = [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.06385714, 0.06385714, 0.0645, 0.0765]
    wanted += [0.486, 0.58118182, 0.714875, 0.75323077, 0.81321429, 1]
    assert effects.q_values(p_values) == pytest.approx(wanted, abs=1e-8)


def test_random_effects_and_prediction() -> None:
    """K10."""
    values = [0.095, 0.277, 0.367, 0.664, 0.462, 0.185]
    found = shrinkage.random_effects(values, [0.033, 0.031, 0.050, 0.011, 0.043, 0.023])
    assert found.fixed_mean == pytest.approx(0.409258, abs=1e-6)
    assert found.q == pytest.approx(11.74334, abs=1e-5)
    assert found.tau2 == pytest.approx(0.036282, abs=1e-6)
    assert (found.mean, found.error) == pytest.approx((0.357668, 0.104532), abs=1e-6)
    assert found.i2 == pytest.approx(0.57423, abs=1e-5)
    assert found.hksj_error == pytest.approx(0.090145, abs=1e-6)
    half = float(stats.t.ppf(0.975, 5)) * found.hksj_error
    assert (found.mean - half, found.mean + half) == pytest.approx((0.125942, 0.589395), abs=1e-6)
    predicted = shrinkage.prediction_interval(found, 6)
    assert predicted == pytest.approx((-0.245590, 0.960927), abs=1e-6)


def test_ratio_to_bare_metal() -> None:
    """K11: Welch on logarithms beside Fieller on rates."""
    welch = ratio.log_welch(logs(XEN), logs(BARE))
    assert welch is not None
    assert (welch.ratio, welch.ci_low, welch.ci_high) == pytest.approx(
        (0.20180, 0.19352, 0.21044), abs=1e-5
    )
    assert welch.freedom == pytest.approx(6.06, abs=5e-3)
    arithmetic = ratio.fieller(XEN, BARE)
    assert arithmetic is not None
    assert (arithmetic.ratio, arithmetic.ci_low, arithmetic.ci_high) == pytest.approx(
        (0.20187, 0.19236, 0.21157), abs=1e-5
    )


def test_paired_experiment() -> None:
    """K12."""
    blocks = [block(*row) for row in ABBA]
    found = effects.of_host(blocks)
    assert found is not None
    assert (found.ratio, found.ci_low, found.ci_high) == pytest.approx(
        (1.18795, 1.18249, 1.19344), abs=1e-5
    )
    assert [math.exp(one.effect) for one in blocks] == pytest.approx(
        [1.1834, 1.1867, 1.1823, 1.1943, 1.1943, 1.1869], abs=1e-4
    )
    assert found.p_value == pytest.approx(2.3e-9, rel=0.05)


def test_linear_drift_is_no_effect() -> None:
    """K12: each run 1 % slower than the one before, in log terms."""
    runs = iter(-0.01 * number for number in range(24))
    blocks = [
        Block((a1, a2), (b1, b2)) for a1, b1, b2, a2 in zip(runs, runs, runs, runs, strict=True)
    ]
    found = effects.of_host(blocks)
    assert found is not None
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_shrinkage_and_its_order() -> None:
    """K13."""
    rates, errors = (35000, 34000, 36500, 30000, 45000), (0.01, 0.02, 0.05, 0.10, 0.25)
    shrunk = shrinkage.shrink(logs(rates), errors)
    assert [math.exp(one.value) for one in shrunk] == pytest.approx(
        [34936, 34354, 34929, 34510, 34750], abs=1
    )
    bounds = [math.exp(one.lower_bound) for one in shrunk]
    assert bounds == pytest.approx([34429, 33573, 33899, 33439, 33655], abs=1)
    in_order = [rate for _, rate in sorted(zip(bounds, rates, strict=True), reverse=True)]
    assert in_order == [35000, 36500, 45000, 34000, 30000]


def test_rank_intervals() -> None:
    """K13."""
    groups = (
        (36000, 36200, 35900, 36100, 36050),
        (35000, 35100, 34900, 35050, 34950),
        (34980, 35120, 34890, 35010, 35060),
        (7000, 7100, 6900, 7050, 6950),
    )
    assert rank_intervals([logs(group) for group in groups]) == [(1, 1), (2, 3), (2, 3), (4, 4)]


def test_simpsons_paradox_is_seen() -> None:
    """K14: each CPU gains a fifth, the pooled ratio more than halves."""

    def hosts(rate: float, count: int) -> tuple[float, ...]:
        return tuple(math.log(rate) + step for step in np.linspace(-0.01, 0.01, count))

    found = ratio.stratified(
        [
            Stratum("A", treated=hosts(36000, 4), baseline=hosts(30000, 40)),
            Stratum("B", treated=hosts(9600, 45), baseline=hosts(8000, 5)),
            Stratum("C", treated=hosts(9600, 45), baseline=()),
        ]
    )
    assert found is not None
    assert found.overall.ratio == pytest.approx(1.2, rel=0.01)
    assert found.is_simpson
    assert found.pooled < 0.6
    assert set(found.by_stratum) == {"A", "B"}
    assert not found.is_heterogeneous


def test_kidney_stones_pooled_against_strata() -> None:
    """K14: Charig 1986, as ratios of success."""
    assert (81 / 87) / (234 / 270) > 1
    assert (192 / 263) / (55 / 80) > 1
    assert ratio.is_simpson((273 / 350) / (289 / 350), 1.07)


def test_strata_that_disagree_are_said_to() -> None:
    found = ratio.stratified(
        [
            Stratum("A", logs((10, 10.1)), logs((20, 20.2))),
            Stratum("B", logs((21, 20.9)), logs((20, 20.2))),
        ]
    )
    assert found is not None
    assert found.is_heterogeneous
    assert found.i2_percent is not None
    assert found.i2_percent > 99


def test_there_is_no_interval_below_three_hosts_a_side() -> None:
    two, many = logs((10, 10.1)), logs((20, 20.2, 20.1, 19.9, 20))
    for sides in ((two, two), (two, many), (many, two)):
        found = ratio.log_welch(*sides)
        assert found is not None
        assert (found.ci_low, found.ci_high) == (None, None)
    pair = [Stratum("A", two[:1], many[:1]), Stratum("B", two[1:], many[1:2])]
    strata = ratio.stratified(pair)
    assert strata is not None
    assert strata.overall.ci_low is None
    whole = [Stratum("A", many[:2], many[:2]), Stratum("B", many[2:], many[2:])]
    for n_hosts, has_interval in (((5, 5), True), ((5, 2), False)):
        strata = ratio.stratified(whole, n_hosts)
        assert strata is not None
        assert (strata.overall.ci_low is not None) is has_interval


def test_three_hosts_that_happen_to_agree_have_few_degrees_of_freedom() -> None:
    """Satterthwaite's would be 20 here, and cover 92 % beside 50 hosts instead of 95 %."""
    few, many = (9.0, 9.0001, 9.0002), tuple(10 + 0.1 * (n % 5) for n in range(21))
    found = ratio.log_welch(few, many)
    assert found is not None
    assert found.freedom == pytest.approx(4)


def test_chance_alone_makes_no_strata_disagree() -> None:
    """Of strata with one and the same ratio hardly one in a hundred is said to differ, though I² of
    two strata is above 75 % in one of twenty.
    """
    chance = np.random.default_rng(11)

    def is_heterogeneous() -> bool:
        strata = [
            Stratum(name, tuple(chance.normal(9, 0.15, 3)), tuple(chance.normal(9.5, 0.15, 3)))
            for name in "AB"
        ]
        found = ratio.stratified(strata)
        assert found is not None
        return found.is_heterogeneous

    assert sum(is_heterogeneous() for _ in range(500)) <= 10


def test_verdict_words_in_their_order() -> None:
    steady, wide = effects.over([0.1, 0.11, 0.12]), effects.over([0.5, -0.2, 0.3])
    none, slower = effects.over([0.001, -0.001, 0.002]), effects.over([-0.1, -0.11, -0.12])
    assert effects.verdict(steady, 0.01, is_exercised=False) == "not_exercised"
    assert effects.verdict(effects.over([0.1, 0.1]), 0.0) == "not_enough_data"
    assert effects.verdict(None, None) == "not_enough_data"
    assert effects.verdict(none, 0.001) == "no_difference"
    assert effects.verdict(steady, 0.01) == "helps"
    assert effects.verdict(slower, 0.01) == "hurts"
    assert effects.verdict(wide, 0.4) == "unclear"
    assert effects.verdict(steady, 0.04) == "unclear"


def test_holm() -> None:
    assert effects.holm_adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert effects.holm_adjusted([]) == []


@pytest.mark.parametrize(
    ("n", "deviation", "percent"),
    [(4, 0.01, 1.6), (6, 0.05, 5.4), (8, 0.10, 8.7), (12, 0.02, 1.3), (20, 0.05, 2.4)],
)
def test_smallest_effect_that_can_be_seen(n: int, deviation: float, percent: float) -> None:
    visible = effects.smallest_visible(deviation, n)
    assert visible is not None
    assert 100 * (visible - 1) == pytest.approx(percent, abs=0.06)


def test_machines_needed_is_the_least_that_suffices() -> None:
    for deviation in (0.005, 0.02, 0.05, 0.1):
        n = effects.machines_needed(deviation)
        assert n is not None

        def wanted(count: int, spread: float = deviation) -> float:
            quantiles = float(stats.t.ppf([0.975, 0.8], count - 1).sum())
            return (quantiles * spread / math.log(1.03)) ** 2

        assert n >= wanted(n)
        assert n == effects.LEAST_MACHINES or n - 1 < wanted(n - 1)
    assert effects.machines_needed(5.0) is None


def test_carry_over_is_found_and_drift_is_none() -> None:
    rng = np.random.default_rng(12)
    orders = ["ABBA", "BAAB", "BAAB", "ABBA", "ABBA", "BAAB"]
    noise = rng.normal(0, 0.001, (6, 4))
    drifting = [[-0.01 * i + x for i, x in enumerate(row)] for row in noise]
    assert (effects.carry_over(drifting, orders) or 0) > 0.05
    carried = [[row[0], row[1], row[2] + 0.05, row[3]] for row in drifting]
    assert (effects.carry_over(carried, orders) or 1) < 0.001
    with pytest.raises(ValueError, match="ABBA or BAAB"):
        effects.carry_over([[0, 0, 0, 0]], ["ABAB"])


EDGES: tuple[list[float], ...] = (
    [],
    [5.0],
    [5.0, 5.0],
    [5.0] * 6,
    [5.0] * 5 + [6.0],
    [1e-300] * 3,
    [1e300] * 3,
)


@pytest.mark.parametrize("rates", [*EDGES, [1e-300, 1e300, 1.0]])
def test_degenerate_input_gives_null_and_never_nan(rates: list[float]) -> None:
    """K18."""
    values = [math.log(rate) for rate in rates]
    paired = effects.over(values)
    found = [
        vars(one)
        for one in (
            summary.estimate(rates),
            paired,
            ratio.log_welch(values, values),
            ratio.log_welch(values, [1.0]),
        )
        if one is not None
    ]
    found += [
        {"hl": robust.hodges_lehmann(values), "interval": robust.signed_rank_interval(values)}
    ]
    found += [{"median": robust.median_interval(values), "words": effects.verdict(paired, 0.5)}]
    assert json.dumps(found, allow_nan=False)
    strata = [Stratum("a", tuple(values), tuple(values)), Stratum("b", tuple(values), ())]
    stratum = ratio.stratified(strata)
    assert (stratum is None) == (not values)
    assert stratum is None or json.dumps(vars(stratum.overall), allow_nan=False)


LOGS = st.lists(st.floats(-5, 15), min_size=3, max_size=12)


# Mean scores in mathematics and their standard errors, of the countries of OECD in PISA 2018
# (oecd.org/pisa/data), in alphabetical order, with the rank of each score.
PISA = """
491.3600 1.939833 24; 498.9423 2.970999 18; 508.0703 2.262662 10; 512.0169 2.357476 7;
417.4066 2.415888 35; 390.9323 2.989559 37; 499.4677 2.460662 17; 509.3984 1.735002 8;
523.4146 1.743602 3; 507.3014 1.967920 11; 495.4076 2.320214 20; 500.0438 2.647083 15;
451.3703 3.091228 34; 481.0826 2.319597 30; 495.1874 1.953083 21; 499.6329 2.198621 16;
463.0345 3.498563 32; 486.5899 2.780046 25; 526.9733 2.471475 1; 525.9330 3.121394 2;
496.1263 1.962767 19; 481.1912 1.953282 29; 483.4215 1.097632 27; 408.8015 2.493226 36;
519.2310 2.632278 4; 494.4897 1.705943 22; 500.9638 2.219045 14; 515.6479 2.602085 5;
492.4874 2.684570 23; 486.1649 2.555596 26; 508.8975 1.363878 9; 481.3926 1.462418 28;
502.3877 2.654251 12; 515.3147 2.908004 6; 453.5078 2.260407 33; 501.7699 2.564428 13;
478.2447 3.235444 31
"""


def stepdown(means: np.ndarray, errors: np.ndarray) -> list[tuple[int, int]]:
    """Simultaneous 95 % rank sets of Mogstad, Romano, Shaikh and Wilhelm: of all ordered pairs that
    do not stand yet, those stand whose difference over its error is above the 95 % quantile of the
    largest such ratio that chance gives; again, until none is added.
    """
    n = len(means)
    scale = np.sqrt(errors[:, None] ** 2 + errors[None, :] ** 2)
    ratios = (means[None, :] - means[:, None]) / scale  # [slow, fast]
    noise = np.random.default_rng(2018).normal(size=(4000, n)) * errors
    chance = (noise[:, None, :] - noise[:, :, None]) / scale
    open_pairs, is_slower = ~np.eye(n, dtype=bool), np.zeros((n, n), dtype=bool)
    while True:
        limit = np.quantile(chance[:, open_pairs].max(axis=1), 0.95)
        new = open_pairs & (ratios > limit)
        if not new.any():
            break
        is_slower |= new
        open_pairs &= ~new
    return [(1 + int(is_slower[i].sum()), n - int(is_slower[:, i].sum())) for i in range(n)]


def test_rank_intervals_hold_the_rank_sets_of_the_stepdown() -> None:
    """K19: ours, which need no simulation, are as wide or a little wider."""
    rows = [tuple(map(float, row.split())) for row in PISA.split(";")]
    means, errors, ranks = (np.array(column) for column in zip(*rows, strict=True))
    # As many values as make Student's t a normal, with the mean and the error of the country.
    spread = errors * math.sqrt(4999)
    groups = [np.tile((mean - d, mean + d), 2500) for mean, d in zip(means, spread, strict=True)]
    ours, theirs = rank_intervals([list(group) for group in groups]), stepdown(means, errors)
    for (low, high), (least, most), rank in zip(ours, theirs, ranks, strict=True):
        assert low <= least <= rank <= most <= high
    ours_width, theirs_width = (sum(high - low for low, high in rows) for rows in (ours, theirs))
    assert theirs_width < ours_width < 1.1 * theirs_width


@given(LOGS, LOGS, st.floats(-5, 5))
def test_ratios_do_not_change_with_the_scale_and_turn_over_when_swapped(
    first: list[float], second: list[float], scale: float
) -> None:
    """K20."""
    plain = ratio.log_welch(first, second)
    scaled = ratio.log_welch([x + scale for x in first], [x + scale for x in second])
    swapped = ratio.log_welch(second, first)
    assert plain is not None
    assert scaled is not None
    assert swapped is not None
    assert scaled.ratio == pytest.approx(plain.ratio, rel=1e-9)
    assert swapped.ratio == pytest.approx(1 / plain.ratio, rel=1e-9)


@given(st.lists(LOGS, min_size=2, max_size=5), st.floats(-5, 5))
def test_ranks_do_not_change_with_the_scale(groups: list[list[float]], scale: float) -> None:
    """K20."""
    rounded = [[round(x, 3) for x in group] for group in groups]
    scaled = [[x + round(scale, 3) for x in group] for group in rounded]
    assert rank_intervals(scaled) == rank_intervals(rounded)


@given(LOGS, st.randoms())
def test_order_does_not_matter(values: list[float], random: Random) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    found, again = effects.over(values), effects.over(shuffled)
    assert found is not None
    assert again is not None
    assert again.ratio == pytest.approx(found.ratio, rel=1e-9)
