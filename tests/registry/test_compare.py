"""Two reports beside each other: what differs comes before any ratio."""

from typing import Any

import pytest
from django.test import Client

from registry.evidence.comparability import compare
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
    [("", 422), ("?a=x", 422), ("?a=aaaaaaaaaaaaaaaa&b=bbbbbbbbbbbbbbbb", 404), ("?c=1", 422)],
)
def test_what_cannot_be_compared_is_said(client: Client, query: str, status: int) -> None:
    answer = client.get(API + query)
    assert (answer.status_code, "error" in answer.json()) == (status, True)
