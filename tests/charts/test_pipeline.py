"""Drawing from facts: throttle, lease, files and addresses."""

import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from charts import artefacts, tasks, verify
from charts.models import LEASE, Chart, Drawing, FrozenChart
from charts.params import XEN_USERS_SLUG
from charts.pipeline import draw, ensure_defaults
from charts.scopes import mark_changed
from charts.views import MEDIA_TYPES
from registry.models import Generation, Recipe
from registry.models.summary import summarise
from submissions import seed
from tests import reports

pytestmark = pytest.mark.django_db


@pytest.fixture
def chart(settings: Any, tmp_path: Any) -> Chart:
    settings.MEDIA_ROOT = str(tmp_path)
    artefacts.get.cache_clear()
    seed.load()
    summarise()
    ensure_defaults()
    return Chart.objects.get(slug=XEN_USERS_SLUG)


def send(client: Client, release: str, rate: float = 20_000) -> None:
    report = reports.envelope(
        reports.run(rate), environment=reports.environment(kernel={"release": release})
    )
    answer = client.post(
        "/api/v1/reports/", reports.as_bytes(report), content_type="application/json"
    )
    assert answer.status_code == 201
    summarise()


def test_the_first_chart_is_drawn_from_the_seed_data(chart: Chart) -> None:
    drawing = draw(chart.pk)
    rows = {row["label"]: row for row in drawing.spec["rows"]}
    assert rows["2.6.38 KVM"]["cells"]["TCP_CRR"]["text"] == "29.3k"
    assert all(row["imported"] and row["hollow"] for row in rows.values())
    assert len(rows) == 8
    assert "TCP_CRR" not in rows["Windows 7 bare metal"]["cells"]


def test_application_figures_have_a_chart_of_their_own(chart: Chart) -> None:
    accept = draw(Chart.objects.get(slug="http-accept").pk)
    assert [panel["test"] for panel in accept.spec["panels"]] == ["HTTP_ACCEPT"]
    texts = {row["cells"]["HTTP_ACCEPT"]["text"] for row in accept.spec["rows"]}
    assert texts == {"\u22647.00k", "\u226535.0k"}
    assert "HTTP_ACCEPT" not in str(draw(chart.pk).spec)


def test_a_new_group_is_drawn_with_its_recipe_named(chart: Chart, client: Client) -> None:
    send(client, "6.12.5-amd64")
    rows = draw(chart.pk).spec["rows"]
    assert ("6.12 KVM", "same CPU", False) in [
        (row["label"], row["recipe"], row["imported"]) for row in rows
    ]


def test_a_chart_that_rests_is_not_due_until_its_rest_ends(chart: Chart, client: Client) -> None:
    draw(chart.pk)
    send(client, "6.12.5-amd64")
    mark_changed()
    assert Chart.objects.stale().filter(pk=chart.pk).exists()
    assert not Chart.objects.claim(chart.pk)
    Chart.objects.update(not_before=timezone.now())
    assert Chart.objects.claim(chart.pk)


def test_one_draws_at_a_time_and_a_lost_lease_is_taken_over(chart: Chart) -> None:
    Chart.objects.mark(Generation.current())
    assert Chart.objects.claim(chart.pk)
    assert not Chart.objects.claim(chart.pk)
    Chart.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert Chart.objects.claim(chart.pk)


def test_a_chart_that_kills_its_workers_leaves_them_time_for_others(chart: Chart) -> None:
    leases = []
    for _ in range(3):
        assert Chart.objects.claim(chart.pk)
        until = Chart.objects.get(pk=chart.pk).lease_until
        assert until
        leases.append(round((until - timezone.now()) / LEASE))
        Chart.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert leases == [1, 2, 4]
    draw(chart.pk, Chart.objects.claim(chart.pk))
    Chart.objects.update(wanted=99, not_before=timezone.now())
    assert Chart.objects.claim(chart.pk)
    until = Chart.objects.get(pk=chart.pk).lease_until
    assert until
    assert until <= timezone.now() + LEASE


def test_a_clock_that_was_wrong_holds_nothing_up(chart: Chart) -> None:
    draw(chart.pk)
    tomorrow = timezone.now() + timedelta(days=1)
    Chart.objects.update(wanted=99, not_before=tomorrow, lease_until=tomorrow)
    assert Chart.objects.claim(chart.pk)


