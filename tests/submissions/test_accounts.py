"""Accounts, which nothing needs: signing in by a code, claiming, tokens with scopes, export and
deletion.
"""

import json
import os
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.models import RawReport, Submitter
from submissions import tasks
from submissions.accounts import holdings
from submissions.accounts.models import Account, ApiToken, Claim
from tests import reports

pytestmark = pytest.mark.django_db
API = "/api/v1/reports/"
CLAIM_TOKEN, OTHERS_TOKEN = "crrc_of-the-submitter", "crrc_of-another-submitter"
MACHINE = f"{7:032x}"


@pytest.fixture(autouse=True)
def mailbox(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    cache.clear()  # the counts of django-allauth's rate limits


def code_in(message: Any) -> str:
    return re.findall(r"(?m)^[A-Z0-9-]{5,}$", message.body)[0]


def signed_up(email: str = "jane@example.org") -> Client:
    person = Client()
    person.post("/account/sign-up", {"email": email})
    answer = person.post("/account/sign-up/code", {"code": code_in(mail.outbox[-1])})
    assert answer.status_code == 302
    return person


def send(token: str = CLAIM_TOKEN, **more: Any) -> RawReport:
    body = reports.as_bytes(reports.envelope(**{"machine_id": MACHINE, **more}))
    answer = Client().post(
        API, body, content_type="application/json", headers={"Claim-Token": token}
    )
    return RawReport.objects.get(public_id=answer.json()["id"])


def claim(person: Client, report: RawReport, token: str = CLAIM_TOKEN) -> Any:
    address = f"{settings.PUBLIC_URL}/r/{report.public_id}"
    return person.post("/account/claim", {"report": address, "token": token})


def token_of(person: Client, *scopes: str) -> str:
    answer = person.post("/account/token", {"name": "cron", "scope": scopes})
    return re.findall(r"crra_[\w-]{20,}", answer.content.decode())[0]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_an_account_is_an_address_and_a_code() -> None:
    person = signed_up()
    assert "jane@example.org" in person.get("/account/").content.decode()
    user = User.objects.get()
    assert "jane" not in user.username
    assert not user.has_usable_password()
    person.post("/account/sign-out")
    assert person.get("/account/").status_code == 302
    person.post("/account/sign-in", {"email": "jane@example.org"})
    assert mail.outbox[-1].body.rstrip().endswith(settings.PUBLIC_URL)
    person.post("/account/sign-in/code", {"code": code_in(mail.outbox[-1])})
    assert person.get("/account/").status_code == 200


def test_a_wrong_code_signs_nobody_in() -> None:
    person = Client()
    person.post("/account/sign-up", {"email": "jane@example.org"})
    person.post("/account/sign-up/code", {"code": "WRONG1"})
    assert person.get("/account/").status_code == 302


def test_who_asks_learns_not_whether_an_address_has_an_account() -> None:
    signed_up()
    count = len(mail.outbox)
    for page in ("sign-in", "sign-up"):
        cache.clear()  # or the second code for one address would come too soon
        known = Client().post(f"/account/{page}", {"email": "jane@example.org"})
        unknown = Client().post(f"/account/{page}", {"email": "joe@example.org"})
        assert (known.status_code, known.url) == (unknown.status_code, unknown.url)  # type: ignore[attr-defined]
    told = [(message.to[0], "sign in at" in message.body) for message in mail.outbox[count:]]
    assert ("jane@example.org", True) in told
    assert told.count(("joe@example.org", False)) == 1  # the code of a new account


def test_moderators_do_not_come_in_by_mail() -> None:
    User.objects.create_user("mod", "mod@example.org", "a long password", is_staff=True)
    person = Client()
    person.post("/account/sign-in", {"email": "mod@example.org"})
    answer = person.post("/account/sign-in/code", {"code": code_in(mail.outbox[-1])})
    assert answer.url.startswith("/admin/login/")  # type: ignore[attr-defined]
    assert person.get("/account/").status_code == 302


def test_a_report_is_claimed_by_its_token_once() -> None:
    report, jane, joe = send(), signed_up(), signed_up("joe@example.org")
    assert claim(joe, report, OTHERS_TOKEN).status_code == 404
    assert claim(jane, report).status_code == 302
    assert claim(jane, report).status_code == 302
    assert claim(joe, report).status_code == 409
    assert Claim.objects.get().account.user.email == "jane@example.org"


def test_three_people_and_the_manage_page_of_a_claimed_report() -> None:
    report, jane, joe = send(), signed_up(), signed_up("joe@example.org")
    claim(jane, report)
    page, change = f"/r/{report.public_id}/manage", {"do": "save", "visibility": "unlisted"}
    assert Client().post(page, change).status_code == 403
    assert joe.post(page, change).status_code == 403
    assert "Claim token" not in jane.get(page).content.decode()
    assert jane.post(page, change).status_code == 302
    report.refresh_from_db()
    assert report.visibility == "unlisted"
    assert report.public_id in jane.get("/account/").content.decode()
    assert report.public_id not in joe.get("/account/").content.decode()


def test_a_note_on_a_machine_is_for_its_owner_alone() -> None:
    report, jane, joe = send(), signed_up(), signed_up("joe@example.org")
    claim(jane, report)
    machine = report.machine.public_id  # type: ignore[union-attr]
    hostile = "<b>rack 4</b> & \u202eevil"
    assert joe.post("/account/machine", {"machine": machine, "note": "x"}).status_code == 404
    assert jane.post("/account/machine", {"machine": machine, "note": hostile}).status_code == 302
    assert "&lt;b&gt;rack 4" in jane.get("/account/").content.decode()
    assert "rack 4" not in Client().get(f"/r/{report.public_id}").content.decode()
    for bad in ("x" * 501, "a\0b"):
        answer = jane.post("/account/machine", {"machine": machine, "note": bad})
        assert answer.status_code == 422


def test_a_token_sends_for_the_account_until_it_is_revoked() -> None:
    jane = signed_up()
    token = token_of(jane, "send")
    assert token not in jane.get("/account/").content.decode()
    body = reports.as_bytes(reports.envelope())
    first = Client().post(API, body, content_type="application/json", headers=bearer(token))
    assert first.status_code == 201
    again = Client().post(API, body, content_type="application/json", headers=bearer(token))
    assert again.status_code == 200
    account, report = Account.objects.get(), RawReport.objects.get()
    assert (report.submitter, report.claim.account) == (account.submitter, account)
    ApiToken.objects.get().revoke()
    refused = Client().post(API, body, content_type="application/json", headers=bearer(token))
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "bad_token")


