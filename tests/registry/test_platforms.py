"""The pages of platforms: what a hypervisor, a kernel or a CPU has, from the same facts as the
leaderboard.
"""

import re
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from registry import effects, kept, platforms
from registry.models import RawReport
from registry.models.summary import summarise
from registry.pages import platform
from submissions import seed
from tests import reports
from tests.registry.test_effects import send_experiment
from tests.registry.test_pages import send, text_of

pytestmark = pytest.mark.django_db
ODD = "A/B CPU <b>&\"' ../ 100 % “x”"


def send_host(client: Client, machine: int, rate: float, **environment: Any) -> str:
    return send(
        client,
        rate,
        machine_id=f"{machine:032x}",
        environment=reports.environment(**environment),
    )


def test_a_platform_shows_its_hosts_and_how_they_are_spread(client: Client) -> None:
    for number, rate in enumerate((10_000, 11_000, 12_000, 13_000, 14_000, 15_000), 1):
        send_host(client, number, rate)
    send_host(client, 90, 90_000, virtualization={"type": "none"})
    summarise()
    text = text_of(client, "/platform/virtualization/kvm/")
    assert "(6 hosts of 6 senders, 6 runs)" in text
    assert "A tenth of them is below 10,000, half below 12,000, a tenth above 14,000" in text
    page = client.get("/platform/virtualization/kvm/").content.decode()
    bins = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="2.9" height="([\d.]+)"', page)
    assert [float(left) for left, _, _ in bins] == [0, 18.75, 37.5, 59.375, 78.125, 96.875]
    assert {(top, height) for _, top, height in bins} == {("0.0", "100.0")}


def test_kernels_stand_in_their_own_order(client: Client) -> None:
    for number, release in enumerate(("6.12.5", "6.9.1", "2.6.39-xen"), 1):
        send_host(client, number, 20_000, kernel={"release": release})
    summarise()
    found = platforms.find("virtualization", "kvm")
    assert found is not None
    assert [board.by for board in found.boards] == ["kernel_series", "cpu_model"]
    assert [group.key[0] for group in found.boards[0].groups] == ["2.6.39", "6.9", "6.12"]


def test_a_platform_says_the_same_as_the_leaderboard(client: Client) -> None:
    for number, rate in enumerate((20_000, 21_000, 22_000, 30_000), 1):
        kind = "xen" if rate == 30_000 else "kvm"
        send_host(client, number, rate, virtualization={"type": kind})
    summarise()
    page = client.get("/platform/virtualization/kvm/").content.decode()
    asked = re.search(r'href="(/api/v1/leaderboard/\?virtualization=kvm&amp;group_by=\w+)"', page)
    assert asked
    [row] = client.get(asked[1].replace("&amp;", "&")).json()["rows"]
    hosts = platforms.find("virtualization", "kvm").hosts  # type: ignore[union-attr]
    assert (row["rate"], row["n_machines"]) == (hosts.estimate.rate, 3)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("factor", "environment"),
    [
        ("cpu_model", {"cpu": {"model": ODD, "online": 2}}),
        ("instance_type", {"cloud": {"provider": "aws", "instance_type": ODD}}),
        ("provider", {"cloud": {"provider": "aws", "instance_type": "c5.large"}}),
        ("kernel_series", {"kernel": {"release": "6.12.5-amd64"}}),
    ],
)
def test_every_listed_value_has_a_page(
    client: Client, factor: str, environment: dict[str, Any]
) -> None:
    send_host(client, 1, 20_000, **environment)
    summarise()
    (value, n_hosts) = platforms.values(factor)[0]
    assert n_hosts == 1
    for index in ("/platform/", f"/platform/{factor}/"):
        assert f'href="{platform.address_of(factor, value)}"' in unescaped(client, index)
    page = client.get(platform.address_of(factor, value))
    assert page.status_code == 200
    assert b"<b>&" not in page.content


@pytest.mark.parametrize("value", ["..", ".", "", None])
def test_no_address_leads_out_of_the_pages_of_platforms(value: str | None) -> None:
    assert platform.address_of("cpu_model", value) == ""
    assert "/.." not in platform.address_of("cpu_model", "a/../../admin")


def unescaped(client: Client, address: str) -> str:
    return unescape(client.get(address).content.decode())


@pytest.mark.parametrize(
    "address",
    [
        "/platform/virtualization/none-such/",
        "/platform/clocksource/tsc/",
        "/platform/clocksource/",
        "/platform/virtualization/?after=none-such",
        "/platform/virtualization/kvm%00/",
    ],
)
def test_what_no_report_names_is_not_found(client: Client, address: str) -> None:
    send_host(client, 1, 20_000)
    summarise()
    assert client.get(address).status_code == 404


def test_an_unlisted_report_makes_no_platform(client: Client) -> None:
    secret = {"model": "Secret CPU", "online": 2}
    send(client, 1, visibility="unlisted", environment=reports.environment(cpu=secret))
    public = send_host(client, 2, 20_000)
    summarise()
    assert client.get(f"/platform/cpu_model/{quote('Secret CPU')}/").status_code == 404
    assert "Secret" not in text_of(client, "/platform/")
    assert RawReport.objects.listed().get().public_id == public


def test_a_list_of_platforms_is_paged_by_its_last_value(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        send_host(client, number, 20_000, cpu={"model": f"CPU {number}", "online": 2})
    summarise()
    monkeypatch.setattr(platform, "VALUES_A_PAGE", 2)
    address, seen = "/platform/cpu_model/", []
    while address:
        page = client.get(address).content.decode()
        seen += re.findall(r"<bdi>(CPU \d)</bdi>", page)
        following = re.search(r'href="(\?after=[^"]+)" rel="next"', page)
        address = f"/platform/cpu_model/{following[1]}" if following else ""
    assert seen == [f"CPU {number}" for number in range(5)]


def test_settings_that_help_stand_beside_what_they_did_here(client: Client) -> None:
    for ratio in (1.2, 1.22, 1.19):
        send_experiment(client, ratio)
    send_host(client, 5000, 20_000)
    send_host(client, 5001, 20_000, virtualization={"type": "xen"})
    summarise()
    assert "No experiment has shown one yet" in text_of(client, "/platform/virtualization/kvm/")
    effects.refresh_findings()  # no change of the facts, and yet of what is shown
    assert "0 → 3. 3 machines, 3 of them here." in text_of(client, "/platform/virtualization/kvm/")
    assert "0 → 3. 3 machines, none of them here." in text_of(
        client, "/platform/virtualization/xen/"
    )


def test_imported_figures_are_said_to_be(client: Client) -> None:
    seed.load()
    while summarise():
        pass
    kept.cache.clear()
    text = text_of(client, "/platform/kernel_series/2.6.38/")
    assert "no figure of the ranked recipe" in text
