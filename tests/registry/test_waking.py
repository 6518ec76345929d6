"""What waking idle CPUs costs: recipes that differ in nothing but the placement are divided."""

from typing import Any

import pytest

from registry import waking
from tests.cells import cell, new_machine


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timing_options", "demo"),
        ("netperf_generation", "bsd"),
        ("address_family", "inet6"),
        ("socket_options", "s=4096"),
        ("duration_class", "long"),
    ],
)
def test_recipes_that_differ_in_more_are_not_divided(name: str, value: Any) -> None:
    one = new_machine()
    cell(5_000, one, virtualization="kvm", **{name: value})
    cell(12_000, one, virtualization="kvm", placement="unpinned")
    assert waking.find() == waking.Waking(None, None)


@pytest.mark.django_db
def test_each_recipe_is_divided_by_its_own() -> None:
    one, bare = new_machine(), new_machine()
    for timing, pinned in (("demo", 5_000), ("", 24_000)):
        cell(pinned, one, virtualization="kvm", timing_options=timing)
        cell(pinned / 2, one, virtualization="kvm", timing_options=timing, placement="unpinned")
    cell(20_000, bare)
    cell(16_000, bare, placement="unpinned")
    found = waking.find()
    assert found.guests is not None
    assert found.bare_metal is not None
    assert (found.guests.rate, found.guests.n) == pytest.approx((0.5, 1))
    assert (found.bare_metal.rate, found.bare_metal.n) == pytest.approx((0.8, 1))
