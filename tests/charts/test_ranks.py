"""A ranked chart is its leaderboard, from the first row on."""

import pytest
from django.test import Client

from charts.spec import ChartSpec
from tests.charts.test_data import cells, drawn

pytestmark = pytest.mark.django_db


def named(spec: ChartSpec) -> list[str]:
    return [row.label.partition(". ")[2] for row in spec.rows]


def test_the_first_ranks_are_drawn_however_many_hosts_others_have() -> None:
    for number in range(15):
        rates = [30_000 - 1_500 * number + host for host in range(3 + number)]
        cells("kvm", rates, {}, os=f"os{number:02}")
    spec = drawn(kind="ranked", group_by=["os"], limit=12)
    assert named(spec) == [f"os{number:02}" for number in range(12)]
    assert spec.rows[0].label == "1. os00"
    assert "3 more groups not drawn" in spec.notes


def test_rows_stand_in_the_order_of_the_leaderboard(client: Client) -> None:
    """That draws rows of one platform and CPU to their mean."""
    spread = {"a": [8_000, 20_000, 40_000], "b": [14_000, 15_000, 16_000]}
    spread |= {"c": [11_900, 12_000, 12_100], "d": [9_900, 10_000, 10_100]}
    for name, rates in spread.items():
        cells("kvm", rates, {}, os=name, cpu_model="A")
    factors = ["os", "virtualization", "cpu_model"]
    board = client.get(f"/api/v1/leaderboard/?group_by={','.join(factors)}").json()["rows"]
    order = [row["group"]["os"] for row in board]
    assert [name.split()[0] for name in named(drawn(kind="ranked", group_by=factors))] == order