def test_who_is_overtaken_ends_nobodys_lease_and_puts_nothing_older_in_place(
    chart: Chart, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    """A worker that lost its lease while it drew, and drew from older facts than the other."""
    slow = Chart.objects.claim(chart.pk)
    send(client, "6.12.5-amd64")
    newer = draw(chart.pk)
    Chart.objects.update(wanted=99, not_before=timezone.now())
    assert Chart.objects.claim(chart.pk)
    older = Generation.current() - 1
    with (
        pytest.MonkeyPatch.context() as behind,
        django_capture_on_commit_callbacks(execute=True),
    ):
        behind.setattr(Generation, "current", lambda: older)
        assert draw(chart.pk, slow).generation == newer.generation
    after = Chart.objects.get(pk=chart.pk)
    assert (after.drawn, after.lease_until is None) == (newer.generation, False)
    assert Drawing.objects.get(chart=chart).files == newer.files
    held = {file["digest"] for file in newer.files.values()}
    assert {artefacts.digest_in(name) for name in artefacts.stored()} == held


def test_a_burst_of_hints_is_one_drawing(chart: Chart) -> None:
    Chart.objects.mark(Generation.current())
    for _ in range(20):
        tasks.draw_chart(chart.pk)
    chart.refresh_from_db()
    assert (chart.started, chart.drawings) == (1, 1)


def test_a_report_that_arrives_while_a_chart_is_drawn_has_it_drawn_again(
    chart: Chart, client: Client, settings: Any
) -> None:
    settings.CHART_THROTTLE_SECONDS = 3600
    Chart.objects.mark(Generation.current())
    draw(chart.pk, Chart.objects.claim(chart.pk))
    send(client, "6.12.5-amd64")
    tasks.sweep()  # it rests still
    assert "6.12" not in str(Drawing.objects.get(chart=chart).spec)
    Chart.objects.update(not_before=timezone.now())
    tasks.sweep()
    assert "6.12" in str(Drawing.objects.get(chart=chart).spec)


def test_live_files_have_etag_and_short_life(chart: Chart, client: Client) -> None:
    draw(chart.pk)
    for ending, media_type in (
        ("png", "image/png"),
        ("svg", "image/svg+xml"),
        ("txt", "text/plain"),
    ):
        answer = client.get(f"/c/xen-users.{ending}?cache=buster")
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith(media_type)
        assert "max-age=5" in answer["Cache-Control"]
        assert "Cookie" not in answer.get("Vary", "")
        again = client.get(f"/c/xen-users.{ending}", headers={"If-None-Match": answer["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == answer["ETag"]
        head = client.head(f"/c/xen-users.{ending}")
        assert (head["ETag"], head["Content-Length"]) == (answer["ETag"], answer["Content-Length"])


def test_a_chart_not_drawn_yet_asks_to_come_back(chart: Chart, client: Client) -> None:
    answer = client.get("/c/xen-users.png")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert answer["Cache-Control"] == "no-store"


def test_unknown_charts_and_endings_are_404(chart: Chart, client: Client) -> None:
    draw(chart.pk)
    for path in (
        "/c/nothing.png",
        "/c/xen-users.exe",
        "/c/xen-users/0123456789ab.png",
        "/c/nothing",
    ):
        assert client.get(path).status_code == 404


def test_freezing_is_idempotent_and_keeps_the_bytes(chart: Chart, client: Client) -> None:
    draw(chart.pk)
    first = client.post("/api/v1/charts/xen-users/freeze/").json()
    assert client.post("/api/v1/charts/xen-users/freeze/").json() == first
    path = first["url"].partition("/c/")[2]
    before = client.get(f"/c/{path}.png")
    assert "immutable" in before["Cache-Control"]
    send(client, "6.12.5-amd64")
    draw(chart.pk)
    artefacts.get.cache_clear()
    assert client.get(f"/c/{path}.png").content == before.content
    assert client.get("/c/xen-users.png").content != before.content
    assert FrozenChart.objects.count() == 1
    assert list(verify.broken_promises()) == []


def test_verify_looks_again_at_a_drawing_that_was_replaced_meanwhile(
    chart: Chart,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    draw(chart.pk)
    looked_at: list[str] = []
    files_of = verify._files

    def replaced_first(name: str, files: dict[str, dict[str, Any]]) -> list[str]:
        looked_at.append(files["png"]["digest"])
        if len(looked_at) == 1:
            send(client, "6.12.5-amd64")
            with django_capture_on_commit_callbacks(execute=True):
                draw(chart.pk)
        return list(files_of(name, files))

    monkeypatch.setattr(verify, "_files", replaced_first)
    assert list(verify.broken_promises()) == []
    assert len(set(looked_at)) == len(looked_at) == 2


def test_verify_names_a_file_that_was_changed(chart: Chart, settings: Any) -> None:
    drawing = draw(chart.pk)
    name = artefacts.path_of(drawing.files["png"]["digest"], "png")
    with open(f"{settings.MEDIA_ROOT}/{name}", "ab") as file:
        file.write(b"x")
    assert list(verify.broken_promises()) == ["chart xen-users: its png does not have its digest"]


def test_saving_the_same_comparison_twice_is_one_chart(chart: Chart, client: Client) -> None:
    params = {"tests": ["TCP_CRR"], "group_by": ["cpu_model"], "recipe": {"streams": "1"}}
    first = client.post("/api/v1/charts/", params, content_type="application/json")
    again = client.post("/api/v1/charts/", params, content_type="application/json")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["slug"] == again.json()["slug"]
    wrong = client.post("/api/v1/charts/", {"tests": []}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "invalid")


def labels(chart: Chart) -> list[tuple[str, str]]:
    return [(row["label"], row["recipe"]) for row in draw(chart.pk).spec["rows"]]


def test_a_row_of_another_recipe_says_what_is_other(chart: Chart, client: Client) -> None:
    send(client, "6.12.5-amd64")
    send(client, "6.13.1-amd64")
    short = reports.envelope(
        reports.run(90_000, elapsed=1.0),
        environment=reports.environment(kernel={"release": "6.14.1"}),
    )
    client.post("/api/v1/reports/", reports.as_bytes(short), content_type="application/json")
    summarise()
    drawn = labels(chart)
    assert ("6.12 KVM", "same CPU") in drawn
    assert ("6.14 KVM", "same CPU, short runs") in drawn


def test_figures_in_another_unit_are_not_put_on_the_axis(chart: Chart, client: Client) -> None:
    Chart.objects.update(params={"tests": ["TCP_CRR"], "group_by": ["kernel_series"]})
    send(client, "6.12.5-amd64")
    Recipe.objects.filter(source="plan").update(unit="bit/s")
    spec = draw(chart.pk).spec
    assert "6.12" not in [row["label"] for row in spec["rows"]]
    assert "1 figures in other units not drawn" in spec["notes"]


def test_the_hint_after_a_drawing_comes_when_the_rest_ends(
    chart: Chart, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[float | None] = []
    draw(chart.pk)
    send(client, "6.12.5-amd64")
    monkeypatch.setattr(
        tasks.hints, "after_commit", lambda task, pk, countdown=None: sent.append(countdown)
    )
    tasks.on_facts_changed(None, Generation.current())
    rests = [countdown for countdown in sent if countdown is not None]
    assert len(rests) == 1
    assert 0 < rests[0] <= 5


def test_charts_nobody_asks_for_are_drawn_when_somebody_does(chart: Chart, client: Client) -> None:
    forgotten = Chart.objects.get(slug="http-accept")
    Chart.objects.filter(pk=forgotten.pk).update(
        name="", asked_at=timezone.now() - timedelta(days=8)
    )
    tasks.sweep()
    assert not Drawing.objects.filter(chart=forgotten).exists()
    draw(forgotten.pk)
    client.get("/c/http-accept.png")
    assert Chart.objects.watched().filter(pk=forgotten.pk).exists()


def test_a_file_that_a_newer_drawing_replaced_is_looked_up_again(
    chart: Chart, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = draw(chart.pk)
    stale = Drawing.objects.get(pk=drawing.pk)
    stale.files = {"png": {"digest": "0" * 64, "size": 1}}

    class Old:
        def first(self) -> Drawing:
            return stale

        def only(self, *fields: str) -> "Old":
            return self

    monkeypatch.setattr(Drawing.objects, "filter", lambda **kwargs: Old())
    assert client.get("/c/xen-users.png").status_code == 200


def test_a_file_that_is_lost_is_drawn_anew(chart: Chart, client: Client, settings: Any) -> None:
    drawing = draw(chart.pk)
    shutil.rmtree(settings.MEDIA_ROOT)
    answer = client.get("/c/xen-users.png")
    assert (answer.status_code, answer["Cache-Control"]) == (503, "no-store")
    Chart.objects.update(not_before=timezone.now())
    tasks.sweep()
    assert Drawing.objects.get(pk=drawing.pk).drawn_at > drawing.drawn_at
    assert client.get("/c/xen-users.png").status_code == 200


def test_an_error_answer_is_never_cached(chart: Chart, client: Client) -> None:
    draw(chart.pk)
    frozen = client.post("/api/v1/charts/xen-users/freeze/").json()["url"].partition("/c/")[2]
    answer = client.get(f"/c/{frozen}.png", headers={"If-Match": '"other"'})
    assert (answer.status_code, answer["Cache-Control"]) == (412, "no-store")


def test_a_bad_body_of_a_chart_is_named(chart: Chart, client: Client) -> None:
    deep = client.post("/api/v1/charts/", b"[" * 200_000, content_type="application/json")
    assert (deep.status_code, deep.json()["error"]["code"]) == (400, "too_deep")
    nul = {"tests": ["TCP_CRR\0"], "group_by": ["os"]}
    assert client.post("/api/v1/charts/", nul, content_type="application/json").status_code == 422


def test_what_killed_workers_left_is_cleared_away(
    chart: Chart, client: Client, settings: Any
) -> None:
    """Half a file, and whole ones without a row; what is shown, frozen or young stays."""
    draw(chart.pk)
    client.post("/api/v1/charts/xen-users/freeze/")
    send(client, "6.12.5-amd64")
    draw(chart.pk)
    before = set(artefacts.stored())
    left = artefacts.path_of(artefacts.put(b"drawn, and killed before its row", "png"), "png")
    half = left.replace(left.rpartition("/")[2], f".{'0' * 64}.png.1234")
    Path(settings.MEDIA_ROOT, half).write_bytes(b"half")
    tasks.remove_leftovers()
    assert set(artefacts.stored()) == before | {left, half}
    for name in artefacts.stored():
        os.utime(Path(settings.MEDIA_ROOT, name), (0, 0))
    tasks.remove_leftovers()
    assert set(artefacts.stored()) == {
        artefacts.path_of(file["digest"], ending)
        for row in (Drawing.objects.get(), FrozenChart.objects.get())
        for ending, file in row.files.items()
    }


def test_metrics_tell_what_waits_and_how_long_drawing_takes(chart: Chart, client: Client) -> None:
    def figure(name: str) -> float:
        text = client.get("/metrics").content.decode()
        return float(text.partition(f"\n{name} ")[2].partition("\n")[0])

    long_ago = timezone.now() - timedelta(days=30)
    Chart.objects.update(drawn=Generation.current(), not_before=long_ago, stale_since=long_ago)
    assert figure("crr_charts_due_seconds") == 0
    send(client, "6.12.5-amd64")
    mark_changed()
    assert figure("crr_charts_stale") > 0
    assert figure("crr_charts_due_seconds") < 60  # not since it was drawn
    Chart.objects.update(stale_since=timezone.now() - timedelta(seconds=100))
    assert figure("crr_charts_due_seconds") == pytest.approx(100, abs=50)
    tasks.draw_chart(chart.pk)
    assert figure("crr_chart_attempts_total") == figure("crr_chart_drawing_seconds_count") == 1
    assert 0 < figure("crr_chart_drawing_seconds_sum") == figure("crr_chart_drawing_seconds_most")


def test_the_forms_of_a_frozen_chart_lead_to_it(chart: Chart, client: Client) -> None:
    draw(chart.pk)
    url = client.post("/api/v1/charts/xen-users/freeze/").json()["url"]
    path = "/c/" + url.partition("/c/")[2]
    for ending in ("html", "md", "bbcode", "post.txt", "eml"):
        text = client.get(f"{path}.{ending}").content.decode()
        picture = "svg" if ending == "html" else "png"
        assert f"{url}.{picture}" in text
        assert f"/c/xen-users.{picture}" not in text


@pytest.mark.parametrize("ending", list(MEDIA_TYPES))
def test_head_has_the_headers_of_get(chart: Chart, client: Client, ending: str) -> None:
    draw(chart.pk)
    version = client.post("/api/v1/charts/xen-users/freeze/").json()["version"]
    for path in (f"/c/xen-users.{ending}", f"/c/xen-users/{version}.{ending}"):
        got, asked = client.get(path), client.head(f"{path}?proxy=1")
        assert got.status_code == asked.status_code == 200
        own = {"X-Request-Id"}  # of each request
        assert _without(own, asked.headers) == _without(own, got.headers)
        assert got["Content-Length"] == str(len(got.content))
        assert client.get(path, HTTP_IF_NONE_MATCH=got["ETag"]).status_code == 304


def _without(names: set[str], headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def test_a_card_says_the_finding(chart: Chart, client: Client) -> None:
    draw(chart.pk)
    version = client.post("/api/v1/charts/xen-users/freeze/").json()["version"]
    for path in ("/c/xen-users", f"/c/xen-users/{version}"):
        page = client.get(path).content.decode()
        assert '<meta property="og:description" content="TCP_CRR: 2.6.38 Xen' in page
        assert f'<meta property="og:image" content="{settings.PUBLIC_URL}{path}.png">' in page
        assert 'width="1200" height="' in page
