"""Two reports or two groups beside each other: what differs comes before any ratio."""

import re
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.test import Client

from registry.evidence.comparability import Several, compare
from registry.models.summary import summarise
from submissions import seed
from tests import reports

API = "/api/v1/compare/"
SYSTEM = {"cpu_model": "A", "virtualization": "kvm", "clocksource": "tsc"}
RECIPE = {"test": "TCP_CRR", "streams": 1, "source": "plan"}


def send(client: Client, *runs: dict[str, Any], machine: int, **environment: Any) -> str:
    report = reports.envelope(
        *runs, machine_id=f"{machine:032x}", environment=reports.environment(**environment)
    )
    answer = client.post(
        "/api/v1/reports/", reports.as_bytes(report), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def runs(rate: float, **more: Any) -> list[dict[str, Any]]:
    return [reports.run(rate * factor, **more) for factor in (0.99, 1.0, 1.01)]


def compared(client: Client, a: str, b: str) -> dict[str, Any]:
    answer = client.get(API, {"a": a, "b": b})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    ("recipe", "system", "is_one_machine", "verdict"),
    [
        ({}, {}, True, "controlled"),
        ({}, {"clocksource": "hpet"}, True, "controlled"),
        ({}, {"clocksource": "hpet"}, False, "matched"),
        ({}, {"clocksource": "hpet", "cpu_model": "B"}, True, "observational"),
        ({}, {"cpu_model": None}, False, "observational"),
        ({"streams": 2}, {}, True, "refused"),
        ({"source": "pasted"}, {}, True, "controlled"),
        ({"source": "imported"}, {}, True, "refused"),
        ({"streams": None}, {}, True, "refused"),
    ],
)
def test_verdicts(
    recipe: dict[str, Any], system: dict[str, Any], is_one_machine: bool, verdict: str
) -> None:
    found = compare((RECIPE, {**RECIPE, **recipe}), (SYSTEM, {**SYSTEM, **system}), is_one_machine)
    assert found.verdict == verdict
    assert {difference.name for difference in found.factors} == set(system)


def test_a_kernel_and_its_series_are_one_factor() -> None:
    old = {**SYSTEM, "kernel_release": "6.1.1", "kernel_series": "6.1"}
    new = {**SYSTEM, "kernel_release": "6.2.1", "kernel_series": "6.2"}
    assert compare((RECIPE, RECIPE), (old, new), True).verdict == "controlled"


def test_groups_whose_hosts_differ_are_only_observed() -> None:
    mixed = {**SYSTEM, "cpu_model": Several((("A", 2), ("B", 1)))}
    again = {**SYSTEM, "cpu_model": Several((("A", 2), ("B", 1)))}
    found = compare((RECIPE, RECIPE), (mixed, again), False)
    assert found.verdict == "observational"
    assert [difference.name for difference in found.factors] == ["cpu_model"]


@pytest.mark.django_db
def test_one_machine_with_one_change_is_controlled(client: Client) -> None:
    a = send(client, *runs(20_000), machine=1, clocksource="tsc")
    b = send(client, *runs(16_000), machine=1, clocksource="hpet")
    found = compared(client, a, b)
    assert (found["verdict"], found["recipe_differs"]) == ("controlled", [])
    assert found["differs"] == [{"factor": "clocksource", "a": "tsc", "b": "hpet"}]
    assert found["ratio"] == pytest.approx(0.8, rel=1e-6)
    assert found["ci_low"] < 0.8 < found["ci_high"]
    assert (found["a"]["id"], found["b"]["n_runs"]) == (a, 3)


@pytest.mark.django_db
def test_other_recipes_are_refused_with_the_reason_and_no_ratio(client: Client) -> None:
    a = send(client, *runs(20_000), machine=1)
    b = send(client, *runs(5_000, placement="unpinned"), machine=1)
    found = compared(client, a, b)
    assert (found["verdict"], found["ratio"]) == ("refused", None)
    assert [each["factor"] for each in found["recipe_differs"]] == ["placement"]


@pytest.mark.django_db
def test_the_recipe_that_both_have_is_compared(client: Client) -> None:
    a = send(client, *runs(20_000), *runs(5_000, placement="unpinned"), machine=1)
    b = send(client, *runs(6_000, placement="unpinned"), machine=2)
    assert compared(client, a, b)["ratio"] == pytest.approx(1.2, rel=1e-6)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("?a=x", 422),
        ("?a=aaaaaaaaaaaaaaaa&b=bbbbbbbbbbbbbbbb", 404),
        ("?a=%00&b=%00", 404),
        ("?c=1", 422),
    ],
)
def test_what_cannot_be_compared_is_said(client: Client, query: str, status: int) -> None:
    answer = client.get(API + query)
    assert (answer.status_code, "error" in answer.json()) == (status, True)


