"""What a kernel changes: host effects taken out, what is not linked left out, page and API."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from registry import drift as kernels_of
from registry.evidence.drift import NOT_LINKED, TOO_FEW, Drift, Observation, Point, drift
from registry.models import Generation
from registry.models.summary import summarise
from tests import reports
from tests.cells import cell, new_machine

SERIES = ["5.10", "6.1", "6.9", "6.10"]
TRUE = {"5.10": 0.0, "6.1": 0.05, "6.9": 0.08, "6.10": -0.02}


def observed(rows: Iterable[tuple[int, str, float]]) -> Iterator[Observation]:
    return (Observation(host, kernel, log) for host, kernel, log in rows)


def world(chance: np.random.Generator, n_hosts: int, noise: float) -> list[tuple[int, str, float]]:
    """Hosts of different speed, newer kernels on the faster ones; two or three kernels each."""
    rows = []
    for host in range(n_hosts):
        speed = chance.normal(10, 0.5)
        first = 1 if speed > 10 else 0
        for name in SERIES[first : first + 3]:
            rows.append((host, name, speed + TRUE[name] + chance.normal(0, noise)))
    return rows


def test_hosts_of_other_speed_do_not_move_the_kernels() -> None:
    chance = np.random.default_rng(7)
    found = drift(observed(world(chance, 40, 0.0)), SERIES)
    assert found is not None
    base = TRUE[found.reference]
    assert [point.kernel for point in found.points] == SERIES
    for point in found.points:
        assert np.log(point.ratio) == pytest.approx(TRUE[point.kernel] - base, abs=1e-9)
    assert found.n_hosts == 40
    assert not found.left_out


def test_it_is_the_least_squares_of_host_and_kernel() -> None:
    rows = world(np.random.default_rng(8), 12, 0.03)
    found = drift(observed(rows), SERIES)
    assert found is not None
    others = [name for name in SERIES if name != found.reference]
    design = np.zeros((len(rows), 12 + len(others)))
    for number, (host, name, _) in enumerate(rows):
        design[number, host] = 1
        if name in others:
            design[number, 12 + others.index(name)] = 1
    logs = np.array([log for *_, log in rows])
    beta, squares, *_ = np.linalg.lstsq(design, logs, rcond=None)
    freedom = len(rows) - 12 - len(others)
    assert found.freedom == freedom
    errors = np.sqrt(squares[0] / freedom * np.diag(np.linalg.inv(design.T @ design)))[12:]
    half = stats.t.ppf(0.975, freedom) * errors
    by_name = {point.kernel: point for point in found.points}
    for name, gamma, reach in zip(others, beta[12:], half, strict=True):
        point = by_name[name]
        wanted = np.exp([gamma, gamma - reach, gamma + reach])
        assert (point.ratio, point.ci_low, point.ci_high) == pytest.approx(tuple(wanted))


def test_intervals_cover_the_truth() -> None:
    chance = np.random.default_rng(9)
    inside = total = 0
    for _ in range(300):
        found = drift(observed(world(chance, 10, 0.05)), SERIES)
        assert found is not None
        for point in found.points:
            if point.ci_low is None or point.ci_high is None:
                continue
            truth = np.exp(TRUE[point.kernel] - TRUE[found.reference])
            inside += point.ci_low <= truth <= point.ci_high
            total += 1
    assert total > 600
    assert 0.93 <= inside / total <= 0.97


def test_kernels_without_enough_hosts_or_links_are_left_out_with_the_reason() -> None:
    pair = [(host, name, 10.0) for host in range(3) for name in ("5.10", "6.1")]
    apart = [(host, name, 10.0) for host in range(10, 14) for name in ("6.9", "6.10")]
    few = [(20, "4.4", 9.0), (20, "5.10", 9.0), (21, "4.9", 9.0)]
    found = drift(observed([*pair, *apart, *few]), ["4.4", "4.9", *SERIES])
    assert found is not None
    assert [point.kernel for point in found.points] == ["6.9", "6.10"]
    assert found.left_out == {
        "4.4": TOO_FEW,
        "4.9": TOO_FEW,
        "5.10": NOT_LINKED,
        "6.1": NOT_LINKED,
    }
    assert drift(observed(few), ["4.4", "4.9", "5.10"]) is None
    assert drift([], []) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from(SERIES), st.floats(-700, 700)), max_size=40
    )
)
def test_whatever_was_measured_gives_numbers_or_none(rows: list[tuple[int, str, float]]) -> None:
    found = drift(observed(rows), SERIES)
    if found is not None:
        assert json.dumps([vars(point) for point in found.points], allow_nan=False)
        assert all(point.ratio > 0 for point in found.points)


def test_steps_are_told_from_twenty_kernels_on() -> None:
    def curve(count: int) -> Drift:
        points = [Point(f"6.{n}", 1.0 if n < 10 else 0.9, None, None, 3) for n in range(count)]
        return Drift("6.0", tuple(points), 3, 1, {})

    assert kernels_of._steps(curve(19)) is None
    assert kernels_of._steps(curve(24)) == ("6.10",)


@pytest.mark.django_db
def test_a_machine_under_several_recipes_is_one_host(client: Client) -> None:
    def measure(n_machines: int) -> dict[str, Any]:
        for _ in range(n_machines):
            one = new_machine()
            for length in ("short", "normal", "long"):
                for cpus, kernel in ((2, "6.1"), (2, "6.6"), (4, "6.1"), (4, "6.6")):
                    cell(20_000, one, duration_class=length, cpus=cpus, kernel_series=kernel)
        found: dict[str, Any] = client.get("/api/v1/drift/").json()
        return found

    assert measure(1)["rows"] == []
    Generation.objects.update_or_create(pk=1, defaults={"number": 1})
    found = measure(2)
    assert found["n_machines"] == 3
    assert [row["n_machines"] for row in found["rows"]] == [3, 3]


@pytest.mark.django_db
def test_a_machine_takes_part_with_the_recipe_of_the_most_kernels() -> None:
    for number in range(3):
        one = new_machine()
        for kernel in ("6.1", "6.6", "6.12"):
            cell(20_000 + number, one, duration_class="long", kernel_series=kernel)
        for kernel, rate in (("6.1", 20_000), ("6.6", 10_000)):
            cell(rate + number, one, duration_class="short", kernel_series=kernel)
    found = kernels_of.find(kernels_of.ask({})).found
    assert found is not None
    assert [point.ratio for point in found.points] == pytest.approx([1.0, 1.0, 1.0])


@pytest.mark.django_db
def test_a_curve_is_of_one_workload(client: Client) -> None:
    for number in range(3):
        one = new_machine()
        for kernel, rate in (("6.1", 20_000), ("6.6", 10_000)):
            cell(rate + number, one, streams=4, placement="unpinned", kernel_series=kernel)
    two = new_machine()
    for kernel in ("6.1", "6.6"):
        cell(20_000, two, streams=1, placement="unpinned", kernel_series=kernel)
    query = "?streams=any&placement=any"
    found = client.get(f"/api/v1/drift/{query}").json()
    assert (found["n_machines"], found["recipe"]["streams"]) == (3, 4)
    page = client.get(f"/kernels/{query}").content.decode()
    assert "4 streams, not pinned, loopback (of what was asked, the workload" in page


def send(client: Client, machine: int, release: str, rate: float, **factors: Any) -> None:
    environment = reports.environment(kernel={"release": release}, **factors)
    body = reports.envelope(
        *(reports.run(rate * (1 + 0.001 * n)) for n in range(3)),
        machine_id=f"{machine:032x}",
        environment=environment,
    )
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(body),
        content_type="application/json",
        REMOTE_ADDR=reports.address_of(body["machine_id"]),
    )
    assert answer.status_code == 201, answer.content


@pytest.mark.django_db
def test_page_and_api_say_the_same(client: Client) -> None:
    empty = client.get("/kernels/").content.decode()
    assert "No kernel has 3 machines" in empty
    assert client.get("/api/v1/drift/").json()["rows"] == []
    for machine, speed in enumerate((10_000, 20_000, 40_000), 1):
        send(client, machine, "6.10.1-amd64", speed * 1.1)
        send(client, machine, "6.9.3-amd64", speed)
    send(client, 9, "5.10.0-30-amd64", 5_000)
    while summarise():
        pass
    answer = client.get("/api/v1/drift/").json()
    assert answer["reference"] == "6.9"
    newer, older = answer["rows"][1], answer["rows"][0]
    assert (older["kernel"], older["ratio"], older["ci_low"]) == ("6.9", 1.0, None)
    assert newer["kernel"] == "6.10"
    assert newer["ratio"] == pytest.approx(1.1)
    assert newer["n_machines"] == 3
    assert answer["rows"][2] == {
        **dict.fromkeys(("ratio", "ci_low", "ci_high", "n_machines")),
        "kernel": "5.10",
        "reason": TOO_FEW,
    }
    page = client.get("/kernels/").content.decode()
    assert "1.10" in page
    assert "5.10</bdi> (too few hosts with another kernel)" in page
    lines = client.get("/api/v1/drift/?format=csv").content.decode().splitlines()
    assert lines[0] == "kernel,ratio,ci_low,ci_high,n_machines,reason"
    assert len(lines) == 4
    releases = client.get("/api/v1/drift/?by=kernel_release").json()["rows"]
    assert [row["kernel"] for row in releases][:2] == ["6.9.3-amd64", "6.10.1-amd64"]


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["by=os", "group_by=os", "x=1", "streams=two", "os=%00"])
def test_a_bad_query_is_422(client: Client, query: str) -> None:
    answer = client.get(f"/api/v1/drift/?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["path"] == query.partition("=")[0]
    assert client.get(f"/kernels/?{query}").status_code == 422


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["conntrack", "net.core.somaxconn"])
def test_a_setting_can_be_filtered_by_as_any_factor(client: Client, name: str) -> None:
    answer = client.get(f"/kernels/?{name}=4096")
    assert answer.status_code == 200
    assert name in answer.content.decode()
