"""CSV beside JSON: the same rows, every column described, and nothing that a spreadsheet runs."""

import csv
import io
from typing import Any

import pytest
from django.test import Client

from registry import csv_table
from registry.models.summary import summarise
from tests import reports

ADDRESSES = ("/api/v1/costs/", "/api/v1/effects/", "/api/v1/leaderboard/")
FORMULA = '=HYPERLINK("http://example.invalid")'


@pytest.fixture
def facts(client: Client) -> None:
    """Bare metal and a guest on one CPU, whose name is a formula, and a setting that differs."""
    for number, (kind, rate) in enumerate((("none", 20_000), ("kvm", 10_000), ("kvm", 9_000)), 1):
        environment = reports.environment(
            virtualization={"type": kind, "role": "host" if kind == "none" else "guest"},
            cpu={"model": FORMULA, "vendor": "Test", "online": 2},
            clocksource="tsc" if number < 3 else "hpet",
        )
        report = reports.envelope(
            reports.run(rate), environment=environment, machine_id=f"{number:032x}"
        )
        answer = client.post(
            "/api/v1/reports/",
            reports.as_bytes(report),
            content_type="application/json",
            REMOTE_ADDR=f"10.7.{number}.1",
        )
        assert answer.status_code == 201, answer.content
    while summarise():
        pass


def table(client: Client, address: str, **query: str) -> list[dict[str, str]]:
    answer = client.get(address, {**query, "format": "csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def described_columns(client: Client, address: str) -> str:
    schema = client.get("/api/schema/?format=json").json()
    content = schema["paths"][address]["get"]["responses"]["200"]["content"]
    assert "application/json" in content
    return str(content["text/csv"]["schema"]["description"])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_is_a_formula_is_defused(start: str) -> None:
    text = csv_table.write(["a"], [{"a": f"{start}1"}])
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["a"] == f"'{start}1"


def test_numbers_stay_numbers_and_unknown_is_empty() -> None:
    rows = [{"a": -1.5, "b": None, "c": True, "d": 'two "words", and\na line'}]
    text = csv_table.write(["a", "b", "c", "d", "e"], rows)
    assert text == 'a,b,c,d,e\r\n-1.5,,true,"two ""words"", and\na line",\r\n'


@pytest.mark.django_db
@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_row_of_the_json_is_in_the_csv(client: Client, address: str) -> None:
    rows = client.get(address).json()["rows"]
    found = table(client, address)
    assert len(found) == len(rows) > 0
    name = "rate" if "leaderboard" in address else "ratio"
    told = [float(row[name]) if row[name] else None for row in found]
    assert told == [row[name] for row in rows]


@pytest.mark.django_db
@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_column_is_described(client: Client, address: str) -> None:
    described = described_columns(client, address)
    for name in table(client, address)[0]:
        assert f"- `{name}`: " in described, name


@pytest.mark.django_db
@pytest.mark.usefixtures("facts")
def test_a_group_is_columns_by_the_factors_asked(client: Client) -> None:
    rows = table(client, "/api/v1/leaderboard/", group_by="cpu_model,virtualization")
    assert [(row["group.cpu_model"], row["group.virtualization"]) for row in rows] == [
        (f"'{FORMULA}", "none"),
        (f"'{FORMULA}", "kvm"),
    ]
    assert rows[0]["recipe.test"] == "TCP_CRR"
    assert "group.os" not in rows[0]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_error_is_json_and_an_empty_table_has_its_names(client: Client, address: str) -> None:
    answer = client.get(address, {"colour": "red", "format": "csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/json")
    empty: Any = client.get(address, {"format": "csv"}).content.decode()
    assert empty.count("\n") == 1
    assert "verdict" in empty or "n_machines" in empty


@pytest.mark.django_db
@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("page", ["/costs/", "/effects/?streams=1", "/leaderboard/"])
def test_a_page_links_to_both(client: Client, page: str) -> None:
    body = client.get(page).content.decode()
    hrefs = [part.partition('"')[0].replace("&amp;", "&") for part in body.split('href="')[1:]]
    forms = [href for href in hrefs if href.startswith("/api/v1/")]
    assert [href.endswith("format=csv") for href in forms] == [False, True]
    for href in forms:
        assert client.get(href).status_code == 200