def test_who_sends_a_public_report_again_does_not_own_it() -> None:
    body = reports.as_bytes(reports.envelope())
    Client().post(API, body, content_type="application/json")
    token = token_of(signed_up(), "send")
    again = Client().post(API, body, content_type="application/json", headers=bearer(token))
    assert again.status_code == 200
    assert not Claim.objects.exists()


def test_the_quota_of_an_account_is_its_own(settings: Any) -> None:
    settings.REPORTS_PER_DAY = 1
    token = token_of(signed_up(), "send")
    for headers in ({}, bearer(token)):
        for number, expected in ((1, 201), (2, 429)):
            body = reports.as_bytes(reports.envelope(notes=f"{number} {bool(headers)}"))
            answer = Client().post(API, body, content_type="application/json", headers=headers)
            assert answer.status_code == expected
    assert Submitter.objects.count() == 2


def call(method: str, report: RawReport, token: str) -> int:
    send_it: Callable[..., Any] = getattr(Client(), method)
    return int(
        send_it(
            f"{API}{report.public_id}/",
            json.dumps({"notes": "by a program"}),
            content_type="application/json",
            headers=bearer(token),
        ).status_code
    )


def test_each_scope_of_a_token_lets_do_one_thing() -> None:
    report, jane, joe = send(), signed_up(), signed_up("joe@example.org")
    claim(jane, report)
    sends, reads, manages = (token_of(jane, scope) for scope in ("send", "read", "manage"))
    assert [call("patch", report, token) for token in (sends, reads)] == [403, 403]
    assert call("patch", report, token_of(joe, "manage")) == 404
    assert call("patch", report, manages) == 200
    assert Client().get("/api/v1/account/", headers=bearer(sends)).status_code == 403
    assert Client().get("/api/v1/account/").status_code == 401
    told = Client().get("/api/v1/account/", headers=bearer(reads)).json()
    assert [each["id"] for each in told["reports"]] == [report.public_id]
    assert {name for each in told["tokens"] for name in each["scopes"]} == {
        "send",
        "read",
        "manage",
    }
    assert call("delete", report, manages) == 204


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "scope": ["send"]},
        {"name": "x" * 81, "scope": ["send"]},
        {"name": "cron", "scope": []},
        {"name": "cron", "scope": ["send", "root"]},
    ],
)
def test_a_token_needs_a_name_and_scopes_that_there_are(form: dict[str, Any]) -> None:
    assert signed_up().post("/account/token", form).status_code == 422
    assert not ApiToken.objects.exists()


