"""Virtualisation cost: within the CPU, with an interval, or with what is missing."""

import math
from typing import Any

import pytest
from django.test import Client

from registry.evidence.costs import BARE_METAL, CpuStratum, Host, bounded, costs
from registry.models.summary import summarise
from tests import reports

API = "/api/v1/costs/"
NUMBERS = iter(range(1, 10_000))
KVM = ("kvm", None)
BARE = (BARE_METAL, None)


def host(platform: tuple[str | None, ...], rate: float, cpu: str = "A", submitter: int = 0) -> Host:
    return Host(CpuStratum(1, cpu, 2), platform, submitter or next(NUMBERS), math.log(rate))


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
