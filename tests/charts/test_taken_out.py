"""Charts after a withdrawal: the live one says how many, the frozen one keeps its bytes and its
page says which.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from charts import artefacts, freezing, models, tasks, verify
from charts.models import Chart, Drawing, FrozenChart
from charts.params import XEN_USERS_SLUG, ChartParams
from charts.pipeline import draw, ensure_defaults
from charts.scopes import mark_changed
from registry.models import RawReport, ReportEvent
from registry.models.summary import summarise
from submissions.tasks import erase_withdrawn
from tests import reports

pytestmark = pytest.mark.django_db


@pytest.fixture
def chart(settings: Any, tmp_path: Any) -> Chart:
    settings.MEDIA_ROOT = str(tmp_path)
    artefacts.get.cache_clear()
    ensure_defaults()
    return Chart.objects.get(slug=XEN_USERS_SLUG)


def send(client: Client, rate: float = 20_000, **more: Any) -> RawReport:
    body = reports.as_bytes(reports.envelope(reports.run(rate), **more))
    answer = client.post("/api/v1/reports/", body, content_type="application/json")
    summarise()
    return RawReport.objects.get(public_id=answer.json()["id"])


def take_out(report: RawReport, status: str = "withdrawn") -> None:
    assert report.move_to(RawReport.Status(status), actor="sender", reason="a mistake")
    summarise()


def erase() -> None:
    for event in ReportEvent.objects.filter(kind="withdrawn"):
        ReportEvent.objects.filter(pk=event.pk).update(at=event.at - timedelta(days=31))
    erase_withdrawn()


def notes(chart: Chart) -> list[str]:
    return [note for note in draw(chart.pk).spec["notes"] if "withdrawn" in note]


def test_a_live_chart_says_how_many_were_withdrawn(chart: Chart, client: Client) -> None:
    stays, goes = send(client, 20_000), send(client, 30_000, notes="mine")
    assert notes(chart) == []
    take_out(goes)
    assert notes(chart) == ["1 withdrawn in the last 30 days"]
    for address in ("/c/xen-users", "/c/xen-users.txt", "/api/v1/charts/xen-users/"):
        assert b"1 withdrawn in the last 30 days" in client.get(address).content
    erase()
    assert RawReport.objects.get(pk=goes.pk).erased_at
    assert notes(chart) == []
    assert stays.status == "published"


def test_an_empty_chart_says_it_too(chart: Chart, client: Client) -> None:
    take_out(send(client))
    assert notes(chart) == ["1 withdrawn in the last 30 days"]
    assert b"1 withdrawn" in client.get("/c/xen-users.txt").content


def test_only_what_was_in_the_chart_counts(chart: Chart, client: Client) -> None:
    unlisted = send(client, 1_000, visibility="unlisted")
    held = send(client, 2_000)
    held.move_to(RawReport.Status.HELD, actor="moderator:ada", reason="doubtful")
    lan = reports.as_bytes(reports.envelope(reports.run(3_000, topology="same_lan")))
    answer = client.post("/api/v1/reports/", lan, content_type="application/json").json()
    elsewhere = RawReport.objects.get(public_id=answer["id"])
    for report in (unlisted, held, elsewhere):
        take_out(report)
    assert notes(chart) == []


def test_a_frozen_chart_keeps_its_bytes_and_names_what_was_taken_out(
    chart: Chart, client: Client
) -> None:
    sent = [send(client, rate) for rate in (10_000, 20_000, 30_000)]
    draw(chart.pk)
    address = client.post("/api/v1/charts/xen-users/freeze/").json()["url"].partition("/c/")[2]
    before = client.get(f"/c/{address}.png").content
    assert b"since it was drawn" not in client.get(f"/c/{address}").content
    take_out(sent[0])
    take_out(sent[1], "rejected")
    page = client.get(f"/c/{address}").content.decode()
    assert "2 reports that may be in it were withdrawn or rejected since it was drawn" in page
    assert [report.public_id in page for report in sent] == [True, True, False]
    erase()
    draw(chart.pk)
    artefacts.get.cache_clear()
    assert client.get(f"/c/{address}.png").content == before
    assert client.get(f"/c/{address}").status_code == 200
    assert list(verify.broken_promises()) == []


def test_what_came_later_or_has_no_figure_here_is_not_named(chart: Chart, client: Client) -> None:
    lan = reports.as_bytes(reports.envelope(reports.run(3_000, topology="same_lan")))
    answer = client.post("/api/v1/reports/", lan, content_type="application/json").json()
    elsewhere = RawReport.objects.get(public_id=answer["id"])
    send(client)
    draw(chart.pk)
    address = client.post("/api/v1/charts/xen-users/freeze/").json()["url"].partition("/c/")[2]
    for report in (elsewhere, send(client, 40_000)):
        take_out(report)
    assert b"since it was drawn" not in client.get(f"/c/{address}").content


def forgotten(a: RawReport, b: RawReport) -> Chart:
    """A chart of two reports that nobody has asked for since 8 days."""
    compare = {"a": a.public_id, "b": b.public_id}
    params = ChartParams.from_dict({"kind": "comparison", "compare": compare})
    chart = Chart.objects.save_comparison(params)[0]
    draw(chart.pk)
    long_ago = timezone.now() - timedelta(days=8)
    Chart.objects.update(asked_at=long_ago, not_before=long_ago)
    Drawing.objects.update(drawn_at=long_ago)
    return chart


def test_a_chart_of_a_report_that_is_gone_is_drawn_anew_though_nobody_asks(
    chart: Chart, client: Client
) -> None:
    report = send(client)
    ours = forgotten(report, send(client, 30_000))
    assert Drawing.objects.get(chart=ours).spec["rows"]
    take_out(report)
    tasks.sweep()
    assert Drawing.objects.get(chart=ours).spec["rows"] == []
    assert not Chart.objects.stale().filter(pk=ours.pk).exists()


def test_nobody_freezes_what_is_to_be_drawn_without_a_withdrawn_report(
    chart: Chart, client: Client
) -> None:
    report = send(client)
    ours = forgotten(report, send(client, 30_000))
    take_out(report)
    mark_changed()
    refused = client.post(f"/api/v1/charts/{ours.slug}/freeze/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_drawn_yet")
    page = client.post(f"/c/{ours.slug}/freeze")
    assert page.status_code == 409
    assert b"freeze it in a few seconds" in page.content
    assert not FrozenChart.objects.exists()
    tasks.sweep()
    assert client.post(f"/api/v1/charts/{ours.slug}/freeze/").status_code == 200
    assert FrozenChart.objects.get().spec["rows"] == []


def test_a_drawing_of_just_now_is_frozen_however_busy_the_registry(
    chart: Chart, client: Client
) -> None:
    draw(chart.pk)
    send(client)
    mark_changed()
    assert Chart.objects.stale().filter(pk=chart.pk).exists()
    assert client.post("/api/v1/charts/xen-users/freeze/").status_code == 200


def test_one_sender_leaves_freezing_to_others(
    chart: Chart, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is frozen already costs nothing."""
    monkeypatch.setattr(freezing, "NEW_FROZEN", replace(models.NEW_FROZEN, of_one=2, of_all=3))

    def freeze(address: str) -> Any:
        return client.post("/api/v1/charts/xen-users/freeze/", REMOTE_ADDR=address)

    def drawn_anew() -> None:
        send(client, 20_000 + 10 * FrozenChart.objects.count())
        draw(chart.pk)

    for statuses in ((200, 200), (200, 200), (429, 200), (429, 429)):
        drawn_anew()
        answers = [freeze(address) for address in ("192.0.2.1", "192.0.2.2")]
        assert tuple(answer.status_code for answer in answers) == statuses
    assert answers[0].json()["error"]["code"] == "quota_reached"
    assert 0 < int(answers[0]["Retry-After"]) <= 86_400
    assert client.post("/c/xen-users/freeze", REMOTE_ADDR="192.0.2.1").status_code == 429


def test_what_was_frozen_before_has_its_address_though_facts_moved_on(
    chart: Chart, client: Client
) -> None:
    report = send(client)
    draw(chart.pk)
    first = client.post("/api/v1/charts/xen-users/freeze/").json()
    take_out(report)
    mark_changed()
    assert client.post("/api/v1/charts/xen-users/freeze/").json() == first


@pytest.mark.parametrize("address", ["/c/{}", "/api/v1/charts/{}/"])
def test_who_reads_what_a_chart_says_keeps_it_fresh(
    chart: Chart, client: Client, address: str
) -> None:
    ours = forgotten(send(client), send(client, 30_000))
    Chart.objects.filter(pk=ours.pk).update(scope="")
    assert not Chart.objects.watched().filter(pk=ours.pk).exists()
    assert client.get(address.format(ours.slug)).status_code == 200
    assert Chart.objects.watched().filter(pk=ours.pk).exists()