def test_only_digests_of_tokens_are_stored() -> None:
    token = token_of(signed_up(), "send")
    stored = json.dumps(list(ApiToken.objects.values("digest", "name", "scopes")))
    assert token not in stored
    assert token.removeprefix("crra_") not in stored


def test_the_export_holds_everything_and_nobody_elses() -> None:
    report, jane = send(), signed_up()
    others = send(OTHERS_TOKEN, notes="not hers", machine_id=None)
    claim(jane, report)
    token_of(jane, "read")
    answer = jane.get("/account/export.jsonl")
    first, *rest = map(json.loads, b"".join(answer).splitlines())
    assert (first["email"], first["tokens"][0]["name"]) == ("jane@example.org", "cron")
    assert [each["id"] for each in rest] == [report.public_id]
    assert rest[0]["body"].encode() == bytes(report.body or b"")
    assert others.public_id not in json.dumps([first, *rest])


@pytest.mark.parametrize(("choice", "status"), [("keep", "published"), ("withdraw", "withdrawn")])
def test_deleting_an_account_leaves_or_withdraws_its_reports(choice: str, status: str) -> None:
    report, jane = send(), signed_up()
    claim(jane, report)
    token = token_of(jane, "send")
    unsure = jane.post("/account/delete", {"reports": choice})
    assert unsure.status_code == 200
    assert User.objects.exists()
    assert jane.post("/account/delete", {"reports": choice, "sure": "yes"}).status_code == 200
    report.refresh_from_db()
    assert report.status == status
    assert not User.objects.exists()
    assert not Claim.objects.exists()
    assert jane.get("/account/").status_code == 302
    body = reports.as_bytes(reports.envelope(notes="later"))
    answer = Client().post(API, body, content_type="application/json", headers=bearer(token))
    assert answer.status_code == 401


def test_an_account_is_shown_and_deleted_without_the_bytes_of_its_reports() -> None:
    """Machines are counted by the database, the last seen first; as many queries for many."""
    jane = signed_up()
    token = token_of(jane, "read")
    machines: list[str] = []
    for n in (1, 1, 2):
        report = send(notes=f"{n} {len(machines)}", machine_id=f"{n:032x}")
        claim(jane, report)
        machines.append(report.machine.public_id)  # type: ignore[union-attr]
    claim(jane, send(notes="of no machine", machine_id=None))
    account = Account.objects.get(user__email="jane@example.org")
    with CaptureQueriesContext(connection) as found:
        assert jane.get("/account/").status_code == 200
        held = Client().get("/api/v1/account/", headers=bearer(token)).json()
        holdings.delete(account, with_reports=True)
    assert [(row["machine"], row["n_reports"]) for row in held["machines"]] == [
        (machines[2], 1),
        (machines[0], 2),
    ]
    assert not [query["sql"] for query in found if '"body"' in query["sql"]]
    assert not RawReport.objects.exclude(status="withdrawn").exists()


