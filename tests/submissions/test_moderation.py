"""Who may be seen: what rules hold, what moderators decide, what is taken back, and what everybody
can read of it.
"""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from registry.models import Cell, RawReport, Reading, ReportEvent
from registry.models.summary import summarise
from registry.refusal import Refused
from submissions import intake, moderation, plausibility, read, tasks
from tests import reports

pytestmark = pytest.mark.django_db
URL = "/api/v1/reports/"
YESTERDAY = (timezone.now() - timedelta(days=1)).date().isoformat()


def catches(name: str, mode: str = "hold") -> plausibility.Rule:
    return plausibility.Rule(name, lambda subject: iter([f"{name} says so"]), mode)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Any:
    def use(*names: str) -> None:
        monkeypatch.setattr(plausibility, "RULES", tuple(catches(name) for name in names))

    return use


def send(client: Client, **more: Any) -> RawReport:
    body = reports.as_bytes(reports.envelope(**more))
    answer = client.post(URL, body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return RawReport.objects.get(public_id=answer.json()["id"])


def state(report: RawReport) -> tuple[str, str]:
    report.refresh_from_db()
    return report.status, report.status_reason


def kinds(report: RawReport) -> list[tuple[str, str]]:
    return list(report.events.values_list("kind", "actor"))


def undo_rule(*arguments: str) -> str:
    output = io.StringIO()
    call_command("undo_rule", *arguments, stdout=output)
    return output.getvalue()


def verify() -> None:
    summarise()
    call_command("verify_registry", stdout=io.StringIO())


def test_a_rule_of_mode_hold_holds_with_its_facts_and_says_so(client: Client, rules: Any) -> None:
    rules("too_fast")
    body = reports.as_bytes(reports.envelope())
    answer = client.post(URL, body, content_type="application/json").json()
    assert (answer["status"], answer["status_reason"]) == ("held", "too_fast says so")
    assert "A person will look at it" in answer["next_step"]
    assert len(answer["results"]) == 3
    report = RawReport.objects.get()
    assert kinds(report) == [("received", "sender"), ("held", "rule:too_fast")]
    summarise()
    assert not Cell.objects.exists()
    verify()


def test_a_flag_holds_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plausibility, "RULES", (catches("odd", mode="flag"),))
    assert send(client).status == "published"