def send_hosts(client: Client, kind: str, rate: float, first: int, **environment: Any) -> None:
    """Three machines of a kind, each sent from an address of its own."""
    for number, factor in enumerate((0.98, 1.0, 1.02), first):
        virtualization = {"type": kind, "role": "host" if kind == "none" else "guest"}
        report = reports.envelope(
            *runs(rate * factor),
            machine_id=f"{number:032x}",
            environment=reports.environment(virtualization=virtualization, **environment),
        )
        answer = client.post(
            "/api/v1/reports/",
            reports.as_bytes(report),
            content_type="application/json",
            REMOTE_ADDR=f"10.9.{number}.1",
        )
        assert answer.status_code == 201, answer.content
    while summarise():
        pass


def groups(client: Client, query: str, status: int = 200) -> dict[str, Any]:
    answer = client.get(API, dict(parse_qsl(query)))
    assert answer.status_code == status, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.django_db
def test_two_groups_are_compared_by_their_hosts(client: Client) -> None:
    send_hosts(client, "none", 20_000, 1)
    send_hosts(client, "kvm", 10_000, 11)
    found = groups(client, "a.virtualization=none&b.virtualization=kvm")
    assert (found["verdict"], found["differs"]) == (
        "matched",
        [{"factor": "virtualization", "a": "none", "b": "kvm"}],
    )
    assert found["ratio"] == pytest.approx(0.5, rel=1e-6)
    assert found["ci_low"] < 0.5 < found["ci_high"]
    b = found["b"]
    assert (b["id"], b["group"], b["n_machines"], b["n_runs"]) == (
        None,
        {"virtualization": "kvm"},
        3,
        9,
    )


@pytest.mark.django_db
def test_every_factor_of_a_group_that_differs_is_named_with_its_values(client: Client) -> None:
    send_hosts(client, "none", 20_000, 1)
    send_hosts(client, "none", 20_000, 4, clocksource="hpet")
    send_hosts(client, "kvm", 10_000, 11)
    found = groups(client, "a.virtualization=none&b.virtualization=kvm")
    assert found["verdict"] == "observational"
    told = {each["factor"]: (each["a"], each["b"]) for each in found["differs"]}
    assert told["clocksource"] == (["hpet", "kvm-clock"], "kvm-clock")


@pytest.mark.django_db
def test_the_same_machines_with_one_change_are_controlled(client: Client) -> None:
    send_hosts(client, "kvm", 10_000, 1)
    send_hosts(client, "kvm", 8_000, 1, clocksource="hpet")
    found = groups(client, "a.clocksource=kvm-clock&b.clocksource=hpet")
    assert (found["verdict"], found["b"]["n_machines"]) == ("controlled", 3)
    assert found["ratio"] == pytest.approx(0.8, rel=1e-6)


@pytest.mark.django_db
def test_settings_are_factors_as_well(client: Client) -> None:
    send_hosts(client, "kvm", 10_000, 1, tuning={"conntrack": "absent"})
    send_hosts(client, "kvm", 8_000, 11, tuning={"conntrack": "active", "net.core.somaxconn": 128})
    query = "a.conntrack=absent&b.net.core.somaxconn=128"
    assert groups(client, query)["ratio"] == pytest.approx(0.8, rel=1e-6)
    assert groups(client, "a.conntrack=absent&b.net.core.somaxconn=129", 404)["error"]


@pytest.mark.django_db
def test_measured_and_imported_groups_are_refused(client: Client) -> None:
    seed.load()
    send_hosts(client, "vmware", 10_000, 1)
    found = groups(
        client,
        "a.virtualization=xen&b.virtualization=vmware&streams=any&placement=any&topology=any",
    )
    assert (found["verdict"], found["ratio"]) == ("refused", None)
    assert "source" in {each["factor"] for each in found["recipe_differs"]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("a.virtualization=kvm", ["b"]),
        ("a.colour=red&b.cpus=many", ["a.colour", "b.cpus"]),
        ("a.virtualization=kvm&b.virtualization=none&streams=x", ["streams"]),
        ("a.virtualization=kvm&b=aaaaaaaaaaaaaaaa", ["b", "b"]),
        ("a.virtualization=kvm&b.conntrack=%00", ["b.conntrack"]),
        ("a.net.core.x__regex=1&b.cpus=2", []),
    ],
)
def test_each_fault_of_a_group_names_its_field(
    client: Client, query: str, paths: list[str]
) -> None:
    found = groups(client, query, 422 if paths else 404)
    assert [fault["path"] for fault in found["error"]["details"]] == (paths or ["a"])


