"""Which charts a change marks: those whose filters it meets, and no others."""

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from charts import models, scopes, tasks
from charts.models import Chart, ChartQuerySet
from charts.params import ChartParams
from charts.pipeline import draw, ensure_defaults
from charts.scopes import mark_changed
from registry.models import Generation, RawReport, Reading, Recipe, Submitter
from registry.models.summary import summarise
from registry.refusal import Refused
from submissions.tasks import erase_withdrawn
from tests import reports

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def send(client: Client, machine: int, **run: Any) -> dict[str, Any]:
    body = reports.envelope(reports.run(20_000 + machine, **run), machine_id=f"{machine:032x}")
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(body),
        content_type="application/json",
        REMOTE_ADDR=reports.address_of(body["machine_id"]),
    )
    assert answer.status_code == 201, answer.content
    while summarise():
        pass
    found: dict[str, Any] = answer.json()
    return found


def chart(test: str = "TCP_CRR", **recipe: str) -> Chart:
    asked = {"tests": [test], "group_by": ["virtualization"], "recipe": recipe}
    return Chart.objects.save_comparison(ChartParams.from_dict(asked))[0]


def about(**asked: Any) -> Chart:
    return Chart.objects.save_comparison(ChartParams.from_dict(asked))[0]


def drawn_all() -> None:
    for one in Chart.objects.all():
        draw(one.pk)
    Chart.objects.update(not_before=timezone.now())


def stale() -> set[int]:
    return set(Chart.objects.stale().values_list("pk", flat=True))


def test_a_report_marks_the_charts_whose_filters_it_meets(client: Client) -> None:
    send(client, 1)
    any_crr, one_stream, two = chart(), chart(streams="1"), chart(streams="2")
    pinned, unpinned = chart(placement="same_cpu"), chart(placement="unpinned")
    other_test = chart("TCP_RR")
    groups = about(
        kind="comparison", compare={"a.virtualization": "kvm", "b.virtualization": "none"}
    )
    unlike = about(
        kind="comparison",
        compare={"a.virtualization": "kvm", "b.virtualization": "none", "test": "TCP_RR"},
    )
    drawn_all()
    assert stale() == set()

    send(client, 2)
    mark_changed()
    assert stale() == {any_crr.pk, one_stream.pk, pinned.pk, groups.pk}
    mark_changed()
    drawn_all()
    assert stale() == set()

    send(
        client,
        3,
        placement="unpinned",
        streams=2,
        outputs=[reports.KEYVAL.format(rate=1.0, elapsed=5.0)] * 2,
    )
    mark_changed()
    assert stale() == {any_crr.pk, two.pk, unpinned.pk}
    assert not {other_test.pk, unlike.pk} & stale()


def test_a_withdrawn_report_marks_what_it_was_in(client: Client) -> None:
    sent = send(client, 1)
    send(client, 2)
    ours, other = chart(streams="1"), chart(streams="2")
    drawn_all()
    token = {"Authorization": f"Bearer {sent['claim_token']}"}
    client.delete(f"/api/v1/reports/{sent['id']}/", headers=token)
    while summarise():
        pass
    mark_changed()
    assert stale() == {ours.pk}
    assert other.pk not in stale()


def test_a_chart_of_a_report_is_marked_by_what_happens_to_that_report_alone(client: Client) -> None:
    first, second = send(client, 1), send(client, 2)
    ours = about(kind="cpus", report=first["id"])
    pair = about(kind="comparison", compare={"a": first["id"], "b": second["id"]})
    other = about(kind="cpus", report=second["id"])
    drawn_all()
    send(client, 3)
    mark_changed()
    assert stale() == set()

    RawReport.objects.get(public_id=first["id"]).move_to(
        RawReport.Status.HELD, "moderator:jane", "looks odd"
    )
    while summarise():
        pass
    mark_changed()
    assert stale() == {ours.pk, pair.pk}
    mark_changed()
    drawn_all()
    mark_changed()
    assert stale() == set()
    assert other.pk not in stale()


def test_what_a_lost_hint_would_have_marked_the_sweep_marks(client: Client) -> None:
    send(client, 1)
    ours, other = chart(streams="1"), chart("TCP_RR")
    drawn_all()
    before = Chart.objects.get(pk=other.pk).drawn
    send(client, 2)  # nobody is told
    send(client, 3)
    tasks.sweep()
    assert Chart.objects.get(pk=ours.pk).drawn == Generation.current()
    assert Chart.objects.get(pk=other.pk).drawn == before