def test_the_export_reads_a_few_bodies_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdings, "EXPORTED_AT_ONCE", 2)
    jane = signed_up()
    sent = [send(notes=str(n)) for n in range(5)]
    for report in sent:
        claim(jane, report)
    account = Account.objects.get()
    with CaptureQueriesContext(connection) as found:
        _, *records = holdings.export(account)
    assert [each["id"] for each in records] == [each.public_id for each in reversed(sent)]
    assert [each["body"].encode() for each in records] == [
        bytes(each.body or b"") for each in reversed(sent)
    ]
    assert len([query for query in found if '"body"' in query["sql"]]) == 3


@pytest.mark.django_db(transaction=True)
def test_an_account_with_many_reports_is_deleted_while_others_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More reports than are read at once; another process writes before the first is withdrawn."""
    user = User.objects.create(username="jane")
    account = Account.of(user)
    made = [
        RawReport(
            received_digest=str(n),
            body=b"x",
            body_sha256="0" * 64,
            scrubber_version=1,
            format="netperf-text",
            source=RawReport.Source.API,
            submitter=account.submitter,
            status=RawReport.Status.WITHDRAWN if n else RawReport.Status.PUBLISHED,
        )
        for n in range(501)
    ]
    RawReport.objects.bulk_create(made)
    Claim.objects.bulk_create(Claim(account=account, report=report) for report in made)
    withdraw = holdings.withdrawal.withdraw

    def written_before(report: RawReport) -> None:
        if report.pk == made[-1].pk:
            writer = threading.Thread(target=write)
            writer.start()
            writer.join()
        withdraw(report)

    def write() -> None:
        Submitter.objects.create()
        connection.close()

    monkeypatch.setattr(holdings.withdrawal, "withdraw", written_before)
    holdings.delete(account, with_reports=True)
    assert RawReport.objects.get(received_digest="0").status == "withdrawn"
    assert not User.objects.exists()


def test_no_form_of_an_account_works_without_its_csrf_token() -> None:
    signed_up()
    person = Client(enforce_csrf_checks=True)
    person.force_login(User.objects.get(), "django.contrib.auth.backends.ModelBackend")
    for page in ("claim", "machine", "token", "token/revoke", "delete", "sign-out"):
        assert person.post(f"/account/{page}", {"sure": "yes"}).status_code == 403
    assert User.objects.exists()


def test_pages_of_an_account_are_kept_by_nobody() -> None:
    answer = signed_up().get("/account/")
    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]


def test_who_never_gave_the_code_is_forgotten_with_session_and_mail(
    settings: Any, tmp_path: Path
) -> None:
    """Whoever comes back within the day may go on; who has an account stays."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH, settings.MAIL_IS_SENT = str(tmp_path), False
    Client().post("/account/sign-up", {"email": "gone@example.org"})
    (mail_of_gone,) = tmp_path.iterdir()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    signed_up("jane@example.org")
    User.objects.create_user("moderator", is_staff=True)
    tasks.forget_visitors()
    assert User.objects.count() == 3
    assert mail_of_gone.exists()

    long_ago = timezone.now() - timedelta(days=2)
    User.objects.update(date_joined=long_ago)
    os.utime(mail_of_gone, (long_ago.timestamp(),) * 2)
    Session.objects.update(expire_date=long_ago)
    tasks.forget_visitors()
    assert {user.email for user in User.objects.all()} == {"jane@example.org", ""}
    assert not Session.objects.exists()
    assert list(tmp_path.iterdir()) == []