@pytest.mark.django_db
def test_groups_that_share_figures_are_no_comparison(client: Client) -> None:
    send_hosts(client, "kvm", 10_000, 1)
    found = groups(client, "a.virtualization=kvm&b.cpu_model=Test CPU 3000", 422)
    assert "share figures" in found["error"]["message"]


def page(client: Client, query: str, status: int = 200) -> str:
    answer = client.get(f"/compare/?{query}")
    assert answer.status_code == status, answer.content
    return answer.content.decode()


@pytest.mark.django_db
def test_the_page_names_what_differs_before_any_ratio(client: Client) -> None:
    send_hosts(client, "none", 20_000, 1)
    send_hosts(client, "kvm", 10_000, 11)
    query = "a.virtualization=none&b.virtualization=kvm"
    body = page(client, query)
    verdict, differs, ratio = (
        body.index(words) for words in ("Verdict: matched", "What differs", "b is 0.50 × a")
    )
    assert verdict < differs < ratio
    assert f"/api/v1/compare/?{query.replace('&', '&amp;')}" in body
    assert '<option value="none" selected>bare metal' in body


@pytest.mark.django_db
def test_the_page_refuses_other_recipes_without_a_ratio(client: Client) -> None:
    a = send(client, *runs(20_000), machine=1)
    b = send(client, *runs(5_000, placement="unpinned"), machine=1)
    body = page(client, f"a={a}&b={b}")
    assert "Verdict: refused" in body
    assert "No ratio" in body
    assert "× a" not in body


@pytest.mark.django_db
def test_a_fault_stands_beside_its_field(client: Client) -> None:
    body = page(client, "a.virtualization=kvm&b.cpus=many", 422)
    assert re.search(r'name="b.cpus"[^>]* aria-describedby="fault-b.cpus"', body)
    assert 'id="fault-b.cpus">expected a whole number' in body
    body = page(client, "a=aaaaaaaaaaaaaaaa&b=bbbbbbbbbbbbbbbb", 404)
    assert 'id="fault-report-a">There is no listed report' in body


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "clean"),
    [
        ("a.virtualization=kvm&a.cpus=&b.virtualization=", "?a.virtualization=kvm"),
        ("a=https%3A//registry.example/r/abc/&b=+x", "?a=abc&b=x"),
        ("a=&b=", ""),
    ],
)
def test_the_address_holds_what_was_asked_and_no_more(
    client: Client, query: str, clean: str
) -> None:
    answer = client.get(f"/compare/?{query}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/compare/{clean}")


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "a=aaaaaaaaaaaaaaaa"])
def test_the_page_asks_before_it_answers(client: Client, query: str) -> None:
    body = page(client, query)
    assert "cannot be compared" not in body
    assert "Two reports" in body


@pytest.mark.django_db
def test_words_find_what_to_compare_and_keep_the_other_side(client: Client) -> None:
    one = send(client, *runs(20_000), machine=1, virtualization={"type": "kvm"})
    two = send(client, *runs(10_000), machine=2, virtualization={"type": "xen"})
    while summarise():
        pass
    page = client.get("/compare/", {"q": "kvm"}).content.decode()
    assert f'href="/compare/?a={one}&amp;q=kvm"' in page
    assert two not in page
    page = client.get("/compare/", {"q": "xen", "a": one}).content.decode()
    assert f'href="/compare/?a={one}&amp;b={two}&amp;q=xen"' in page
    assert "cannot be compared" not in page
    page = client.get("/compare/", {"q": "xen", "a.virtualization": "kvm"}).content.decode()
    assert 'href="/compare/?a.virtualization=kvm&amp;b.virtualization=xen&amp;q=xen"' in page
    page = client.get("/compare/", {"a": one, "b": two, "q": "xen"}).content.decode()
    assert "b is 0.50 × a" in page
    assert f'href="/compare/?b={one}&amp;a={two}"' in page


@pytest.mark.django_db
def test_what_nothing_is_called_is_said(client: Client) -> None:
    page = client.get("/compare/", {"q": "<nothing>"}).content.decode()
    assert "Nothing here is called <bdi>&lt;nothing&gt;</bdi>" in page