def test_the_sweep_holds_as_intake_does(
    client: Client, rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(intake, "read_document", broken)
        client.post(URL, reports.text(), content_type="text/plain")
    rules("too_fast")
    tasks.sweep()
    assert state(RawReport.objects.get()) == ("held", "too_fast says so")


def test_hold_publish_reject_and_back(client: Client) -> None:
    report = send(client)
    summarise()
    before = list(Cell.objects.values("n_runs", "mean_ln"))
    for name, status in (("hold", "held"), ("publish", "published"), ("reject", "rejected")):
        moderation.act(report.pk, name, "ada", f"because of {name}")
        assert state(report) == (status, f"because of {name}")
        verify()
        assert bool(Cell.objects.count()) == (status == "published")
    moderation.act(report.pk, "undo", "ada", "not a copy after all")
    assert state(report) == ("published", "because of publish")
    verify()
    assert list(Cell.objects.values("n_runs", "mean_ln")) == before


def test_an_undo_gives_back_state_and_reason_and_can_be_undone(client: Client, rules: Any) -> None:
    rules("too_fast")
    report = send(client)
    moderation.act(report.pk, "reject", "ada", "invented")
    moderation.act(report.pk, "undo", "bob", "let us ask first")
    assert state(report) == ("held", "too_fast says so")
    moderation.act(report.pk, "undo", "ada", "we asked")
    assert state(report) == ("rejected", "invented")


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_an_act_needs_a_reason(client: Client, reason: str) -> None:
    report = send(client)
    with pytest.raises(Refused, match="reason"):
        moderation.act(report.pk, "hold", "ada", reason)
    assert state(report) == ("published", "")


def test_acts_that_change_nothing_are_refused(client: Client) -> None:
    report = send(client)
    for name in ("publish", "undo"):
        with pytest.raises(Refused) as refused:
            moderation.act(report.pk, name, "ada", "why not")
        assert refused.value.status == 409
    assert report.events.count() == 2


def test_what_its_sender_withdrew_is_out_of_reach(client: Client) -> None:
    report = send(client)
    report.move_to(RawReport.Status.WITHDRAWN, actor="sender", reason="withdrawn by its sender")
    for name in (*moderation.ACTS, moderation.UNDO):
        with pytest.raises(Refused, match="withdrew"):
            moderation.act(report.pk, name, "ada", "why not")
    assert state(report)[0] == "withdrawn"


def test_publishing_what_was_never_read_sends_it_to_the_reader(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(intake, "read_document", broken)
    client.post(URL, reports.text(), content_type="text/plain")
    report = RawReport.objects.get()
    report.move_to(RawReport.Status.HELD, actor="reader", reason="processing_failed")
    RawReport.objects.update(attempts=5)
    moderation.act(report.pk, "publish", "ada", "the parser was mended")
    assert (state(report)[0], report.attempts) == ("received", 0)
    tasks.sweep()
    assert state(report)[0] == "published"
    verify()


def test_everybody_reads_what_happened_and_nobody_who_did_it(client: Client) -> None:
    report = send(client)
    moderation.act(report.pk, "hold", "ada.lovelace", "looks like a unit slip")
    answer = client.get(f"{URL}{report.public_id}/")
    body = answer.json()
    assert (body["status"], body["status_reason"]) == ("held", "looks like a unit slip")
    assert body["status_since"] == body["events"][-1]["at"]
    assert [(event["kind"], event["actor"]) for event in body["events"]] == [
        ("received", "sender"),
        ("published", "intake"),
        ("held", "moderator"),
    ]
    page = client.get(f"/r/{report.public_id}")
    for content in (answer.content, page.content):
        assert b"lovelace" not in content


def test_undo_rule_gives_back_what_the_rule_took(client: Client, rules: Any) -> None:
    rules("too_fast")
    caught = [send(client, notes=str(number)) for number in range(2)]
    rules()
    free = send(client, notes="free")
    dry = json.loads(undo_rule("too_fast", "--since", YESTERDAY, "--dry-run", "--json"))
    assert dry["restored"] == {report.public_id: "published" for report in caught}
    assert [state(report)[0] for report in caught] == ["held", "held"]
    assert "2 reports restored" in undo_rule("too_fast", "--since", YESTERDAY)
    for report in (*caught, free):
        assert state(report) == ("published", "")
    assert kinds(caught[0])[-1] == ("published", "operator")
    assert kinds(free)[-1] == ("published", "intake")
    verify()
    assert Cell.objects.get().n_sittings == 3
    assert "0 reports restored" in undo_rule("too_fast", "--since", YESTERDAY)


def test_undo_rule_leaves_what_others_decided(client: Client, rules: Any) -> None:
    rules("too_fast")
    judged, withdrawn, older = (send(client, notes=str(number)) for number in range(3))
    moderation.act(judged.pk, "reject", "ada", "invented")
    withdrawn.move_to(RawReport.Status.WITHDRAWN, actor="sender")
    past = datetime(2026, 1, 1, tzinfo=UTC)
    ReportEvent.objects.filter(report=older, kind="held").update(at=past)
    assert "0 reports restored" in undo_rule("too_fast", "--since", YESTERDAY)
    assert [state(report)[0] for report in (judged, withdrawn, older)] == [
        "rejected",
        "withdrawn",
        "held",
    ]
    moderation.act(judged.pk, "undo", "ada", "let us see")
    assert state(judged) == ("held", "too_fast says so")


def test_a_report_that_two_rules_hold_is_free_when_both_are_undone(
    client: Client, rules: Any
) -> None:
    rules("too_fast", "copied")
    report = send(client)
    assert "still held by rule copied" in undo_rule("too_fast", "--since", YESTERDAY)
    assert state(report) == ("held", "copied says so")
    verify()
    undo_rule("copied", "--since", YESTERDAY)
    assert state(report) == ("published", "")
    verify()


def test_undo_rule_says_what_it_does_not_know(client: Client, rules: Any) -> None:
    rules("too_fast")
    send(client)
    with pytest.raises(CommandError, match="rules that did so: too_fast"):
        undo_rule("too_slow", "--since", YESTERDAY)
    with pytest.raises(CommandError, match="is no date"):
        undo_rule("too_fast", "--since", "last week")


def test_the_names_of_rules_meet(client: Client) -> None:
    """What `read` calls a flag and what `hold` reads are one shape."""
    content = read.read(reports.text(rate=9e6).encode(), "netperf-text", False)
    assert set(content.flags[0]) == {"rule", "mode", "message"}
    assert Reading.objects.count() == 0