def test_a_chart_that_older_code_saved_learns_its_scope(client: Client) -> None:
    send(client, 1)
    old = chart(streams="1")
    drawn_all()
    Chart.objects.update(scope="")
    send(client, 2)
    mark_changed()
    assert stale() == {old.pk}
    assert Chart.objects.get().scope == old.scope


def test_many_charts_of_few_scopes_take_few_queries(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    send(client, 1)
    for number in range(40):
        asked = {"tests": ["TCP_CRR"], "group_by": ["os"], "limit": number + 1}
        Chart.objects.save_comparison(ChartParams.from_dict(asked))
    ensure_defaults()
    Chart.objects.update(drawn=Generation.current(), wanted=Generation.current())
    old = timezone.now() - timedelta(days=1)
    Chart.objects.update(asked_at=old)
    send(client, 2)
    with django_assert_max_num_queries(9):
        mark_changed()
    assert len(stale()) == 40 + 3  # all defaults but http-accept show TCP_CRR over loopback


TESTS = ("TCP_CRR", "TCP_RR", "UDP_RR")
VALUES: dict[str, tuple[Any, ...]] = {
    "streams": (None, 1, 2, 12),
    "placement": (None, "same_cpu", "None", ""),
    "topology": (None, "loopback", "same_lan"),
}


def recipes(count: int, draw: random.Random) -> list[Recipe]:
    rows = [
        Recipe(
            digest=f"{draw.random()} {number}",
            test=draw.choice(TESTS),
            unit="trans/s",
            timing_options="",
            source=Recipe.Source.PASTED,
            **{name: draw.choice(values) for name, values in VALUES.items()},
        )
        for number in range(count)
    ]
    return Recipe.objects.bulk_create(rows)


def change(rows: Iterable[Recipe]) -> None:
    with transaction.atomic():
        Generation.note_change({row.pk for row in rows})


def wanted_by_looking_at_all() -> dict[int, int]:
    """Of each chart, the newest generation of the recipes that meet its filters."""
    wanted = {}
    for one in Chart.objects.all():
        asked = json.loads(one.scope)
        found = [
            recipe.generation
            for recipe in Recipe.objects.all()
            if recipe.test in (asked["tests"] or TESTS)
            and all(str(getattr(recipe, name)) == text for name, text in asked["recipe"].items())
        ]
        wanted[one.pk] = max([one.wanted, *found])
    return wanted


@pytest.mark.parametrize("seed", range(10))
def test_charts_are_marked_as_by_looking_at_every_recipe(seed: int) -> None:
    draw = random.Random(seed)
    rows = recipes(60, draw)
    for _ in range(8):
        for _ in range(4):
            few = draw.sample(sorted(VALUES), draw.randint(0, 3))
            recipe = {name: str(draw.choice(VALUES[name][1:])) for name in few}
            tests = draw.sample(TESTS, draw.randint(1, 2))
            asked = {"tests": tests, "group_by": ["os"], "recipe": recipe}
            Chart.objects.save_comparison(ChartParams.from_dict(asked))
        for _ in range(draw.randint(0, 3)):
            change(draw.sample(rows, draw.randint(1, 5)))
        expected = wanted_by_looking_at_all()
        mark_changed()
        assert dict(Chart.objects.values_list("pk", "wanted")) == expected
    assert len({*expected.values()}) > 3


def test_a_change_is_looked_at_once_and_no_other_recipe_is(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    draw = random.Random(1)
    about(tests=["TCP_CRR"], group_by=["os"])
    rows = recipes(1_000, draw)
    change(rows)
    mark_changed()
    with django_assert_num_queries(3):
        assert mark_changed() == []
    looked_at: list[int] = []
    change(rows[:1])
    change(rows[1:3])
    real = scopes._changed_loads

    def changed_loads(since: int) -> list[tuple[scopes.Load, int]]:
        found = real(since)
        looked_at.extend(generation for _, generation in found)
        return found

    monkeypatch.setattr(scopes, "_changed_loads", changed_loads)
    with CaptureQueriesContext(connection) as asked:
        mark_changed()
    assert 1 <= len(looked_at) <= 3
    (sql,) = (query["sql"] for query in asked if "registry_recipe" in query["sql"])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE registry_recipe")
        explain = {"postgresql": "EXPLAIN", "sqlite": "EXPLAIN QUERY PLAN"}[connection.vendor]
        cursor.execute(f"{explain} {sql}")
        assert "recipe_by_generation" in str(cursor.fetchall())


def test_what_changed_before_a_mark_was_kept_is_marked_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when a worker is killed between the two."""
    rows = recipes(1, random.Random(2))
    ours = about(tests=[rows[0].test], group_by=["os"])
    change(rows)
    with monkeypatch.context() as patched:
        patched.setattr(ChartQuerySet, "mark", killed)
        with pytest.raises(SystemExit):
            mark_changed()
    assert Chart.objects.get().wanted == 0
    mark_changed()
    assert Chart.objects.get(pk=ours.pk).wanted == Generation.current()


def killed(*args: Any) -> None:
    raise SystemExit


def test_a_number_is_the_same_however_it_is_written(client: Client) -> None:
    send(client, 1)
    groups = {"a.virtualization": "kvm", "b.virtualization": "none", "streams": "01"}
    written = [chart(streams="01"), about(kind="comparison", compare=groups)]
    assert written[0] == chart(streams="1")
    drawn_all()
    send(client, 2)
    mark_changed()
    assert stale() == {one.pk for one in written}


def test_a_chart_of_effects_is_marked_by_experiments_with_any_test(client: Client) -> None:
    """How many were tried decides what a word needs, whatever they were tried with."""
    ours = about(kind="effects", tests=["TCP_CRR"], recipe={"topology": "loopback"})
    drawn_all()
    arms = [{"value": "0", "runs": [0, 3]}, {"value": "1", "runs": [1, 2]}]
    tried = {"factor": "net.ipv4.tcp_syncookies", "blocks": ["ABBA"], "arms": arms}
    other = reports.KEYVAL.replace("Connect|Send|Recv", "Send|Recv").replace(
        "Connect/Request/Response", "REQUEST/RESPONSE"
    )
    runs = [reports.run(outputs=[other.format(rate=1000 + n, elapsed=5)]) for n in range(4)]
    body = reports.as_bytes(reports.envelope(*runs, experiment=tried))
    answer = client.post("/api/v1/reports/", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    summarise()
    assert {recipe.test for recipe in Recipe.objects.exclude(generation=0)} == {"TCP_RR"}
    mark_changed()
    assert stale() == {ours.pk}


def test_a_report_that_is_read_again_marks_its_own_chart_though_no_cell_changed(
    client: Client,
) -> None:
    """Loads of CPUs are in no cell."""
    first, second = send(client, 1), send(client, 2)
    ours = about(kind="cpus", report=first["id"])
    about(kind="cpus", report=second["id"])
    groups = chart()
    drawn_all()
    reading = Reading.objects.get(report__public_id=first["id"])
    Reading.replace_in([reading.report_id])
    again = Reading.objects.create(
        report=reading.report, active=True, parser_version=99, vocabulary_version=99
    )
    reading.runs.update(reading=again)
    while summarise():
        pass
    mark_changed()
    assert stale() == {ours.pk}
    assert groups.pk not in stale()


def test_what_was_withdrawn_and_is_erased_is_told_no_more(client: Client) -> None:
    sent = send(client, 1)
    send(client, 2)
    ours, other = chart(streams="1"), chart(streams="2")
    RawReport.objects.get(public_id=sent["id"]).move_to(RawReport.Status.WITHDRAWN, actor="sender")
    while summarise():
        pass
    drawn_all()
    month_ago = timezone.now() - timedelta(days=31)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_reportevent SET at = %s",
            [connection.ops.adapt_datetimefield_value(month_ago)],
        )
    erase_withdrawn()
    mark_changed()
    assert stale() == {ours.pk}
    assert other.pk not in stale()


def test_only_charts_that_were_fresh_are_called_for(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chart that waits already has been called for, or the sweep comes to it."""
    send(client, 1)
    ours = chart(streams="1")
    drawn_all()
    called: list[int] = []
    monkeypatch.setattr(tasks, "call_for", lambda one: called.append(one.pk))
    for number in (2, 3):
        send(client, number)
        tasks.on_facts_changed(None, Generation.current())
    assert called == [ours.pk]


def test_a_sweep_ends_before_the_next_is_due(client: Client, settings: Any) -> None:
    send(client, 1)
    ours = [chart(streams=str(number)) for number in range(1, 4)]
    settings.SWEEP_SECONDS = 1e-6
    tasks.sweep()
    assert [Chart.objects.get(pk=one.pk).drawings for one in ours] == [1, 0, 0]
    tasks.sweep()
    assert [Chart.objects.get(pk=one.pk).drawings for one in ours] == [1, 1, 0]


def test_a_sweep_calls_other_workers_to_a_backlog(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them draws the chart that nobody else draws and is due longest, and calls the next,
    until the sweep is over or nothing is due.
    """
    settings.SWEEP_SECONDS = 3_600
    send(client, 1)
    for number in range(1, 4):
        chart(streams=str(number))
    waiting = Chart.objects.due().count()
    called: list[float] = []
    monkeypatch.setattr(tasks.hints, "send", lambda task, ends_at: called.append(ends_at))
    taken_by_another = tasks.due()[0]
    Chart.objects.claim(taken_by_another)
    monkeypatch.setattr(tasks, "draw_longest_due", lambda: False)
    tasks.sweep()
    assert len(called) == waiting - 2
    monkeypatch.undo()
    monkeypatch.setattr(tasks.hints, "send", lambda task, ends_at: called.append(ends_at))

    after, over = called[-1], called[-1] - 2 * settings.SWEEP_SECONDS
    called.clear()
    tasks.help_sweep(over)
    tasks.help_sweep(after + 86_400)  # of a host whose clock was wrong
    assert (called, Chart.objects.due().count()) == ([], waiting - 1)
    for _ in range(waiting + 1):
        tasks.help_sweep(after)
    assert called == [after] * (waiting - 1)
    assert not Chart.objects.due().exists()
    assert Chart.objects.get(pk=taken_by_another).drawings == 0


def test_a_sweep_calls_no_more_helpers_than_it_may(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SWEEP_SECONDS = 3_600
    send(client, 1)
    for number in range(1, 4):
        chart(streams=str(number))
    called: list[float] = []
    monkeypatch.setattr(tasks, "HELPERS", 1)
    monkeypatch.setattr(tasks.hints, "send", lambda task, ends_at: called.append(ends_at))
    tasks.sweep()
    assert len(called) == 1
    assert not Chart.objects.due().exists()


def test_one_sender_leaves_new_charts_to_others(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender is an address, of IPv6 a /64; a chart that is known costs nothing."""
    monkeypatch.setattr(models, "NEW_CHARTS", replace(models.NEW_CHARTS, of_one=2))

    def saved(number: int, address: str) -> HttpResponse:
        asked = {"tests": ["TCP_CRR"], "group_by": ["virtualization"], "limit": number}
        return client.post(  # type: ignore[return-value]
            "/api/v1/charts/", asked, content_type="application/json", REMOTE_ADDR=address
        )

    one, same, other = "2001:db8:1:2::1", "2001:db8:1:2:ffff::7", "2001:db8:1:3::1"
    assert [saved(number, one).status_code for number in (5, 6, 7)] == [201, 201, 429]
    refused = saved(7, same)
    assert json.loads(refused.content)["error"]["code"] == "quota_reached"
    assert 0 < int(refused["Retry-After"]) <= 86_400
    senders = Submitter.objects.count()
    assert [saved(number, "192.0.2.1").status_code for number in (5, 6)] == [200, 200]
    assert Submitter.objects.count() == senders
    assert saved(7, other).status_code == 201
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)
    assert saved(8, same).status_code == 201


def test_the_quota_of_new_charts_says_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "NEW_CHARTS", replace(models.NEW_CHARTS, of_all=2))
    made = [about(tests=["TCP_CRR"], group_by=["virtualization"], limit=n) for n in (5, 6)]
    first, last = timezone.now() - timedelta(hours=23), timezone.now() - timedelta(hours=1)
    for chart, at in zip(made, (first, last), strict=True):
        Chart.objects.filter(pk=chart.pk).update(created_at=at)
    with pytest.raises(Refused) as refused:
        about(tests=["TCP_CRR"], group_by=["virtualization"], limit=7)
    assert 3_540 < (refused.value.retry_after_s or 0) <= 3_600
    assert about(tests=["TCP_CRR"], group_by=["virtualization"], limit=5) == made[0]
