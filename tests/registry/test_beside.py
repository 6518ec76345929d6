"""A report's page beside others: where its figure lies, what the nearest better host has, which
platforms it belongs to, and the text it was read from.
"""

import re

import pytest
from django.test import Client

from registry.models import RawReport
from registry.models.summary import summarise
from submissions import seed
from tests import reports
from tests.registry.test_pages import change, send, text_of

pytestmark = pytest.mark.django_db


def send_host(client: Client, machine: int, rate: float, **environment: object) -> str:
    return send(
        client,
        rate,
        machine_id=f"{machine:032x}",
        environment=reports.environment(**environment),
    )


def test_the_nearest_better_host_is_the_one_that_differs_least(client: Client) -> None:
    own = send_host(client, 1, 20_000)
    send_host(client, 2, 21_000, clocksource="tsc", kernel={"release": "6.1.0"})
    near = send_host(client, 3, 30_000, clocksource="tsc")
    send_host(client, 4, 10_000)  # alike in everything, and no better
    summarise()
    text = text_of(client, f"/r/{own}")
    assert "The nearest better host does 30,000, 1.50 × this one" in text
    assert "Clock source here: kvm-clock there: tsc" in text
    page = client.get(f"/r/{own}").content.decode()
    assert f'href="/compare/?a={own}&amp;b={near}"' in page
    assert client.get(f"/compare/?a={own}&b={near}").status_code == 200


def test_the_best_host_has_none_that_is_better(client: Client) -> None:
    send_host(client, 1, 20_000)
    best = send_host(client, 2, 21_000)
    summarise()
    assert "nearest better" not in text_of(client, f"/r/{best}")


@pytest.mark.parametrize("hidden", ["unlisted", "withdrawn", "held"])
def test_a_hidden_report_is_nobodys_neighbour(client: Client, hidden: str) -> None:
    own = send_host(client, 1, 20_000)
    secret = send_host(client, 2, 30_000)
    summarise()
    # before the figures are summed up without it
    change(secret, **({"visibility": hidden} if hidden == "unlisted" else {"status": hidden}))
    assert secret not in client.get(f"/r/{own}").content.decode()


def test_the_spread_marks_ones_own_figure(client: Client) -> None:
    own = send_host(client, 1, 10_000)
    for number, rate in enumerate((20_000, 20_100, 40_000), 2):
        send_host(client, number, rate)
    summarise()
    page = client.get(f"/r/{own}").content.decode()
    bars = re.findall(
        r'<rect( class="own")? x="([\d.]+)" y="[\d.]+" width="[\d.]+" height="([\d.]+)"', page
    )
    assert [(bool(is_own), height) for is_own, _, height in bars] == [
        (True, "50.0"),
        (False, "100.0"),
        (False, "50.0"),
    ]


def test_a_report_leads_to_its_platforms(client: Client) -> None:
    own = send_host(client, 1, 10_000)
    summarise()
    page = client.get(f"/r/{own}").content.decode()
    addresses = re.findall(r'href="(/platform/[^"]+/[^"]+/)"', page)
    assert addresses == [
        "/platform/virtualization/kvm/",
        "/platform/kernel_series/6.12/",
        "/platform/cpu_model/Test%20CPU%203000/",
    ]
    assert {client.get(address).status_code for address in addresses} == {200}


def test_what_is_pasted_elsewhere_is_of_listed_reports(client: Client) -> None:
    own = send_host(client, 1, 10_000)
    assert f"[![TCP_CRR](http://127.0.0.1:8000/badge/{own}.svg)]" in text_of(client, f"/r/{own}")
    change(own, visibility="unlisted")
    assert "Show it elsewhere" not in text_of(client, f"/r/{own}")


def test_each_line_is_shown_with_what_was_read_from_it(client: Client) -> None:
    body = reports.text(12_345.67) + "TCP REQUEST/RESPONSE of something\n"
    answer = client.post("/api/v1/reports/", body, content_type="text/plain").json()
    page = client.get(f"/r/{answer['id']}/read")
    assert page.status_code == 200
    assert "✓ TCP_CRR 12,345.67 trans/s" in text_of(client, f"/r/{answer['id']}/read")
    marked = re.findall(r'<li class="result"><code>([^<]+)', page.content.decode())
    assert [line.split()[-1] for line in marked] == ["12345.67"]


def test_every_format_has_its_lines_or_says_why_not(client: Client) -> None:
    seed.load()
    row = RawReport.objects.order_by("pk").first()
    assert row is not None
    assert "a row of figures" in text_of(client, f"/r/{row.public_id}/read")


@pytest.mark.parametrize("status", ["withdrawn", "rejected"])
def test_lines_of_what_is_gone_are_gone(client: Client, status: str) -> None:
    own = send_host(client, 1, 10_000)
    change(own, status=status)
    answer = client.get(f"/r/{own}/read")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/r/{own}")


def test_no_search_engine_keeps_the_lines_of_what_is_unlisted(client: Client) -> None:
    own = send_host(client, 1, 10_000)
    change(own, visibility="unlisted")
    assert 'content="noindex"' in client.get(f"/r/{own}/read").content.decode()


def test_lines_stay_text(client: Client) -> None:
    body = reports.text(12_345.67) + "<script>alert(1)</script>\n"
    answer = client.post("/api/v1/reports/", body, content_type="text/plain").json()
    assert b"<script>alert" not in client.get(f"/r/{answer['id']}/read").content
