"""Cells: what enters them, that running twice changes nothing, and that withdrawal takes a report
out again.
"""

import math
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from registry import hints, tasks
from registry.evidence.groups import Group
from registry.leaderboard import ask, boards
from registry.models import Cell, Generation, RawReport, Reading, summary
from registry.models.summary import summarise
from tests import reports
from tests.faults import times

pytestmark = pytest.mark.django_db


def send(client: Client, *rates: float, **more: Any) -> str:
    report = reports.envelope(*(reports.run(rate) for rate in rates), **more)
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(report),
        content_type="application/json",
        REMOTE_ADDR=reports.address_of(more.get("machine_id")),
    )
    assert answer.status_code == 201, answer.content
    return answer.json()["id"]


def machine(number: int) -> str:
    return f"{number:032x}"


def test_a_cell_holds_the_mean_of_its_sittings(client: Client) -> None:
    send(client, 100, 400, machine_id=machine(1))
    send(client, 900, machine_id=machine(1))
    assert summarise() == 2
    cell = Cell.objects.get()
    assert (cell.n_runs, cell.n_sittings) == (3, 2)
    assert math.exp(cell.mean_ln) == pytest.approx(math.sqrt(200 * 900))
    assert cell.m2 == pytest.approx(2 * math.log(2) ** 2)


def test_summing_up_again_changes_nothing(client: Client) -> None:
    send(client, 100, 200)
    summarise()
    before, generation = list(Cell.objects.values()), Generation.current()
    assert summarise() == 0
    Reading.objects.update(summarised=False)
    summarise()
    assert list(Cell.objects.values()) == before
    assert Generation.current() == generation


def test_unlisted_and_withdrawn_reports_are_in_no_cell(client: Client) -> None:
    send(client, 100, machine_id=machine(1), visibility="unlisted")
    public_id = send(client, 100, machine_id=machine(2))
    summarise()
    assert Cell.objects.count() == 1
    RawReport.objects.get(public_id=public_id).move_to(RawReport.Status.WITHDRAWN, actor="test")
    summarise()
    assert not Cell.objects.exists()


def test_a_machine_has_one_vote_however_often_it_reports(client: Client, settings: Any) -> None:
    settings.REPORTS_PER_DAY = 0
    for number in (1, 2, 3):
        send(client, 100 + number, machine_id=machine(number))
    send(client, 500, machine_id=machine(4))
    once = _only_group()
    n_sent = times(200, 30)
    for number in range(1, n_sent):
        send(client, 500, machine_id=machine(4), notes=str(number))
    often = _only_group()
    assert (once.n_machines, once.n_runs) == (4, 4)
    assert (often.n_machines, often.n_runs) == (4, 3 + n_sent)
    assert often.estimate.rate == pytest.approx(once.estimate.rate, rel=1e-9)


def _only_group() -> Group:
    while summarise():
        pass
    (row,) = boards(ask({}))[0].rows
    return row.group


def test_two_recipes_are_two_boards(client: Client) -> None:
    send(client, 100, machine_id=machine(1))
    short = reports.envelope(reports.run(900, elapsed=1.0), machine_id=machine(2))
    client.post("/api/v1/reports/", reports.as_bytes(short), content_type="application/json")
    summarise()
    found = boards(ask({}))
    assert sorted(board.recipe["duration_class"] for board in found) == ["normal", "short"]
    assert all(len(board.rows) == 1 for board in found)


def test_three_machines_are_ranked_with_an_interval(client: Client) -> None:
    for number, rate in enumerate((100, 110, 120)):
        send(client, rate, machine_id=machine(number))
    summarise()
    answer = client.get("/api/v1/leaderboard/").json()
    (row,) = answer["rows"]
    assert (row["ranked"], row["rank_low"], row["rank_high"]) == (True, 1, 1)
    assert (row["trust"], row["n_submitters"]) == ("replicated", 3)
    assert row["repeat"].startswith("crr-submit --registry http")
    assert row["repeat"].endswith("--streams 1 --duration 5")
    assert row["ci_low"] < row["rate"] < row["ci_high"]
    assert row["group"] == {"virtualization": "kvm", "kernel_series": "6.12"}


