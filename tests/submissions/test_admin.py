"""The moderator's desk: who gets in, what it shows, what it does, and what it cannot do."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from registry.models import RawReport
from registry.models.summary import summarise
from submissions import plausibility
from tests import reports

pytestmark = pytest.mark.django_db
LIST = "/admin/registry/rawreport/"
MARKUP = "<script>alert(1)</script>"


def send(client: Client, rate: float = 20_000, **more: Any) -> RawReport:
    body = reports.as_bytes(reports.envelope(reports.run(rate), **more))
    answer = client.post("/api/v1/reports/", body, content_type="application/json")
    return RawReport.objects.get(public_id=answer.json()["id"])


@pytest.fixture
def moderator() -> Client:
    """A member of staff who may change reports, and nothing else."""
    user = User.objects.create_user("ada", password="x", is_staff=True)
    names = ("view_rawreport", "change_rawreport")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def page_of(report: RawReport) -> str:
    return f"{LIST}{report.pk}/change/"


def in_bulk(client: Client, name: str, reason: str, *chosen: RawReport) -> Any:
    form = {"action": name, "reason": reason, "_selected_action": [r.pk for r in chosen]}
    return client.post(LIST, form, follow=True)


def statuses(*chosen: RawReport) -> list[str]:
    return [RawReport.objects.get(pk=report.pk).status for report in chosen]


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def signed_in(client: Client, name: str, password: str, address: str = "192.0.2.1") -> bool:
    form = {"username": name, "password": password}
    answer = client.post("/admin/login/?next=/admin/", form, REMOTE_ADDR=address)
    return answer.status_code == 302


def test_a_password_is_not_guessed_on_and_on() -> None:
    """Neither one name from one address or many, nor many names from one /64."""
    for name in ("ada", "bob"):
        User.objects.create_user(name, password="right", is_staff=True)
    for _ in range(5):
        assert not signed_in(Client(), "ada", "wrong", "192.0.2.1")
    assert not signed_in(Client(), "Ada", "right", "192.0.2.1")
    assert signed_in(Client(), "ada", "right", "192.0.2.2")
    for number in range(50):
        assert not signed_in(Client(), "ada", "wrong", f"198.51.100.{number}")
    assert not signed_in(Client(), "ada", "right", "192.0.2.2")
    assert signed_in(Client(), "bob", "right", "192.0.2.1")
    for number in range(10):
        assert not signed_in(Client(), f"guess{number}", "wrong", f"2001:db8::{number:x}")
    assert not signed_in(Client(), "bob", "right", "2001:db8::ffff")
    assert signed_in(Client(), "bob", "right", "2001:db8:0:1::1")


def test_who_signs_in_at_the_fifth_try_has_five_again() -> None:
    User.objects.create_user("ada", password="right", is_staff=True)
    for _ in range(2):
        for _ in range(4):
            assert not signed_in(Client(), "ada", "wrong")
        assert signed_in(Client(), "ada", "right")


def test_only_staff_with_the_permission_gets_in(client: Client, moderator: Client) -> None:
    report = send(client)
    user = User.objects.create_user("sender", password="x")
    reader = User.objects.create_user("reader", password="x", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_rawreport"))
    for person, seen in ((None, 302), (user, 302), (reader, 200)):
        stranger = Client()
        if person:
            stranger.force_login(person)
        assert stranger.get(page_of(report)).status_code == seen
        answer = stranger.post(page_of(report), {"act": "reject", "reason": "mine"})
        assert answer.status_code in {302, 403}
        in_bulk(stranger, "reject", "mine", report)
    assert statuses(report) == ["published"]
    assert moderator.get(page_of(report)).status_code == 200


def test_an_act_with_its_reason_is_done_and_recorded(client: Client, moderator: Client) -> None:
    report = send(client)
    form = {"act": "hold", "reason": "looks like a unit slip"}
    answer = moderator.post(page_of(report), form, follow=True)
    assert answer.status_code == 200
    event = report.events.last()
    assert event
    assert (event.kind, event.actor, event.reason) == (
        "held",
        "moderator:ada",
        "looks like a unit slip",
    )
    shown = text_of(moderator.get(page_of(report)))
    assert "moderator:ada looks like a unit slip" in shown
    moderator.post(page_of(report), {"act": "undo", "reason": "no slip"})
    assert statuses(report) == ["published"]


@pytest.mark.parametrize(
    "form", [{"act": "hold", "reason": ""}, {"act": "", "reason": "x"}, {"act": "erase"}]
)
def test_no_act_without_a_reason(client: Client, moderator: Client, form: Any) -> None:
    report = send(client)
    assert "errorlist" in moderator.post(page_of(report), form).content.decode()
    assert statuses(report) == ["published"]


def test_an_act_that_cannot_be_is_told(client: Client, moderator: Client) -> None:
    report = send(client)
    report.move_to(RawReport.Status.WITHDRAWN, actor="sender")
    answer = moderator.post(page_of(report), {"act": "publish", "reason": "x"}, follow=True)
    assert "Its sender withdrew it" in text_of(answer)
    assert "was changed successfully" not in text_of(answer)


def test_many_at_once(client: Client, moderator: Client) -> None:
    some = [send(client, rate) for rate in (100, 200, 300)]
    assert "Give a reason" in text_of(in_bulk(moderator, "reject", " ", *some))
    assert statuses(*some) == ["published"] * 3
    assert "3 reports: reject" in text_of(in_bulk(moderator, "reject", "one script", *some))
    assert statuses(*some) == ["rejected"] * 3
    answer = text_of(in_bulk(moderator, "undo", "a real lab", *some[:2]))
    assert "2 reports: undo" in answer
    assert statuses(*some) == ["published", "published", "rejected"]


def always(name: str, mode: str) -> plausibility.Rule:
    return plausibility.Rule(name, lambda subject: iter([f"{name}!"]), mode)


def test_the_queue_by_reason(
    client: Client, moderator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (always("too_fast", "hold"), always("impossible_rate", "flag"))
    free = send(client, 100)
    monkeypatch.setattr(plausibility, "RULES", rules[1:])
    flagged = send(client, 200)
    monkeypatch.setattr(plausibility, "RULES", rules)
    held = send(client, 300)

    def listed(query: str) -> set[RawReport]:
        shown = text_of(moderator.get(f"{LIST}?{query}"))
        return {report for report in (free, flagged, held) if report.public_id in shown}

    assert listed("") == {free, flagged, held}
    assert listed("status__exact=held") == {held}
    assert listed("decided_by=rule:too_fast") == {held}
    assert listed("flag=impossible_rate") == {flagged, held}
    assert listed("flag=any&status__exact=published") == {flagged}
    assert listed("decided_by=moderator") == set()
    in_bulk(moderator, "publish", "it is that fast", held)
    assert listed("decided_by=moderator") == {held}


def test_a_report_stands_beside_comparable_ones(client: Client, moderator: Client) -> None:
    slow, fast = send(client, 1_000), send(client, 20_000)
    elsewhere = send(client, 3_000, environment=reports.environment(clocksource="xen"))
    hidden = send(client, 4_000, visibility="unlisted")
    summarise()
    shown = text_of(moderator.get(page_of(fast)))
    assert "this one 20,000 20,000 20,000 1" in shown
    assert f"{slow.public_id} the same 1,000" in shown
    assert f"{elsewhere.public_id} another 3,000" in shown
    assert hidden.public_id not in shown


def test_nothing_can_be_added_edited_or_deleted(client: Client, moderator: Client) -> None:
    report = send(client)
    before = RawReport.objects.values().get()
    form = {"status": "rejected", "notes": "mine", "body": "x", "reason": "x", "act": ""}
    moderator.post(page_of(report), form)
    assert RawReport.objects.values().get() == before
    assert moderator.get(f"{LIST}add/").status_code == 403
    assert moderator.post(f"{LIST}{report.pk}/delete/", {"post": "yes"}).status_code == 403
    in_bulk(moderator, "delete_selected", "x", report)
    assert RawReport.objects.values().get() == before
    fields = set(re.findall(r'name="(\w+)"', moderator.get(page_of(report)).content.decode()))
    assert fields - {"csrfmiddlewaretoken", "viewport", "robots"} == {
        "act",
        "reason",
        "_save",
        "_continue",
    }


def test_what_a_report_says_stays_text(client: Client, moderator: Client) -> None:
    report = send(
        client, notes=MARKUP, environment=reports.environment(cpu={"model": MARKUP, "online": 2})
    )
    report.move_to(RawReport.Status.HELD, actor="rule:x", reason=MARKUP)
    for address in (page_of(report), LIST):
        assert MARKUP not in moderator.get(address).content.decode()
    assert "&lt;script&gt;alert(1)" in moderator.get(page_of(report)).content.decode()


def test_an_erased_report_is_shown_as_erased(client: Client, moderator: Client) -> None:
    report = send(client)
    report.reading_set.all().delete()
    report.move_to(RawReport.Status.WITHDRAWN, actor="sender")
    now = report.received_at
    RawReport.objects.filter(pk=report.pk).update(body=None, erased_at=now)
    assert moderator.get(page_of(report)).status_code == 200


def test_the_desk_stands_under_a_policy_and_its_cookies_are_guarded(
    moderator: Client, settings: Any
) -> None:
    answer = moderator.get(LIST)
    policy = answer["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    scripts = re.findall(r"<script[^>]*>", answer.content.decode())
    assert scripts
    assert [tag for tag in scripts if " src=" not in tag] == []
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.SESSION_COOKIE_SAMESITE == "Lax"
    assert settings.SESSION_COOKIE_AGE <= 12 * 3600
