"""From cells to rows: what stands beside each other has one recipe, and no group is lost."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from charts.data import OTHERS, SIZES
from charts.models import Chart
from charts.params import ChartParams
from charts.pipeline import spec_of
from charts.spec import ChartSpec, Row
from registry.models import Cell, Machine, Recipe, Submitter, System
from registry.models.factors import RECIPE_FIELDS

pytestmark = pytest.mark.django_db

USUAL: dict[str, Any] = {
    "test": "TCP_CRR",
    "unit": "trans/s",
    "topology": "loopback",
    "address_family": "inet",
    "streams": 1,
    "placement": "same_cpu",
    "request_size_bytes": 1,
    "response_size_bytes": 1,
    "message_size_bytes": None,
    "socket_options": None,
    "netperf_generation": "omni",
    "timing_options": "",
    "duration_class": "normal",
    "far_end": None,
    "source": "plan",
}
OTHER: dict[str, Any] = {
    "topology": "same_lan",
    "address_family": "inet6",
    "request_size_bytes": 64,
    "response_size_bytes": 64,
    "message_size_bytes": 64,
    "socket_options": "-s 16384",
    "netperf_generation": "bsd",
    "timing_options": "cpu",
    "duration_class": "long",
    "far_end": "none, 6.12",
}


def cells(
    virtualization: str, rates: Sequence[float], recipe: dict[str, Any], **system: Any
) -> None:
    """One host for each rate."""
    (its_recipe,) = Recipe.rows_of([USUAL | recipe])
    (its_system,) = System.rows_of([{"virtualization": virtualization} | system])
    for rate in rates:
        number = Machine.objects.count() + 1
        Cell.objects.create(
            recipe=its_recipe,
            system=its_system,
            machine=Machine.for_id(f"{number:032x}"),
            submitter=Submitter.of_today(f"192.0.2.{number}"),
            bound="exact",
            n_runs=8,
            n_sittings=1,
            mean_ln=math.log(rate),
            m2=0.0,
            last_report_id=number,
        )


def drawn(**asked: Any) -> ChartSpec:
    asked = {"group_by": ["virtualization"], "recipe": {"streams": "1"}, **asked}
    params = {"tests": ["TCP_CRR"], **asked}
    return spec_of(Chart(slug="x", params=ChartParams.from_dict(params).as_dict()), 1)


def ratios(spec: ChartSpec) -> list[tuple[str, float]]:
    return [
        (row.label, round(cell.beside.ratio, 2))
        for row in spec.rows
        for cell in row.cells.values()
        if cell.beside
    ]


def named(spec: ChartSpec) -> list[str]:
    return [_named(row) for row in spec.rows]


def _named(row: Row) -> str:
    return f"{row.label}, {row.recipe}"


def test_every_field_in_which_a_recipe_may_be_other_has_a_word() -> None:
    of_neighbours = {"test", "unit", "source", "streams", "placement"}
    assert (OTHERS.keys() - {"sizes"}) | set(SIZES) == set(RECIPE_FIELDS) - of_neighbours
    assert OTHER.keys() == (OTHERS.keys() - {"sizes"}) | set(SIZES)


@pytest.mark.parametrize("name", OTHER)
def test_rows_of_other_recipes_say_in_what_and_have_no_ratio(name: str) -> None:
    cells("none", [20_000, 21_000, 22_000], {})
    cells("kvm", [10_000, 11_000], {name: OTHER[name]})
    spec = drawn()
    assert named(spec)[0] == "bare metal, same CPU"
    assert named(spec)[1].startswith("KVM, same CPU, ")
    assert ratios(spec) == []


def test_no_group_is_lost_to_another_whose_recipe_is_other_too() -> None:
    cells("none", [20_000] * 3, {})
    cells("kvm", [10_000], {"socket_options": "-s 16384"})
    cells("kvm", [11_000], {"address_family": "inet6"})
    cells("kvm", [12_000], {"address_family": "inet6", "socket_options": "-s 16384"})
    assert named(drawn())[1:] == [
        "KVM, same CPU, IPv6",
        "KVM, same CPU, IPv6, sockets -s 16384",
        "KVM, same CPU, sockets -s 16384",
    ]


def test_recipes_whose_words_are_long_are_told_apart() -> None:
    sockets = [f"-s 1638{number},131072 -S 16384,131072 -m 16384" for number in (4, 5)]
    cells("none", [20_000] * 3, {})
    cells("kvm", [10_000, 10_100], {"socket_options": sockets[0], "timing_options": "cpu,demo"})
    cells("xen", [5_000, 5_100], {"socket_options": sockets[1], "timing_options": "cpu,demo"})
    spec = drawn()
    assert ratios(spec) == []
    assert len({row.recipe for row in spec.rows}) == 3


def test_small_multiples_join_no_two_recipes() -> None:
    long = {"timing_options": "cpu,demo", "far_end": "kvm, 6.12, 4 CPUs"}
    cells("none", [20_000] * 3, {}, os="a")
    cells("kvm", [10_000], {"socket_options": "-s 1", **long}, os="a")
    cells("kvm", [11_000], {"socket_options": "-s 2", **long}, os="b")
    spec = drawn(kind="multiples", group_by=["os", "virtualization"])
    assert [len(row.cells) for row in spec.rows] == [1, 1, 1]


def test_rows_of_several_tests_are_one_where_only_the_test_is_other() -> None:
    of_rr = {"test": "TCP_RR", "socket_options": "-s 1"}
    cells("none", [20_000] * 3, {})
    cells("none", [90_000] * 3, of_rr)
    cells("kvm", [10_000] * 3, {})
    cells("kvm", [60_000] * 3, of_rr)
    cells("kvm", [9_000], {"address_family": "inet6"})
    cells("kvm", [50_000], {**of_rr, "address_family": "inet6"})
    spec = drawn(tests=["TCP_CRR", "TCP_RR"])
    assert named(spec) == ["bare metal, same CPU", "KVM, same CPU", "KVM, same CPU, IPv6"]
    assert all(len(row.cells) == 2 for row in spec.rows)
