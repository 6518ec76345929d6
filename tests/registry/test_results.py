"""Every figure in pages."""

import csv
import io
from typing import Any

import pytest
from django.test import Client

from registry.api.results import COLUMNS
from tests import reports

pytestmark = pytest.mark.django_db
API = "/api/v1/results/"


def send(client: Client, *rates: float, **more: Any) -> str:
    report = reports.envelope(*map(reports.run, rates), **more)
    answer = client.post(
        "/api/v1/reports/", reports.as_bytes(report), content_type="application/json"
    )
    assert answer.status_code == 201
    found: str = answer.json()["id"]
    return found


def ask(client: Client, query: str = "") -> dict[str, Any]:
    answer = client.get(API + query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_row_a_run_with_what_it_was_and_ran_on(client: Client) -> None:
    public_id = send(client, 20_000, 21_000)
    answer = ask(client)
    assert answer["next"] is None
    assert [row["value"] for row in answer["rows"]] == [21_000, 20_000]
    row = answer["rows"][0]
    assert (row["id"], row["run"], row["part"], row["test"]) == (public_id, 1, "figure", "TCP_CRR")
    assert (row["placement"], row["virtualization"], row["cpus"]) == ("same_cpu", "kvm", 2)
    assert list(row) == list(COLUMNS)


def test_pages_follow_each_other_without_a_row_twice_or_lost(client: Client) -> None:
    send(client, *range(1_000, 1_007))
    seen, address, pages = [], f"{API}?limit=3&test=TCP_CRR", 0
    while address:
        answer = client.get(address)
        seen += [row["value"] for row in answer.json()["rows"]]
        address = answer.json()["next"] or ""
        assert answer.get("Link", "") == (f'<{address}>; rel="next"' if address else "")
        pages += 1
        if pages == 1:
            send(client, 9_999)  # what comes meanwhile shifts nothing
    assert (seen, pages) == ([1006, 1005, 1004, 1003, 1002, 1001, 1000], 3)


def test_filters(client: Client) -> None:
    send(client, 20_000)
    send(client, 30_000, environment=reports.environment(virtualization={"type": "none"}))
    assert [row["value"] for row in ask(client, "?virtualization=none")["rows"]] == [30_000]
    assert ask(client, "?test=TCP_RR")["rows"] == []
    assert len(ask(client, "?streams=1&topology=loopback")["rows"]) == 2


def test_what_is_not_listed_is_not_there(client: Client) -> None:
    send(client, 20_000, visibility="unlisted")
    assert ask(client)["rows"] == []


def test_csv_has_the_same(client: Client) -> None:
    send(client, 20_000, 21_000)
    answer = client.get(f"{API}?format=csv&limit=1")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (row["value"], row["test"], row["started_at"][:4]) == ("21000.0", "TCP_CRR", "2026")
    assert "format=csv" in answer["Link"]


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?limit=1001", "?limit=x", "?cursor=x", "?colour=red", "?group_by=os", "?cpus=x"],
)
def test_what_is_no_query_is_refused(client: Client, query: str) -> None:
    answer = client.get(API + query)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["path"] == query[1:].partition("=")[0]
