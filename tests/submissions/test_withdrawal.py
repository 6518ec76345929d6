"""What a sender may do later: edit, list or unlist, withdraw; and what is erased 30 days after."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from registry.models import Cell, Generation, RawReport, Reading, ReportEvent, Result, Run
from registry.models.summary import summarise
from submissions import tasks, withdrawal
from tests import reports

pytestmark = pytest.mark.django_db
URL = "/api/v1/reports/"
TOKEN, OTHER = "crrc_of-the-submitter", "crrc_of-another-submitter"


def send(client: Client, token: str = TOKEN, **more: Any) -> RawReport:
    body = reports.as_bytes(reports.envelope(**more))
    answer = client.post(URL, body, content_type="application/json", headers={"Claim-Token": token})
    return RawReport.objects.get(public_id=answer.json()["id"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def withdraw(client: Client, report: RawReport, token: str = TOKEN) -> Any:
    return client.delete(f"{URL}{report.public_id}/", headers=bearer(token))


def edit(client: Client, report: RawReport, change: Any, token: str = TOKEN) -> Any:
    return client.patch(
        f"{URL}{report.public_id}/",
        json.dumps(change),
        content_type="application/json",
        headers=bearer(token),
    )


def pass_days(days: int) -> None:
    """Everything that has happened, happened so many days earlier."""
    for event in ReportEvent.objects.all():
        ReportEvent.objects.filter(pk=event.pk).update(at=event.at - timedelta(days=days))
    for reading in Reading.objects.all():
        earlier = reading.created_at - timedelta(days=days)
        Reading.objects.filter(pk=reading.pk).update(created_at=earlier)


def verify() -> str:
    output = io.StringIO()
    call_command("verify_registry", stdout=output)
    return output.getvalue()


def test_three_people_and_one_claim_token(client: Client) -> None:
    report = send(client)
    send(client, token=OTHER, notes="the other's")
    for call in (edit, lambda *args: withdraw(*args[:2], *args[3:])):
        assert call(client, report, {"notes": "not mine"}, OTHER).status_code == 404
    nobody = client.delete(f"{URL}{report.public_id}/")
    assert nobody.status_code == 404
    assert "Authorization: Bearer" in nobody.json()["error"]["message"]
    assert edit(client, report, {"notes": "after a reboot"}).json()["notes"] == "after a reboot"
    assert withdraw(client, report).status_code == 204
    assert client.get(f"{URL}{report.public_id}/").status_code == 410


def test_unlisting_takes_the_figures_out_and_listing_brings_them_back(client: Client) -> None:
    report = send(client)
    summarise()
    before = list(Cell.objects.values("n_runs", "mean_ln", "m2"))
    for visibility, cells in (("unlisted", []), ("public", before)):
        assert edit(client, report, {"visibility": visibility}).status_code == 200
        summarise()
        assert list(Cell.objects.values("n_runs", "mean_ln", "m2")) == cells
    verify()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({}, ""),
        ({"notes": 7}, "notes"),
        ({"notes": "x" * 10_001}, "notes"),
        ({"notes": "a\0b"}, "notes"),
        ({"visibility": "secret"}, "visibility"),
        ({"visibility": None}, "visibility"),
        ({"visibility": ["public"]}, "visibility"),
        ({"status": "published"}, "status"),
    ],
)
def test_a_change_that_is_not_valid_says_where(client: Client, change: Any, path: str) -> None:
    answer = edit(client, send(client), change)
    assert answer.status_code == 422
    assert [fault["path"] for fault in answer.json()["error"]["details"]] == [path]
    assert not ReportEvent.objects.filter(kind="edited").exists()


def test_new_notes_are_scrubbed(client: Client) -> None:
    answer = edit(client, send(client), {"notes": "ask root@db1.example.com at 203.0.113.9"})
    assert "203.0.113.9" not in answer.json()["notes"]
    assert "example.com" not in answer.json()["notes"]


def test_a_withdrawn_report_is_a_tombstone_at_once(client: Client) -> None:
    report = send(client)
    summarise()
    withdraw(client, report)
    summarise()
    assert not Cell.objects.exists()
    error = client.get(f"{URL}{report.public_id}/").json()["error"]
    said = {detail["path"]: detail["message"] for detail in error["details"]}
    assert error["code"] == "withdrawn"
    assert said["status_reason"] == "withdrawn by its sender"
    assert said["body_sha256"] == report.body_sha256
    assert said["status_since"] < said["erased_at"]
    assert client.get(f"{URL}{report.public_id}/raw/").status_code == 410
    verify()


def test_withdrawing_again_is_no_error_and_leaves_one_event(client: Client) -> None:
    report = send(client)
    assert [withdraw(client, report).status_code for _ in range(2)] == [204, 204]
    assert report.events.filter(kind="withdrawn").count() == 1
    answer = edit(client, report, {"notes": "too late"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "withdrawn")


@pytest.mark.parametrize("status", ["held", "rejected"])
def test_what_is_not_published_can_be_withdrawn_too(client: Client, status: str) -> None:
    report = send(client)
    report.move_to(RawReport.Status(status), actor="moderator:ada", reason="doubtful")
    assert withdraw(client, report).status_code == 204
    report.refresh_from_db()
    assert report.status == "withdrawn"


def test_a_withdrawal_wins_over_an_act_that_was_decided_before_it(client: Client) -> None:
    report = send(client)
    stale = RawReport.objects.get(pk=report.pk)
    withdraw(client, report)
    assert not stale.move_to(RawReport.Status.HELD, actor="moderator:ada")
    report.refresh_from_db()
    assert report.status == "withdrawn"


def test_bytes_and_facts_are_erased_after_30_days_and_the_tombstone_stays(client: Client) -> None:
    report = send(client, notes="rack 7", machine_id="0" * 32)
    summarise()
    withdraw(client, report)
    summarise()
    pass_days(29)
    tasks.erase_withdrawn()
    assert RawReport.objects.get().body is not None
    pass_days(2)
    tasks.erase_withdrawn()
    tasks.erase_withdrawn()
    erased = RawReport.objects.get()
    assert (erased.body, erased.notes, erased.machine, erased.status) == (
        None,
        "",
        None,
        "withdrawn",
    )
    assert (erased.public_id, erased.body_sha256) == (report.public_id, report.body_sha256)
    assert [model.objects.count() for model in (Reading, Run, Result)] == [0, 0, 0]
    kinds = list(erased.events.values_list("kind", flat=True))
    assert kinds == ["received", "published", "withdrawn", "erased"]
    assert client.get(f"{URL}{report.public_id}/").status_code == 410
    again = client.post(
        URL,
        reports.as_bytes(reports.envelope(notes="rack 7", machine_id="0" * 32)),
        content_type="application/json",
    )
    assert (again.status_code, again.json()["id"]) == (200, report.public_id)
    assert (again.json()["status"], again.json()["results"]) == ("withdrawn", [])
    verify()


def test_nothing_is_erased_before_its_cells_are_without_it(client: Client) -> None:
    """The runs say which cells to sum up anew, so they go last."""
    report = send(client)
    summarise()
    withdraw(client, report)
    pass_days(31)
    assert withdrawal.erase_due(10) == 0
    summarise()
    assert withdrawal.erase_due(10) == 1
    assert not Cell.objects.exists()


def test_erasing_goes_in_batches(client: Client) -> None:
    for number in range(3):
        withdraw(client, send(client, notes=str(number)))
    summarise()
    pass_days(31)
    assert [withdrawal.erase_due(2) for _ in range(3)] == [2, 1, 0]
    assert not RawReport.objects.filter(erased_at=None).exists()


def test_only_what_is_withdrawn_is_erased(client: Client) -> None:
    report = send(client)
    report.move_to(RawReport.Status.REJECTED, actor="moderator:ada", reason="a copy")
    summarise()
    pass_days(400)
    assert withdrawal.erase_due(10) == 0


def test_replaced_readings_are_removed_after_90_days(client: Client) -> None:
    report = send(client)
    old = Reading.objects.get()
    Reading.replace_in([report.pk])
    Reading.objects.create(report=report, active=True, parser_version=9, vocabulary_version=9)
    pass_days(91)
    tasks.prune_readings()
    assert Reading.objects.count() == 2  # its cells are not yet without it
    summarise()
    tasks.prune_readings()
    assert Reading.objects.get() != old


def test_withdrawal_raises_the_generation_once(client: Client) -> None:
    report = send(client)
    summarise()
    before = Generation.current()
    withdraw(client, report)
    summarise()
    summarise()
    assert Generation.current() == before + 1


def manage(client: Client, report: RawReport, **form: str) -> Any:
    return client.post(f"/r/{report.public_id}/manage", form)


def test_the_page_edits_with_the_token_and_no_script(client: Client) -> None:
    report = send(client)
    page = client.get(f"/r/{report.public_id}/manage").content.decode()
    assert "<script" not in page
    assert f'action="/r/{report.public_id}/manage"' in page
    answer = manage(
        client, report, token=TOKEN, do="save", notes="one\r\ntwo", visibility="unlisted"
    )
    assert (answer.status_code, answer["Location"]) == (302, f"/r/{report.public_id}")
    report.refresh_from_db()
    assert (report.notes, report.visibility) == ("one\ntwo", "unlisted")


@pytest.mark.parametrize("token", ["", OTHER, TOKEN[:-1]])
def test_the_page_does_nothing_for_another_token(client: Client, token: str) -> None:
    report = send(client)
    send(client, token=OTHER, notes="the other's")
    for do in ("save", "withdraw"):
        answer = manage(
            client, report, token=token, do=do, sure="yes", notes="x", visibility="public"
        )
        assert answer.status_code == 403
        assert "not the claim token" in answer.content.decode()
    report.refresh_from_db()
    assert (report.notes, report.status) == ("", "published")


def test_the_page_withdraws_when_the_box_is_ticked(client: Client) -> None:
    report = send(client)
    unsure = manage(client, report, token=TOKEN, do="withdraw")
    assert unsure.status_code == 422
    assert "Tick the box" in unsure.content.decode()
    assert manage(client, report, token=TOKEN, do="withdraw", sure="yes").status_code == 302
    tombstone = client.get(f"/r/{report.public_id}")
    assert tombstone.status_code == 410
    assert "will be erased" in tombstone.content.decode()
    assert client.get(f"/r/{report.public_id}/manage").status_code == 302


def test_the_page_refuses_what_no_database_holds(client: Client) -> None:
    answer = manage(client, send(client), token=TOKEN, do="save", notes="a\0b", visibility="public")
    assert answer.status_code == 422
    assert "control characters" in answer.content.decode()


def test_a_rejected_report_can_only_be_withdrawn(client: Client) -> None:
    report = send(client)
    report.move_to(RawReport.Status.REJECTED, actor="moderator:ada", reason="a copy")
    page = client.get(f"/r/{report.public_id}/manage").content.decode()
    assert "Save notes" not in page
    assert "Rejected because: <bdi>a copy</bdi>" in page
    assert manage(client, report, token=TOKEN, do="withdraw", sure="yes").status_code == 302


def test_the_token_is_on_no_page_in_no_address_and_in_no_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    report = send(client)
    answers = [
        manage(client, report, token=TOKEN, do="save", notes="n", visibility="secret"),
        manage(client, report, token=TOKEN, do="withdraw"),
        manage(client, report, token=TOKEN, do="save", notes="n", visibility="public"),
        client.get(f"/r/{report.public_id}"),
        edit(client, report, {"notes": 7}),
        withdraw(client, report),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 302, 200, 422, 204]
    said = [caplog.text, *(str(answer.headers) + answer.content.decode() for answer in answers)]
    assert [text for text in said if TOKEN in text] == []
    assert [page for page in answers[:3] if "no-store" not in page["Cache-Control"]] == []


def test_the_form_is_guarded_against_other_sites() -> None:
    client = Client(enforce_csrf_checks=True)
    report = send(client)
    answer = manage(client, report, token=TOKEN, do="withdraw", sure="yes")
    assert answer.status_code == 403
    report.refresh_from_db()
    assert report.status == "published"


def test_what_is_written_into_the_form_stays_text(client: Client) -> None:
    page = manage(client, send(client), token="x", notes="</textarea><script>alert(1)</script>")
    assert b"<script>alert" not in page.content
