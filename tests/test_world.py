"""A small world with a known truth through the whole registry: reports are imported and sent as
people do it, summed up, and what the API says is held against the truth.

`make evidence` measures the same statistics on thousands of worlds; here is the way to them.
"""

import json
import math
import random
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from registry.models.summary import summarise
from tests import reports

pytestmark = pytest.mark.django_db

CPUS = {"Sample CPU 1": 12_000.0, "Sample CPU 2": 20_000.0, "Sample CPU 3": 33_000.0}
PLATFORMS = {"none": 1.0, "kvm": 0.6, "xen": 0.85}
HOSTS, HOST_SD, RUN_SD, RUNS = 6, 0.15, 0.05, 3
# What experiments try, and what the second value does; all of it acts on every transaction.
TRIED = {"clocksource": 0.9, "net.ipv4.tcp_timestamps": 1.0, "mitigations": 1.1}
BLOCKS = ("ABBA", "BAAB", "ABBA", "BAAB")


class World:
    """Makes reports; no two of its machines have the same id."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.number = 0

    def report(self, cpu: str, platform: str, shift: float = 0.0) -> dict[str, Any]:
        """One host's runs around its own rate."""
        own = math.log(CPUS[cpu] * PLATFORMS[platform]) + self.chance.gauss(shift, HOST_SD)
        runs = [reports.run(self._rate(own)) for _ in range(RUNS)]
        return self._envelope(cpu, platform, runs)

    def experiment(self, factor: str) -> dict[str, Any]:
        """Paired blocks on one host; the effect there is near the true one."""
        own = self.chance.gauss(10, HOST_SD)
        effect = self.chance.gauss(math.log(TRIED[factor]), 0.03)
        letters = "".join(BLOCKS)
        runs = [reports.run(self._rate(own + effect * (each == "B"))) for each in letters]
        arms = [
            {"value": value, "runs": [n for n, each in enumerate(letters) if each == arm]}
            for arm, value in (("A", "0"), ("B", "1"))
        ]
        tried = {"factor": factor, "blocks": list(BLOCKS), "arms": arms}
        return self._envelope("Sample CPU 1", "kvm", runs, experiment=tried)

    def _rate(self, log: float) -> float:
        return math.exp(log + self.chance.gauss(0, RUN_SD))

    def _envelope(
        self, cpu: str, platform: str, runs: Sequence[dict[str, Any]], **more: Any
    ) -> dict[str, Any]:
        self.number += 1
        environment = reports.environment(
            virtualization={"type": platform, "role": "host" if platform == "none" else "guest"},
            cpu={"model": cpu, "vendor": "Sample", "online": 4},
        )
        machine_id = f"{self.number:032x}"
        return reports.envelope(*runs, environment=environment, machine_id=machine_id, **more)


@pytest.fixture(params=[20_261, 20_262])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """What an operator was handed as a file of envelopes, imported."""
    made = World(request.param)
    rows = [made.report(c, p) for c in CPUS for p in PLATFORMS for _ in range(HOSTS)]
    rows += [made.experiment(factor) for factor in TRIED for _ in range(8)]
    saved = tmp_path / "envelopes.jsonl"
    saved.write_text("".join(json.dumps(row) + "\n" for row in rows))
    call_command("import_reports", str(saved), stdout=StringIO())
    return made


def rows(client: Client, query: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/{query}")
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def send(client: Client, report: dict[str, Any], address: str) -> list[str]:
    """The rules that flagged the report, which came from this address."""
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(report),
        content_type="application/json",
        REMOTE_ADDR=address,
    )
    assert answer.status_code == 201, answer.content
    return [flag["rule"] for flag in answer.json()["flags"]]


def test_groups_costs_and_effects_are_those_of_the_world(world: World, client: Client) -> None:
    board = rows(client, "leaderboard/?group_by=cpu_model,virtualization")
    assert len(board) == len(CPUS) * len(PLATFORMS)
    assert all(row["ranked"] and row["n_submitters"] == HOSTS for row in board)
    covered = list(_covered(board))
    assert sum(covered) >= len(covered) - 2
    order = sorted(board, key=lambda row: -_truth(row))
    ranks = [(row["rank_low"], row["rank_high"]) for row in order]
    assert all(low <= place <= high for place, (low, high) in enumerate(ranks, 1))

    costs = {row["virtualization"]: row for row in rows(client, "costs/")}
    for platform in ("kvm", "xen"):
        cost = costs[platform]
        assert cost["ci_low"] < PLATFORMS[platform] < cost["ci_high"]
        assert (cost["n_strata"], cost["n_machines"]) == (len(CPUS), len(CPUS) * HOSTS)
    assert costs["kvm"]["verdict"] == "slower"

    effects = {row["factor"]: row for row in rows(client, "effects/?test=TCP_CRR")}
    assert effects["clocksource"]["verdict"] == "hurts"
    assert effects["mitigations"]["verdict"] == "helps"
    assert effects["net.ipv4.tcp_timestamps"]["verdict"] in ("no_difference", "unclear")
    for row in effects.values():
        assert (row["kind"], row["n_machines"], row["n_pairs"]) == ("experiment", 8, 32)
    covered = [row["ci_low"] < TRIED[name] < row["ci_high"] for name, row in effects.items()]
    assert (len(covered), sum(covered) >= 2) == (len(TRIED), True)


def _truth(row: dict[str, Any]) -> float:
    group = row["group"]
    return CPUS[group["cpu_model"]] * PLATFORMS[group["virtualization"]]


def _covered(board: list[dict[str, Any]]) -> Iterator[bool]:
    for row in board:
        yield row["ci_low"] <= _truth(row) <= row["ci_high"]


def test_a_fake_is_flagged_and_an_honest_figure_is_not(world: World, client: Client) -> None:
    for _ in range(HOSTS):  # ten peers and more
        send(client, world.report("Sample CPU 2", "kvm"), f"10.1.{world.number}.1")
    while summarise():
        pass
    for factor in (10, 0.1) * 5:
        fake = world.report("Sample CPU 2", "kvm", shift=math.log(factor))
        assert "unlike_peers" in send(client, fake, f"10.2.{world.number}.1")
    for _ in range(20):
        honest = world.report("Sample CPU 2", "kvm")
        assert "unlike_peers" not in send(client, honest, f"10.3.{world.number}.1")


@pytest.mark.parametrize("is_one_machine", [True, False])
def test_a_flood_of_one_sender_moves_a_group_no_more_than_its_first_report(
    world: World, client: Client, is_one_machine: bool
) -> None:
    query = "leaderboard/?group_by=virtualization&cpu_model=Sample CPU 1&virtualization=xen"

    def flood(count: int) -> float:
        for _ in range(count):
            report = world.report("Sample CPU 1", "xen")
            if is_one_machine:
                report["machine_id"] = "f" * 32
            else:  # as many kinds of machine as there are ids
                report["environment"]["cpu"]["online"] = world.number
            report["runs"] = [reports.run(15_000 + world.number / 100)]
            send(client, report, "192.0.2.7")
        while summarise():
            pass
        (row,) = rows(client, query)
        return float(row["rate"])

    first = flood(1)
    assert flood(199) == pytest.approx(first, rel=0.01)
