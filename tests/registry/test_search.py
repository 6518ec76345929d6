"""The search box, and what crawlers are told."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from registry import search
from registry.models.summary import summarise
from submissions import seed
from tests import reports

pytestmark = pytest.mark.django_db


def send(client: Client, machine: int, **environment: Any) -> str:
    body = reports.envelope(
        reports.run(20_000 + machine),
        machine_id=f"{machine:032x}",
        environment=reports.environment(**environment),
    )
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(body),
        content_type="application/json",
        REMOTE_ADDR=reports.address_of(body["machine_id"]),
    )
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


@pytest.fixture
def world(client: Client) -> dict[str, str]:
    seed.load()
    ids = {
        "kvm": send(client, 1, cpu={"model": "AMD EPYC 7763 64-Core Processor", "online": 4}),
        "other": send(client, 2, cpu={"model": "Intel(R) Xeon(R) Gold 6130", "online": 4}),
        "hyperv": send(client, 3, virtualization={"type": "microsoft", "role": "guest"}),
        "cloud": send(
            client,
            4,
            cloud={"provider": "aws", "instance_type": "c1.xlarge", "region": "us-east-1"},
        ),
    }
    while summarise():
        pass
    return ids


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("query", "filters", "unknown"),
    [
        ("kvm", {"virtualization": "kvm"}, ()),
        ("KVM", {"virtualization": "kvm"}, ()),
        ("bare metal", {"virtualization": "none"}, ()),
        ("Hyper-V", {"virtualization": "microsoft"}, ()),
        ("c1.xlarge", {"instance_type": "c1.xlarge"}, ()),
        ("2.6.38", {"kernel_series": "2.6.38"}, ()),
        ("2.6.39", {}, ("2.6.39",)),
        ("6.12.5", {"kernel_release": "6.12.5-amd64"}, ()),
        ("zebra", {}, ("zebra",)),
        ("kvm zebra", {"virtualization": "kvm"}, ("zebra",)),
        ("", {}, ()),
    ],
)
def test_what_words_mean(query: str, filters: dict[str, str], unknown: tuple[str, ...]) -> None:
    found = search.find(query)
    assert found.filters == filters
    assert found.unknown == unknown


@pytest.mark.usefixtures("world")
def test_a_word_of_a_cpu_narrows_a_platform() -> None:
    found = search.find("kvm epyc")
    assert {one.factor for one in found.matches} == {"virtualization", "cpu_model"}
    assert "epyc" in found.filters["cpu_model"].casefold()


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("query", ["2.6.3", "2.6.390", "6.1"])
def test_a_kernel_is_no_other_that_begins_alike(query: str) -> None:
    values = [value for one in search.find(query).matches for value in one.values]
    assert not [value for value in values if re.match(re.escape(query) + r"\d", value)]


def test_the_page_leads_to_the_board_and_to_the_reports(
    client: Client, world: dict[str, str]
) -> None:
    page = client.get("/search/?q=kvm+epyc").content.decode()
    assert f"/r/{world['kvm']}" in page
    assert f"/r/{world['other']}" not in page
    (board,) = re.findall(r'<p><a href="(/leaderboard/[^"]*)">', page)
    assert '<a href="/costs/">What a hypervisor costs' in page
    assert "virtualization=kvm" in board
    assert client.get(board.replace("&amp;", "&")).status_code == 200
    several = client.get("/search/?q=c1").content.decode()
    assert "c1.xlarge" in several


@pytest.mark.parametrize(
    ("word", "factors"),
    [
        ("conntrack", ["conntrack"]),
        ("somaxconn", ["net.core.somaxconn"]),
        ("SYNcookies", ["net.ipv4.tcp_syncookies"]),
        ("tso", ["offload.tso"]),
        ("rps", ["rps.lo", "rps.nic"]),
    ],
)
def test_a_setting_leads_to_whether_it_helps(client: Client, word: str, factors: list[str]) -> None:
    page = client.get("/search/", {"q": word}).content.decode()
    assert re.findall(r'href="/effects/\?factor=([^"]+)"', page) == factors
    assert "Nothing here is called" not in page


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    "query", ["<script>alert(1)</script>", "\0", "%", "_", "\u202ekvm", "a" * 5000, "' OR 1=1", "("]
)
def test_whatever_is_typed_is_text(client: Client, query: str) -> None:
    answer = client.get("/search/", {"q": query})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()


def test_the_box_is_on_every_page(client: Client) -> None:
    for path in ("/", "/leaderboard/", "/method/", "/search/"):
        assert 'action="/search/"' in client.get(path).content.decode()


def test_crawlers_are_told_where_everything_is(client: Client, world: dict[str, str]) -> None:
    robots = client.get("/robots.txt")
    assert robots["Content-Type"] == "text/plain"
    (index,) = re.findall(r"Sitemap: http://[^/]*(/\S+)", robots.content.decode())
    listed: list[str] = []
    for part in locations(client, index):
        listed += locations(client, part)
    paths = set(listed)
    assert len(paths) == len(listed)
    assert {f"/r/{public_id}" for public_id in world.values()} < paths
    for path in sorted(path for path in paths if not path.startswith(("/r/", "/c/"))):
        assert client.get(path).status_code == 200, path
    assert client.get("/sitemap-99.xml").status_code == 404


def locations(client: Client, path: str) -> list[str]:
    root = ElementTree.fromstring(client.get(path).content)
    found = [str(each.text) for each in root.iter() if each.tag.endswith("loc")]
    return [re.sub(r"^https?://[^/]*", "", each) for each in found]
