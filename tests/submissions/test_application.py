"""A report of `crr-submit app` as the registry takes it: tests of their own name, on boards of
their own.
"""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from crr_submit import app, app_output, report
from crr_submit.app import Step
from crr_submit.app_generators import Own
from crr_submit.app_output import ACCEPT, KEEPALIVE, AppOutput
from crr_submit.host import Host
from crr_submit.options import AppSettings
from registry.models import Result, Run
from registry.models.summary import summarise
from tests import reports

pytestmark = pytest.mark.django_db
URL = "/api/v1/reports/"
AB_TEXT = "This is ApacheBench, Version 2.3\nRequests per second:    9999.00 [#/sec] (mean)\n"
KEPT = AppOutput(
    test=KEEPALIVE,
    requests=100_000,
    errors=0,
    elapsed_time_s=2.5,
    concurrency=20,
    backlog=128,
    listeners="reuseport",
    address_family="inet",
    connections=20,
    server_cpu_s=(1.25, 1.0),
    generator="ab",
    generator_version="2.3",
    generator_cpu_s=(2.25,),
)
CLOSED = replace(KEPT, test=ACCEPT, elapsed_time_s=8.0, connections=100_000)


def run(output: AppOutput, **more: Any) -> dict[str, Any]:
    settings = {
        "tool": "ab",
        "tool_version": "2.3",
        "command": "ab -q -n 100000 -c 20 http://127.0.0.1:1/",
        "streams": None,
        "placement": "unpinned",
        "outputs": [f"{app_output.write(output)}\n{AB_TEXT}"],
    }
    return reports.run(**{**settings, **more})


def send(client: Client, *runs: dict[str, Any]) -> Any:
    body = reports.as_bytes(reports.envelope(*runs))
    return client.post(URL, body, content_type="application/json")


def test_each_run_is_a_result_under_its_own_test_name(client: Client) -> None:
    answer = send(client, run(CLOSED, warm_up=True), run(CLOSED), run(KEPT))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["flags"], body["warnings"]) == ([], [])
    assert [(r["test"], r["value"], r["unit"]) for r in body["results"]] == [
        (ACCEPT, 12_500.0, "trans/s"),
        (ACCEPT, 12_500.0, "trans/s"),
        (KEEPALIVE, 40_000.0, "trans/s"),
    ]
    assert [each.part for each in Run.objects.order_by("run_index")] == [
        "warm_up",
        "figure",
        "figure",
    ]
    assert client.get(body["url"].partition("/r/")[1] + body["id"]).status_code == 200


def test_what_the_client_measures_here_is_taken(client: Client) -> None:
    steps = [Step(test, 200) for test in app_output.TESTS]
    done = app.carry_out(steps, AppSettings(), Own(1), Host(), lambda left_s, label: None)
    answer = client.post(
        URL, report.to_bytes(report.build({}, done.runs)), content_type="application/json"
    )
    assert answer.status_code == 201
    assert [result["test"] for result in answer.json()["results"]] == [ACCEPT, KEEPALIVE]
    assert {each.recipe.source for each in Run.objects.all()} == {"plan"}


def test_the_recipe_says_what_must_match(client: Client) -> None:
    send(client, run(CLOSED), run(replace(CLOSED, generator="crr-submit", backlog=1)))
    ab, own = [each.recipe for each in Run.objects.order_by("run_index")]
    assert (ab.topology, ab.streams, ab.placement) == ("loopback", 20, "unpinned")
    assert (ab.address_family, ab.netperf_generation, ab.duration_class) == ("inet", None, "count")
    assert ab.socket_options == "backlog=128 listeners=reuseport"
    assert ab.timing_options == "generator=ab,servers=2"
    assert own.socket_options == "backlog=1 listeners=reuseport"
    assert own.timing_options == "generator=crr-submit,servers=2"


def test_a_backlog_that_was_tried_is_no_part_of_the_recipe(client: Client) -> None:
    """Its arms are to be compared; in other reports the backlog must match."""

    def arm(letter: str, machine: int) -> dict[str, Any]:
        short = letter == "A"
        output = replace(CLOSED, concurrency=512, backlog=128 if short else 4096)
        overflows = {"ListenOverflows": 900 + machine if short else 0}
        took_s = (8.0 if short else 2.0) + 0.01 * machine
        return run(replace(output, elapsed_time_s=took_s), telemetry={"netstat": overflows})

    order = "ABBABAAB"
    arms = [
        {"value": value, "runs": [n for n, each in enumerate(order) if each == letter]}
        for letter, value in (("A", "128"), ("B", "4096"))
    ]
    for machine in (1, 2, 3):
        body = reports.envelope(
            *(arm(letter, machine) for letter in order), machine_id=f"{machine:032x}"
        )
        body["experiment"] = {"factor": "listen_backlog", "blocks": ["ABBA", "BAAB"], "arms": arms}
        answer = client.post(
            URL,
            reports.as_bytes(body),
            content_type="application/json",
            REMOTE_ADDR=reports.address_of(body["machine_id"]),
        )
        assert answer.status_code == 201, answer.content
    assert {each.recipe.socket_options for each in Run.objects.all()} == {"listeners=reuseport"}
    while summarise():
        pass
    (row,) = client.get("/api/v1/effects/?factor=listen_backlog").json()["rows"]
    assert (row["kind"], row["from"], row["to"], row["n_machines"]) == (
        "experiment",
        "128",
        "4096",
        3,
    )
    assert row["ratio"] == pytest.approx(4.0, rel=0.05)
    assert row["verdict"] == "helps"


def test_it_is_on_its_own_board_and_on_none_of_netperfs(client: Client) -> None:
    send(client, run(CLOSED), run(KEPT))
    send(client, reports.run())
    summarise()
    tests = {}
    for test in ("TCP_CRR", "TCP_RR", ACCEPT, KEEPALIVE):
        streams = 1 if test.startswith("TCP") else 20
        placement = "same_cpu" if test.startswith("TCP") else "unpinned"
        address = f"/api/v1/leaderboard/?test={test}&streams={streams}&placement={placement}"
        found = client.get(address).json()
        tests[test] = [(found["recipe"]["test"], row["rate"]) for row in found["rows"]]
    assert tests == {
        "TCP_CRR": [("TCP_CRR", pytest.approx(23456.78))],
        "TCP_RR": [],
        ACCEPT: [(ACCEPT, pytest.approx(12_500.0))],
        KEEPALIVE: [(KEEPALIVE, pytest.approx(40_000.0))],
    }


def test_a_block_alone_can_be_pasted(client: Client) -> None:
    answer = client.post(URL, app_output.write(CLOSED), content_type="text/plain")
    assert answer.status_code == 201
    assert Run.objects.get().recipe.source == "pasted"


def test_a_rate_that_does_not_follow_from_the_counts_is_refused(client: Client) -> None:
    text = app_output.write(CLOSED).replace("RATE=12500.00", "RATE=25000.00")
    for answer in (
        client.post(URL, text, content_type="text/plain"),
        send(client, run(CLOSED, outputs=[text])),
    ):
        assert answer.status_code == 422
        details = answer.json()["error"]["details"]
        assert any("RATE is not REQUESTS divided" in detail["message"] for detail in details)
    assert not Result.objects.exists()


@pytest.mark.parametrize("above", ["", "Dear list,\n", "> "])
def test_the_text_of_another_generator_is_still_another_tools(client: Client, above: str) -> None:
    block = above and above + app_output.write(CLOSED)
    answer = client.post(URL, block + AB_TEXT, content_type="text/plain")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "other_tool"