@pytest.mark.parametrize(
    "query",
    [
        "group_by=colour",
        "streams=two",
        "virtualization=%00",
        "flavour=1",
        "cpus=-1",
        "group_by=os,os",
    ],
)
def test_a_bad_query_is_422_and_says_where(client: Client, query: str) -> None:
    answer = client.get(f"/api/v1/leaderboard/?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]


def many_recipes(client: Client, count: int) -> None:
    """One report in which each run has a recipe of its own."""
    runs = [
        reports.run(
            1000 + size,
            outputs=[reports.text(1000 + size).replace("131072 1  ", f"131072 {size} ")],
        )
        for size in range(1, count + 1)
    ]
    body = reports.as_bytes(reports.envelope(*runs, machine_id=machine(count)))
    answer = client.post("/api/v1/reports/", body, content_type="application/json")
    assert answer.status_code == 201, answer.content


def test_a_report_of_many_recipes_takes_no_more_queries_than_one_of_few(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    """On SQLite every writer waits while cells are written, so that must not take long."""
    many_recipes(client, 60)
    with django_assert_max_num_queries(15):
        assert summarise() == 1
    assert Cell.objects.count() == 60


def test_a_batch_ends_where_its_runs_are_many(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "RUNS_AT_ONCE", 5)
    for count in (2, 3, 1, 9, 4):
        many_recipes(client, count)
    assert [summarise() for _ in range(5)] == [2, 1, 1, 1, 0]
    assert Cell.objects.count() == 19


def test_what_waits_of_a_machine_is_summed_up_at_once(client: Client) -> None:
    """So its cells are computed once, however many of its reports wait."""
    for rate, number in ((100, 1), (200, 2), (300, 1), (400, None), (500, 1)):
        send(client, rate, machine_id=machine(number) if number else None)
    assert summarise(limit=1) == 3
    (cell,) = Cell.objects.all()
    assert (cell.n_runs, cell.n_sittings) == (3, 3)
    assert [summarise(limit=1) for _ in range(3)] == [1, 1, 0]
    assert Cell.objects.count() == 3


def test_a_task_calls_for_another_while_readings_wait(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []
    monkeypatch.setattr(summary, "RUNS_AT_ONCE", 1)
    for count in (1, 2):
        many_recipes(client, count)
    monkeypatch.setattr(
        hints, "send", lambda task, *args, **more: called.append((task, args, more))
    )
    for _ in range(3):
        tasks.summarise_readings()
    # The third found nothing, so it calls for no other.
    own = [call for task, *call in called if task is tasks.summarise_readings]
    assert own == [[(), {}], [(True,), {"countdown": tasks.REST_S}]]


def test_sweeps_start_no_further_chain_while_one_goes_on(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Each message of a chain is followed by one, as long as anything waits."""
    settings.SWEEP_SECONDS = 3_600
    monkeypatch.setattr(summary, "RUNS_AT_ONCE", 1)
    queue: list[tuple[Any, ...]] = []

    def put(task: Any, *args: Any, countdown: float | None = None) -> bool:
        if task is tasks.summarise_readings:
            queue.append(args)
        return True

    for number in range(1, 13):
        send(client, 100, machine_id=machine(number))
    monkeypatch.setattr(hints, "send", put)
    for n_left in range(11, 0, -1):
        tasks.sweep()  # the first begins the chain
        assert queue == [()]
        assert Reading.objects.filter(summarised=False).count() == n_left
        tasks.summarise_readings(*queue.pop())
        tasks.sweep()
    assert not Reading.objects.filter(summarised=False).exists()


def test_a_sweep_goes_on_where_a_chain_was_lost(client: Client) -> None:
    for number in (1, 2):
        send(client, 100, machine_id=machine(number))
    summarise(limit=1)
    Generation.objects.update(changed_at=timezone.now() - timedelta(days=1))
    tasks.sweep()
    assert not Reading.objects.filter(summarised=False).exists()


def test_of_many_that_were_called_for_one_sums_up(client: Client) -> None:
    """The others leave it to the one that just did, which looks again; a lost one to the sweep."""
    send(client, 100)
    tasks.summarise_readings(True)
    assert Cell.objects.count() == 1
    send(client, 200, machine_id=machine(1))
    tasks.summarise_readings(True)
    assert Cell.objects.count() == 1
    Generation.objects.update(changed_at=timezone.now() - timedelta(days=1))
    tasks.sweep()
    assert Cell.objects.count() == 2


@pytest.mark.parametrize("seconds", [-2, 86_400])
def test_a_change_of_long_ago_or_of_a_wrong_clock_keeps_nobody(
    client: Client, seconds: int
) -> None:
    send(client, 100)
    tasks.summarise_readings()
    at = timezone.now() + timedelta(seconds=seconds)
    Generation.objects.update(changed_at=at)
    send(client, 200, machine_id=machine(1))
    tasks.summarise_readings(True)
    assert Cell.objects.count() == 2
