"""Virtualisation cost: within the CPU, with an interval, or with what is missing."""

import math
from typing import Any

import pytest
from django.test import Client

from registry import costs as costs_of
from registry.evidence.costs import BARE_METAL, Cost, CpuStratum, Host, bounded, costs
from registry.models import Submitter
from registry.models.summary import summarise
from registry.pages.costs import line
from tests import reports
from tests.cells import cell, new_machine

API = "/api/v1/costs/"
NUMBERS = iter(range(1, 10_000))
KVM = ("kvm", None)
BARE = (BARE_METAL, None)


def host(
    platform: tuple[str | None, ...],
    rate: float,
    cpu: str = "A",
    submitter: int = 0,
    *,
    cpus: int = 2,
    voter: str = "",
    recipe: int = 1,
) -> Host:
    number = next(NUMBERS)
    return Host(
        CpuStratum(cpu, cpus),
        platform,
        voter or f"m{number}",
        submitter or number,
        math.log(rate),
        recipe,
    )


def hosts(platform: tuple[str | None, ...], *rates: float, cpu: str = "A") -> list[Host]:
    return [host(platform, rate, cpu) for rate in rates]


def send(client: Client, kind: str, rate: float, model: str = "Intel Xeon E5-2680 v4") -> None:
    """One machine of its own, sent from an address of its own, with three runs around `rate`."""
    number = next(NUMBERS)
    environment = reports.environment(
        virtualization={"type": kind, "role": "host" if kind == BARE_METAL else "guest"},
        cpu={"model": model, "vendor": "GenuineIntel", "online": 2},
    )
    report = reports.envelope(
        *(reports.run(rate * factor) for factor in (0.99, 1.0, 1.01)),
        environment=environment,
        machine_id=f"{number:032x}",
    )
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(report),
        content_type="application/json",
        REMOTE_ADDR=f"10.{number >> 8}.{number & 255}.1",
    )
    assert answer.status_code == 201, answer.content


def found_in(**asked: str) -> tuple[costs_of.Costs, Cost]:
    found = costs_of.find(costs_of.ask(asked))
    (cost,) = found.rows
    return found, cost


