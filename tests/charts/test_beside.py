"""Ratios to one row: their intervals hold together, in every form of a chart."""

import csv
import math
import random
from itertools import pairwise

import pytest

from charts.beside import Place, ratios
from charts.post import post
from charts.render_text import WIDTH, render_csv
from charts.sentence import headline
from charts.spec import ChartSpec
from registry.evidence.ratio import log_welch
from tests.charts.test_spec import row, spec, value

LIVE = "https://crr.example/c/x"


def of_equal_hosts(chance: random.Random, groups: int, hosts: int) -> list[Place]:
    return [
        Place("", (), tuple(chance.lognormvariate(10, 0.15) for _ in range(hosts)))
        for _ in range(groups)
    ]


@pytest.mark.parametrize(("groups", "hosts"), [(12, 4), (6, 8)])
def test_of_equal_groups_all_ratios_hold_1_in_95_of_100_charts(groups: int, hosts: int) -> None:
    chance, charts, right = random.Random(5), 400, 0
    for _ in range(charts):
        found = ratios(of_equal_hosts(chance, groups, hosts))
        ends = [(each.ci_low or 0, each.ci_high or 0) for n, each in found.items() if n]
        right += all(low <= 1 <= high for low, high in ends)
    assert right / charts >= 0.95


def test_a_single_ratio_has_its_own_interval() -> None:
    one, other = of_equal_hosts(random.Random(1), 2, 5)
    found = ratios([one, other])[1]
    known = log_welch(*([math.log(rate) for rate in side.rates] for side in (other, one)))
    assert known
    assert (found.ci_low, found.ci_high) == (known.ci_low, known.ci_high)
    assert found.together == 1


def test_rows_without_an_interval_do_not_count() -> None:
    places = of_equal_hosts(random.Random(1), 3, 5)
    alone = Place("", (), (20_000.0,))
    assert ratios([*places[:2], alone])[1] == ratios(places[:2])[1]
    assert [ratios([*places, alone])[n].together for n in range(4)] == [1, 2, 2, 1]


def three() -> ChartSpec:
    rates = {"6.12 bare metal": 20_000.0, "6.12 KVM": 15_000.0, "6.12 Xen": 10_000.0}
    return spec(*(row(name, values={"TCP_CRR": value(rates[name], 4)}) for name in rates))


def test_words_say_that_intervals_hold_together() -> None:
    drawn = three()
    assert ChartSpec.from_dict(drawn.as_dict()) == drawn
    cells = {line.label: line.cells["TCP_CRR"] for line in drawn.rows}
    xen = cells["6.12 Xen"].beside
    assert xen
    interval = f"{xen.ci_low:.2f} to {xen.ci_high:.2f}"
    assert headline(drawn).endswith(f"(95 % interval {interval} for all 2 ratios together).")
    told = post(drawn, LIVE, None)
    assert "; their 95 % CIs hold together)" in told
    assert all(len(line) <= WIDTH for line in told.splitlines())
    assert interval.replace(" to ", "-") in told
    (line,) = (
        each for each in csv.DictReader(render_csv(drawn).splitlines()) if "Xen" in each["group"]
    )
    assert (float(line["ratio_low"]), float(line["ratio_high"])) == (xen.ci_low, xen.ci_high)


def test_more_ratios_make_each_interval_wider() -> None:
    places = of_equal_hosts(random.Random(3), 12, 5)
    lows = [ratios(places[:n])[1].ci_low or 1 for n in (2, 3, 6, 12)]
    assert all(more < fewer for fewer, more in pairwise(lows))
