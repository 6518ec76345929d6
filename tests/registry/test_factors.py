"""Every factor's name is one wherever something is grouped or filtered: columns, settings, and what
an experiment calls a column.
"""

from typing import Any

import pytest
from django.test import Client

from registry.leaderboard import MOST_GROUP_BY
from registry.models.summary import summarise
from tests import reports

pytestmark = pytest.mark.django_db

# The contract's names: of hosts and recipes, then those that experiments try.
NAMES = (
    "virtualization virtualization_mode hypervisor_version container kernel_release kernel_series"
    " os provider instance_type cpu_model cpus nic_driver clocksource topology streams placement"
    " net.ipv4.tcp_syncookies conntrack rps.lo rps.nic rfs.nic offload.tso offload.sg offload.gso"
    " offload.gro listen_backlog irq_spread xen.mode kernel hypervisor mitigations"
).split()


def send(client: Client, number: int, rate: float, **tuning: Any) -> None:
    environment = reports.environment(tuning={"net.core.somaxconn": 4096, **tuning})
    report = reports.envelope(
        reports.run(rate), environment=environment, machine_id=f"{number:032x}"
    )
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(report),
        content_type="application/json",
        REMOTE_ADDR=f"10.0.{number}.1",
    )
    assert answer.status_code == 201, answer.content


@pytest.fixture
def world(client: Client) -> Client:
    """Three hosts that track connections and three that do not, at half of the rate."""
    for number, rate in enumerate((20_000, 20_500, 21_000), 1):
        send(client, number, rate, conntrack="absent")
        send(client, number + 3, rate / 2, conntrack="active")
    while summarise():
        pass
    return client


def rows(client: Client, query: str, path: str = "leaderboard") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/{path}/?{query}")
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_rows_may_be_by_any_factor(world: Client, name: str) -> None:
    found = rows(world, f"group_by={name}")
    assert sum(row["n_machines"] for row in found) == 6
    assert all(row["group"].keys() == {name} for row in found)
    table = world.get(f"/api/v1/leaderboard/?group_by={name}&format=csv").content.decode()
    assert f",group.{name}," in table.splitlines()[0]
    assert world.get(f"/leaderboard/?group_by={name}").status_code == 200


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", ["leaderboard", "results"])
def test_any_factor_is_a_filter(world: Client, name: str, path: str) -> None:
    known = {"cpus": "2", "streams": "1", "topology": "loopback", "placement": "same_cpu"}
    known |= {"kernel": "6.12.5-amd64", "kernel_release": "6.12.5-amd64", "kernel_series": "6.12"}
    known |= {"virtualization": "kvm", "hypervisor": "kvm", "cpu_model": "Test CPU 3000"}
    known |= {"os": "debian 13", "clocksource": "kvm-clock"}
    every = {"leaderboard": 1, "results": 6}[path]
    if name == "conntrack":
        assert len(rows(world, "conntrack=active", path)) == {1: 1, 6: 3}[every]
    value = known.get(name, "of no host")
    assert len(rows(world, f"{name}={value}", path)) == (every if name in known else 0)


def test_rows_by_a_setting_are_ranked_and_filtered(world: Client) -> None:
    found = rows(world, "group_by=conntrack,kernel")
    assert [(row["group"]["conntrack"], row["rank_low"]) for row in found] == [
        ("absent", 1),
        ("active", 2),
    ]
    assert {row["group"]["kernel"] for row in found} == {"6.12.5-amd64"}
    (only,) = rows(world, "conntrack=active&net.core.somaxconn=4096&group_by=net.core.somaxconn")
    assert (only["n_machines"], only["group"]) == (3, {"net.core.somaxconn": "4096"})
    page = world.get("/leaderboard/?group_by=conntrack&net.core.somaxconn=4096").content.decode()
    assert "conntrack</th>" in page
    assert 'name="net.core.somaxconn" value="4096"' in page


def test_a_factor_under_two_names_must_have_both_values(world: Client) -> None:
    assert len(rows(world, "kernel=6.12.5-amd64&kernel_release=6.12.5-amd64")) == 1
    assert rows(world, "kernel=6.12.5-amd64&kernel_release=5.10") == []
    assert rows(world, "&".join(f"net.x{n}=1" for n in range(99))) == []


@pytest.mark.parametrize(
    "query",
    [
        "group_by=" + ",".join(f"net.x{n}" for n in range(MOST_GROUP_BY + 1)),
        "group_by=conntrack,conntrack",
        "group_by=net.",
        "offload.none=1",
        "conntrack=%00",
    ],
)
def test_what_is_no_factor_or_too_many_is_refused(client: Client, query: str) -> None:
    answer = client.get(f"/api/v1/leaderboard/?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]
