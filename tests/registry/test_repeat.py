"""The command that repeats a recipe: what it measures is that recipe, and no text of a sender's
reaches a shell.
"""

import random
import shlex
from html import unescape
from typing import Any

import pytest
from django.test import Client

from crr_submit import options, plan
from registry.repeat import repeats
from submissions.command import read_command
from tests import reports

REGISTRY = "https://registry.example"
PASTED: dict[str, Any] = {
    "test": "TCP_CRR",
    "topology": "loopback",
    "address_family": "inet",
    "streams": 1,
    "placement": "unpinned",
    "request_size_bytes": 1,
    "response_size_bytes": 1,
    "netperf_generation": "omni",
    "duration_class": "normal",
    "source": "pasted",
}
PLANNED = {**PASTED, "source": "plan", "placement": "same_cpu", "timing_options": "demo"}


def command(fields: dict[str, Any], elapsed_s: float | None = 10.0) -> str:
    (found,) = repeats([(fields, elapsed_s)], REGISTRY)
    return found.command


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "netperf -t TCP_CRR -H 127.0.0.1 -l 10 -- -r 1,1"),
        (
            {"placement": "same_cpu", "address_family": "inet6"},
            "netperf -t TCP_CRR -H ::1 -6 -l 10 -T 0,0 -- -r 1,1",
        ),
        (
            {"topology": None, "timing_options": "cpu,latency"},
            "netperf -t TCP_CRR -H HOST -l 10 -c -C -j -- -r 1,1",
        ),
        (
            {"streams": 4, "socket_options": "-s16384 -S16K,8K"},
            "for n in $(seq 4); do netperf -t TCP_CRR -H 127.0.0.1 -l 10 -- -r 1,1"
            " -s16384 -S16K,8K & done; wait",
        ),
    ],
)
def test_a_pasted_recipe_is_netperfs_own_command(changed: dict[str, Any], expected: str) -> None:
    found = command({**PASTED, **changed})
    assert found == expected
    read = read_command(found.partition("do ")[2] or found)
    asked = {**PASTED, **changed}
    assert (read.placement, read.socket_options) == (
        asked["placement"],
        asked.get("socket_options"),
    )
    assert ",".join(sorted(read.timing)) == asked.get("timing_options", "")


@pytest.mark.parametrize("streams", [1, 4])
def test_an_arm_of_the_plan_is_in_the_plan_of_its_command(streams: int) -> None:
    placement = "same_cpu" if streams == 1 else "unpinned"
    found = command({**PLANNED, "streams": streams, "placement": placement}, 5.01)
    program, *arguments = shlex.split(found)
    assert program == "crr-submit"
    asked = options.parse(arguments)
    assert asked.registry == REGISTRY
    steps = plan.build(asked.scale, asked.streams, 8, random.Random(1))
    assert ("TCP_CRR", streams, placement, 5) in {
        (step.test, step.streams, step.placement, step.duration_s) for step in steps
    }


def test_one_command_repeats_all_arms_of_a_plan() -> None:
    arms = [PLANNED, {**PLANNED, "streams": 8, "placement": "unpinned"}]
    arms += [{**PLANNED, "test": "TCP_RR"}]
    (found,) = repeats([(each, 5.0) for each in arms], REGISTRY)
    assert found.command == f"crr-submit --registry {REGISTRY} --streams 1,8 --duration 5"


def test_another_host_is_left_to_the_reader_and_said_so() -> None:
    far = {**PLANNED, "topology": "same_lan", "placement": "unpinned"}
    (found,) = repeats([(far, 5.0)], REGISTRY)
    assert found.command.endswith("--host HOST --topology same_lan")
    assert "HOST is the address" in found.note
    assert options.parse(shlex.split(found.command)[1:]).far is not None


def test_the_application_test_is_repeated_by_app() -> None:
    recipe = {
        **PLANNED,
        "test": "HTTP_ACCEPT",
        "streams": 20,
        "placement": "unpinned",
        "socket_options": "backlog=128 listeners=reuseport",
        "timing_options": "generator=crr-submit,servers=2",
        "duration_class": "count",
    }
    asked = options.parse(shlex.split(command(recipe))[1:])
    assert (asked.command, asked.app.concurrency, asked.app.workers) == ("app", 20, 2)
    assert (asked.app.backlog, asked.app.generator) == (128, "own")


@pytest.mark.parametrize(
    "changed",
    [
        {"source": "imported"},
        {"placement": None},
        {"streams": None},
        {"timing_options": "burst"},
        {"timing_options": "confidence"},
        {"duration_class": "count"},
        {"duration_class": None},
        {"test": "TCP_CRR; reboot"},
        {"socket_options": "-s$(reboot)"},
        {"socket_options": "-s1;reboot"},
        {"socket_options": "-s1\n-S`reboot`"},
    ],
)
def test_what_one_command_cannot_repeat_has_none(changed: dict[str, Any]) -> None:
    assert repeats([({**PASTED, **changed}, 10.0)], REGISTRY) == []


def test_without_a_length_there_is_none() -> None:
    assert repeats([(PASTED, None), (PLANNED, None)], REGISTRY) == []


@pytest.mark.django_db
def test_the_page_of_a_report_has_the_command(client: Client, settings: Any) -> None:
    settings.PUBLIC_URL = REGISTRY
    body = reports.as_bytes(reports.envelope())
    sent = client.post("/api/v1/reports/", body, content_type="application/json").json()
    page = unescape(client.get(f"/r/{sent['id']}").content.decode())
    assert f"crr-submit --registry {REGISTRY} --streams 1 --duration 5" in page


@pytest.mark.django_db
def test_a_hostile_command_line_is_not_handed_on(client: Client) -> None:
    text = f"$ netperf -t TCP_CRR -H 127.0.0.1 -- -s '$(touch /tmp/x)'\n{reports.text()}"
    sent = client.post("/api/v1/reports/", text, content_type="text/plain").json()
    page = unescape(client.get(f"/r/{sent['id']}").content.decode())
    assert "Measure it again" not in page
