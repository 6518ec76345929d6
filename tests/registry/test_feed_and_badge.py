"""What other programs take in of us: the feed, badges, oEmbed, and the page that lists it all."""

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from django.test import Client

from charts.freezing import freeze
from charts.models import Chart
from registry.models import RawReport, Reading
from registry.models.summary import summarise
from tests import reports

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"


def send(client: Client, **more: Any) -> str:
    report = reports.envelope(reports.run(20_000), **more)
    answer = client.post(
        "/api/v1/reports/", reports.as_bytes(report), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    found: str = answer.json()["id"]
    return found


def entries(client: Client) -> list[ElementTree.Element]:
    answer = client.get("/feed.atom")
    assert answer["Content-Type"].startswith("application/atom+xml")
    return ElementTree.fromstring(answer.content).findall(f"{ATOM}entry")


def test_the_feed_has_the_newest_reports_first(client: Client, settings: Any) -> None:
    assert entries(client) == []
    first, second = send(client), send(client, notes="another")
    send(client, notes="a third", visibility="unlisted")
    found = entries(client)
    links = [entry.find(f"{ATOM}link").get("href") for entry in found]  # type: ignore[union-attr]
    assert links == [f"{settings.PUBLIC_URL}/r/{one}" for one in (second, first)]
    assert [entry.findtext(f"{ATOM}id") for entry in found] == links
    assert found[0].findtext(f"{ATOM}title") == "TCP_CRR 20,000 trans/s, 6.12.5-amd64 KVM"
    assert found[0].findtext(f"{ATOM}updated")


def test_no_text_of_a_report_breaks_the_feed(client: Client) -> None:
    hostile = "<b>&amp;]]>\ufffe"
    environment = reports.environment(kernel={"release": hostile}, cpu={"model": hostile})
    send(client, environment=environment)
    (entry,) = entries(client)
    assert "<b>&amp;]]>" in (entry.findtext(f"{ATOM}title") or "")


@pytest.mark.parametrize("mark", "\u202e\u2066\u200f\u061c")
def test_no_text_of_a_report_turns_a_title_round(client: Client, mark: str) -> None:
    send(client, environment=reports.environment(kernel={"release": f"6.1-{mark}5 live"}))
    (entry,) = entries(client)
    assert entry.findtext(f"{ATOM}title") == "TCP_CRR 20,000 trans/s, 6.1- 5 live KVM"


def test_the_fastest_of_its_recipe_is_a_record(client: Client) -> None:
    """Among three hosts at the least, and unless a rule has doubts."""
    for number, rate in enumerate((22_000, 20_000, 23_000, 21_000)):
        assert not any("Record" in (one.findtext(f"{ATOM}title") or "") for one in entries(client))
        report = reports.envelope(reports.run(rate), machine_id=f"{number:032x}")
        body = reports.as_bytes(report)
        answer = client.post("/api/v1/reports/", body, content_type="application/json")
        assert answer.status_code == 201
        if number < 2:
            summarise()
    summarise()
    titles = [one.findtext(f"{ATOM}title") or "" for one in entries(client)]
    assert [title.startswith("Record: TCP_CRR 23,000") for title in titles] == [
        *(False, True, False, False)
    ]
    (record,) = (one for one in entries(client) if one.find(f"{ATOM}category") is not None)
    assert record.find(f"{ATOM}category").get("term") == "record"  # type: ignore[union-attr]
    Reading.objects.update(flags=[{"rule": "unlike_peers", "message": "odd", "mode": "flag"}])
    assert not any("Record" in (one.findtext(f"{ATOM}title") or "") for one in entries(client))


@pytest.mark.parametrize("address", ["/feed.atom", "/leaderboard/feed.atom"])
def test_a_feed_is_asked_for_in_the_ways_that_change_nothing(client: Client, address: str) -> None:
    send(client)
    summarise()
    found = client.get(address)
    for method in (client.get, client.head):
        assert method(address)["ETag"] == found["ETag"]
        again = method(address, headers={"If-None-Match": found["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    for name in ("PUT", "DELETE", "POST", "OPTIONS"):
        assert client.generic(name, address).status_code == 405


def badge(client: Client, public_id: str, **headers: str) -> Any:
    return client.get(f"/badge/{public_id}.svg", headers=headers)


def test_a_badge_has_the_headline_figure(client: Client) -> None:
    public_id = send(client)
    answer = badge(client, public_id)
    assert answer["Content-Type"] == "image/svg+xml"
    root = ElementTree.fromstring(answer.content)
    assert root.get("aria-label") == "TCP_CRR: 20,000 trans/s"
    again = badge(client, public_id, if_none_match=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")


def test_a_badge_of_what_was_withdrawn_stays_and_says_so(client: Client) -> None:
    public_id = send(client)
    RawReport.objects.filter(public_id=public_id).update(status=RawReport.Status.WITHDRAWN)
    assert b"withdrawn" in badge(client, public_id).content
    assert badge(client, "a" * 16).status_code == 404


def test_oembed_of_a_live_and_of_a_frozen_chart(
    client: Client, settings: Any, chart: Chart
) -> None:
    frozen = freeze(chart.drawing)
    live = f"{settings.PUBLIC_URL}/c/xen-users"
    fixed = f"{live}/{frozen.version}"
    for url, picture in ((live, live), (f"{live}.png", live), (fixed, fixed)):
        found = client.get("/oembed", {"url": url}).json()
        assert (found["type"], found["version"], found["url"]) == ("photo", "1.0", f"{picture}.png")
        assert (found["width"], found["height"] > 300) == (1200, True)
        assert client.get(found["url"].removeprefix(settings.PUBLIC_URL)).status_code == 200
    small = client.get("/oembed", {"url": live, "maxwidth": "300", "maxheight": "900"}).json()
    assert (small["width"], small["height"]) == (300, found["height"] // 4)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 404),
        ({"url": "https://evil.example/c/xen-users"}, 404),
        ({"url": "PUBLIC/c/none"}, 404),
        ({"url": "PUBLIC/c/xen-users/000000000000"}, 404),
        ({"url": "PUBLIC.evil.example/c/xen-users"}, 404),
        ({"url": "PUBLIC/c/xen-users", "format": "xml"}, 501),
        ({"url": "PUBLIC/c/xen-users", "maxwidth": "0"}, 400),
        ({"url": "PUBLIC/c/xen-users", "maxwidth": "x"}, 400),
    ],
)
@pytest.mark.usefixtures("chart")
def test_what_oembed_refuses(
    client: Client, settings: Any, asked: dict[str, str], status: int
) -> None:
    given = {name: text.replace("PUBLIC", settings.PUBLIC_URL) for name, text in asked.items()}
    answer = client.get("/oembed", given)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "details"}


@pytest.mark.usefixtures("chart")
def test_a_chart_tells_where_its_oembed_is(client: Client, settings: Any) -> None:
    page = client.get("/c/xen-users").content.decode()
    (address,) = re.findall(r'type="application/json\+oembed" href="([^"]+)"', page)
    assert client.get(address).json()["url"] == f"{settings.PUBLIC_URL}/c/xen-users.png"
    assert 'type="application/atom+xml" href="/feed.atom"' in page


@pytest.mark.usefixtures("chart")
def test_every_address_of_the_data_page_is_there(client: Client) -> None:
    send(client)
    page = client.get("/data/").content.decode()
    links = set(re.findall(r'href="(/(?:api|feed|badge|c)[^"]*)"', page))
    assert len(links) > 10
    for link in links:
        assert client.get(link.replace("&amp;", "&")).status_code == 200, link