def rows(client: Client, query: str = "") -> list[dict[str, Any]]:
    while summarise():
        pass
    answer = client.get(API + query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def test_a_cost_is_the_ratio_within_the_cpu() -> None:
    (found,) = costs(hosts(BARE, 9_900, 10_000, 10_100) + hosts(KVM, 4_950, 5_000, 5_050))
    assert found.found is not None
    assert found.found.overall.ratio == pytest.approx(0.5)
    assert (found.verdict, found.needs) == ("slower", "")
    assert found.range == pytest.approx((0.5, 0.5))


def test_a_gain_and_no_difference_have_their_words() -> None:
    bare = hosts(BARE, 9_990, 10_000, 10_010, 10_005)
    (faster,) = costs(bare + hosts(KVM, 11_990, 12_000, 12_010))
    (same,) = costs(bare + hosts(KVM, 10_020, 10_030, 10_025))
    (unclear,) = costs(hosts(BARE, 8_000, 10_000, 12_000) + hosts(KVM, 7_000, 9_500, 11_000))
    assert [faster.verdict, same.verdict, unclear.verdict] == ["faster", "no_difference", "unclear"]


def test_hosts_on_other_cpus_say_nothing_and_what_is_missing_is_told() -> None:
    (alone,) = costs(hosts(BARE, 10_000, 10_100, cpu="A") + hosts(KVM, 5_000, cpu="B"))
    assert (alone.found, alone.verdict) == (None, "not_enough_data")
    assert "3 more of it and 3 more of bare metal" in alone.needs
    (few,) = costs(hosts(BARE, 10_000, 10_100) + hosts(KVM, 5_000, 5_100, 5_050))
    assert few.verdict == "not_enough_data"
    assert few.needs == (
        "hosts with the same CPU: 1 more of bare metal, or 2 more CPU models with both"
    )


def test_cpus_that_differ_give_a_range() -> None:
    rows = hosts(BARE, 10_000, 10_010, 9_990) + hosts(KVM, 9_000, 9_010, 8_990)
    rows += hosts(BARE, 10_000, 10_010, 9_990, cpu="B") + hosts(KVM, 3_000, 3_010, 2_990, cpu="B")
    (found,) = costs(rows)
    assert found.verdict == "differs_by_cpu"
    assert found.range == pytest.approx((0.3, 0.9), rel=0.01)


def test_different_cpus_on_both_sides_do_not_mislead() -> None:
    """evidence.md 2 (4): each CPU gains 20 %, and the pooled means lose 57 %."""
    rows = hosts(BARE, *[30_000] * 40) + hosts(KVM, *[36_000] * 4)
    rows += hosts(BARE, *[8_000] * 5, cpu="B") + hosts(KVM, *[9_600] * 45, cpu="B")
    (found,) = costs(rows)
    assert found.found is not None
    assert found.found.overall.ratio == pytest.approx(1.2)
    assert found.found.pooled < 0.5
    assert found.found.is_simpson


def test_a_flooding_owner_is_one_vote_of_a_stratum() -> None:
    assert bounded([[1.0, 3.0, 5.0, 3.0], [2.0], [4.0]]) == [3.0, 2.0, 4.0]
    assert bounded([[1.0], [2.0]]) == [1.0, 2.0]
    assert bounded([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_a_host_under_several_recipes_is_one() -> None:
    """Two machines, measured under three recipes each, say as little as under one."""
    rows = [
        host(platform, rate * factor, voter=platform[0] or "", recipe=recipe)
        for platform, rate in ((BARE, 10_000), (KVM, 5_000))
        for recipe, factor in ((1, 1.0), (2, 1.01), (3, 1.03))
    ]
    (found,) = costs(rows)
    assert found.verdict == "not_enough_data"
    assert (found.matched.n_guests, found.matched.n_bare, found.matched.n_models) == (1, 1, 1)
    assert found.needs.startswith("hosts with the same CPU: 2 more of it and 2 more of bare metal")


def test_of_a_cpu_the_recipe_of_the_most_hosts_counts() -> None:
    few = hosts(BARE, 10_000, 10_100) + hosts(KVM, 9_000, 9_100)
    many = [host(BARE, rate, recipe=2) for rate in (9_900, 10_000, 10_100)]
    many += [host(KVM, rate, recipe=2) for rate in (4_950, 5_000, 5_050)]
    (found,) = costs(few + many)
    assert found.found is not None
    assert found.found.overall.ratio == pytest.approx(0.5)
    assert (found.n_hosts, found.matched.n_guests, found.n_unmatched) == (5, 3, 2)
    (equal,) = costs([host(p, r, recipe=n) for p, r, n in ((BARE, 2, 2), (KVM, 1, 2))] + few[::2])
    assert equal.found is not None
    assert equal.found.overall.ratio == pytest.approx(0.9)


def test_a_machine_with_two_numbers_of_cpus_is_one() -> None:
    rows = [
        host(platform, rate * cpus, cpus=cpus, voter=f"{platform[0]}{number}")
        for platform, rate in ((BARE, 10_000), (KVM, 5_000))
        for number in range(2)
        for cpus in (2, 4)
    ]
    (found,) = costs(rows)
    assert (len(found.strata), found.matched.n_models, found.verdict) == (2, 1, "not_enough_data")
    assert (found.matched.n_guests, found.matched.n_bare, found.n_unmatched) == (2, 2, 0)
    assert found.found is not None
    assert found.found.overall.ci_low is None


def test_hosts_are_counted_apart_from_votes() -> None:
    flood = [host(KVM, 5_000 + number, submitter=7) for number in range(40)]
    (found,) = costs(hosts(BARE, 9_900, 10_000, 10_100) + flood)
    assert (found.matched.n_guests, found.n_unmatched, found.verdict) == (40, 0, "not_enough_data")
    assert found.needs == (
        "hosts with the same CPU by other senders: 2 more of it, or 2 more CPU models with both"
    )
    assert line(found).hosts == "40 hosts, 3 bare metal, 1 CPU model"


@pytest.mark.django_db
def test_a_machine_that_reports_on_several_days_is_one_host() -> None:
    """An anonymous sender is a new one each day."""
    for kind, rate in ((BARE_METAL, 10_000), ("kvm", 5_000)):
        one = new_machine()
        for day in range(3):
            cell(rate + day, one, virtualization=kind, kernel_release=f"6.12.{day}")
    found, cost = found_in()
    assert (cost.verdict, cost.n_hosts, found.n_hosts) == ("not_enough_data", 1, 2)
    assert (cost.matched.n_guests, cost.matched.n_bare) == (1, 1)


@pytest.mark.django_db
def test_a_machine_is_its_first_senders() -> None:
    first, second = Submitter.objects.create(), Submitter.objects.create()
    for number in range(3):
        cell(10_000 + number, new_machine())
        one = new_machine()
        cell(5_000, one, second, virtualization="kvm", kernel_release="6.2")
        cell(5_000, one, first, virtualization="kvm", kernel_release="6.1")
    _, cost = found_in()
    assert cost.found is not None
    assert (cost.found.n_treated, cost.matched.n_guests) == (1, 3)  # all three are of one sender


@pytest.mark.django_db
def test_a_table_is_of_the_one_workload_that_most_hosts_share(client: Client) -> None:
    for number in range(3):
        cell(10_000 + number, new_machine(), placement=None)
        cell(5_000 + number, new_machine(), placement=None, virtualization="kvm")
    bare, guest = new_machine(), new_machine()
    for streams in (1, 2, 4, 8):
        cell(10_000 * streams, bare, streams=streams)
        cell(9_000 * streams, guest, streams=streams, virtualization="kvm")
    found, cost = found_in(streams="any", placement="any")
    loopback = {"test": "TCP_CRR", "topology": "loopback", "unit": "trans/s"}
    assert found.recipe == loopback | {"streams": 1, "placement": None}
    assert (cost.verdict, cost.n_hosts) == ("slower", 3)
    answer = client.get(API + "?streams=any&placement=any").json()
    assert answer["recipe"] == found.recipe
    page = client.get("/costs/?streams=any&placement=any").content.decode()
    assert "1 stream, placement unknown, loopback: of what was asked, the workload" in page
    assert "of what was asked" not in client.get("/costs/").content.decode()


def test_nothing_gives_nothing() -> None:
    assert costs([]) == []
    assert costs(hosts(BARE, 1.0)) == []


@pytest.mark.django_db
def test_the_api_and_the_page_say_the_same(client: Client) -> None:
    for rate in (9_900, 10_000, 10_100):
        send(client, BARE_METAL, rate)
        send(client, "kvm", rate / 2)
    send(client, "vmware", 4_000, model="Intel Xeon Gold 6140")
    kvm, vmware = rows(client)
    assert (kvm["virtualization"], kvm["verdict"]) == ("kvm", "slower")
    assert kvm["ratio"] == pytest.approx(0.5, rel=1e-6)
    assert kvm["ci_low"] < 0.5 < kvm["ci_high"]
    assert (kvm["n_strata"], kvm["n_machines"], kvm["n_baseline_machines"]) == (1, 3, 3)
    assert [stratum["cpus"] for stratum in kvm["strata"]] == [2]
    assert (vmware["verdict"], vmware["ratio"]) == ("not_enough_data", None)
    assert vmware["n_unmatched_machines"] == 1
    page = client.get("/costs/").content.decode()
    for words in ("0.50", "Slower than bare metal", "Not enough matched machines", "VMware"):
        assert words in page
    assert "Over loopback" in page


@pytest.mark.django_db
def test_recipes_are_not_mixed(client: Client) -> None:
    send(client, BARE_METAL, 10_000)
    send(client, "kvm", 5_000)
    (row,) = rows(client, "?streams=any&placement=any&topology=any")
    assert row["n_strata"] == 1
    assert rows(client, "?streams=2") == []


@pytest.mark.django_db
@pytest.mark.parametrize("address", [API, "/costs/"])
def test_what_is_no_recipe_is_refused(client: Client, address: str) -> None:
    answer = client.get(address + "?colour=red")
    assert answer.status_code == 422
    assert "unknown factor" in answer.content.decode()


@pytest.mark.django_db
def test_without_figures_the_page_says_how_to_get_some(client: Client) -> None:
    assert rows(client) == []
    assert "No guest has been measured" in client.get("/costs/").content.decode()
