"""What somebody does with a report of theirs, and a moderator with it, by keyboard: on a phone and
on a screen, light and dark, with and without JavaScript.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from charts.models import Chart
from charts.pipeline import draw
from registry.models import RawReport
from registry.models.summary import summarise
from tests import reports
from tests.browser.reader import Reader

Read = Callable[..., Reader]
TOKEN = "crrc_" + "t" * 43
# Each width with each scheme, each of them with and without scripts.
PEOPLE = [(360, "light", False), (360, "dark", True), (1280, "light", True), (1280, "dark", False)]


def press(page: Any, name: str, role: str = "button") -> None:
    page.get_by_role(role, name=name).first.press("Enter")
    page.wait_for_load_state()


@pytest.mark.parametrize(("width", "scheme", "javascript"), PEOPLE)
def test_the_life_of_a_report(
    read: Read, site: str, width: int, scheme: str, javascript: bool
) -> None:
    client = Client()
    ids = []
    for number, kind in enumerate(("kvm", "none"), 1):
        environment = reports.environment(virtualization={"type": kind})
        body = reports.envelope(machine_id=f"{number:032x}", environment=environment)
        answer = client.post(
            "/api/v1/reports/",
            reports.as_bytes(body),
            "application/json",
            headers={"Claim-Token": TOKEN},
        )
        ids.append(answer.json()["id"])
    summarise()
    client.force_login(User.objects.create_superuser("ada", "ada@example.org"))
    session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}
    reader = read(width=width, scheme=scheme, javascript=javascript)
    page = reader.page

    def look() -> None:
        assert reader.complaints == []
        assert reader.sideways() <= 0

    # A chart of a comparison, frozen.
    reader.open(f"/compare/?a={ids[0]}&b={ids[1]}")
    press(page, "Save as a chart")
    look()
    draw(Chart.objects.get(name="").pk)
    page.reload()
    press(page, "Freeze this drawing")
    assert page.get_by_text("Frozen: as drawn").is_visible()
    look()
    # With the claim token: mistaken, then edited, then in no list.
    reader.open(f"/r/{ids[0]}")
    press(page, "Edit its notes", "link")
    page.get_by_label("Claim token").fill("crrc_nothing")
    press(page, "Save notes and listing")
    assert "not the claim token" in page.get_by_role("alert").inner_text()
    look()
    page.get_by_label("Claim token").fill(TOKEN)
    page.get_by_label("Notes").fill("in the cellar")
    page.get_by_label("unlisted").press("Space")
    press(page, "Save notes and listing")
    assert page.get_by_text("in no list, chart or ranking").first.is_visible()
    assert page.get_by_text("in the cellar").is_visible()
    look()
    # With an account: claimed, noted, a token made and revoked.
    page.context.add_cookies([session])
    reader.open("/account/")
    page.get_by_label("Its address or id").fill(f"{site}/r/{ids[0]}")
    page.get_by_label("Its claim token").fill(TOKEN)
    press(page, "Claim it")
    page.get_by_label("your note, which nobody else sees").fill("left rack")
    press(page, "Save the note")
    assert page.get_by_label("your note, which nobody else sees").input_value() == "left rack"
    page.get_by_label("Name of a new token").fill("cron")
    press(page, "Make it")
    press(page, "Revoke cron")
    assert page.get_by_role("button", name="Revoke cron").count() == 0
    look()
    # At the desk: held for a reason, and that undone.
    report = RawReport.objects.get(public_id=ids[0])
    for act, status in (("hold", "held"), ("undo", "published")):
        reader.open(f"/admin/registry/rawreport/{report.pk}/change/")
        page.get_by_label("Act").select_option(act)
        page.get_by_label("Reason").fill("looked again")
        press(page, "Save and continue editing")
        report.refresh_from_db()
        assert report.status == status
        assert reader.complaints == []
    # And gone.
    reader.open(f"/r/{ids[0]}/manage")
    page.get_by_label("I want to withdraw").press("Space")
    press(page, "Withdraw")
    assert page.get_by_role("heading", name="This report was withdrawn").is_visible()
    look()
