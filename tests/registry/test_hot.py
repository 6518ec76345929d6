"""A chart that many look at is served from memory for a moment, with everything an answer has."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from charts.models import Chart, Drawing
from charts.pipeline import draw
from tests import reports

pytestmark = pytest.mark.django_db
PATH = "/c/xen-users.png"


@pytest.fixture(autouse=True)
def _hot(settings: Any) -> None:
    settings.HOT_SECONDS = 1000


def test_the_second_reader_costs_the_database_nothing(
    chart: Chart, client: Client, django_assert_num_queries: Any
) -> None:
    first = client.get(PATH, headers={"If-None-Match": '"other"'})
    with django_assert_num_queries(0):
        again = client.get(f"{PATH}?utm_source=a-list")
        known = client.get(PATH, headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code, known.status_code) == (200, 200, 304)
    assert (again.content, known.content) == (first.content, b"")
    names = set(first.headers) - {"X-Request-Id"}
    assert {name: again[name] for name in names} == {name: first[name] for name in names}
    missing = names - set(known.headers)
    assert missing <= {"Content-Length", "Content-Type"}
    assert len({first["X-Request-Id"], again["X-Request-Id"], known["X-Request-Id"]}) == 3


def test_who_has_the_chart_already_gets_304_the_first_time_too(
    chart: Chart, client: Client
) -> None:
    etag = f'"{Drawing.objects.get().files["png"]["digest"]}"'
    assert client.get(PATH, headers={"If-None-Match": f'"x", {etag}'}).status_code == 304
    assert client.get(PATH).status_code == 200


def test_only_files_that_are_there_are_kept(chart: Chart, client: Client) -> None:
    assert client.get("/c/xen-users.exe").status_code == 404
    assert client.get("/c/nothing.png").status_code == 404
    Chart.objects.create(slug="nothing", params=chart.params)
    draw(Chart.objects.get(slug="nothing").pk)
    assert client.get("/c/nothing.png").status_code == 200


def test_a_name_that_is_not_ours_gets_no_file(chart: Chart, client: Client) -> None:
    assert client.get(PATH).status_code == 200
    assert client.get(PATH, headers={"Host": "evil.example"}).status_code == 400


def test_other_conditions_are_heeded(chart: Chart, client: Client) -> None:
    assert client.get(PATH).status_code == 200
    answer = client.get(PATH, headers={"If-Match": '"other"'})
    assert (answer.status_code, answer["Cache-Control"]) == (412, "no-store")


def test_what_is_kept_is_looked_up_again_after_its_time(
    chart: Chart, client: Client, settings: Any
) -> None:
    settings.HOT_SECONDS = 1e-6
    before = client.get(PATH)
    Chart.objects.filter(pk=chart.pk).update(params={**chart.params, "limit": 3})
    draw(chart.pk)
    assert client.get("/c/xen-users.json").json()["digest"] == Drawing.objects.get().digest
    assert client.get(PATH).status_code == before.status_code == 200


@pytest.mark.usefixtures("chart")
@pytest.mark.parametrize("page", ["/", "/leaderboard/?virtualization=kvm", "/costs/"])
def test_the_second_reader_of_a_page_costs_the_database_nothing(
    client: Client, django_assert_num_queries: Any, page: str
) -> None:
    first = client.get(page)
    with django_assert_num_queries(0):
        again = client.get(page)
    assert again.content == first.content
    names = set(first.headers) - {"X-Request-Id"}
    assert {name: again[name] for name in names} == {name: first[name] for name in names}


@pytest.mark.usefixtures("chart")
def test_each_form_of_a_page_is_kept_by_itself(client: Client) -> None:
    plain = client.get("/leaderboard/")
    packed = client.get("/leaderboard/", headers={"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in client.get("/leaderboard/")
    other = client.get("/leaderboard/?streams=2")
    assert other.content != plain.content


@pytest.mark.usefixtures("chart")
def test_a_page_of_a_reader_who_is_known_is_kept_for_nobody(client: Client) -> None:
    client.cookies["sessionid"] = "of somebody"
    client.get("/costs/")
    del client.cookies["sessionid"]
    with CaptureQueriesContext(connection) as queries:
        client.get("/costs/")
    assert len(queries) > 0


@pytest.mark.usefixtures("chart")
def test_a_page_that_gives_a_cookie_gives_each_reader_one_of_their_own() -> None:
    """Its form's token is its reader's."""
    tokens = {Client().get("/submit/").cookies["csrftoken"].value for _ in range(2)}
    assert len(tokens) == 2


@pytest.mark.usefixtures("chart")
def test_a_withdrawn_report_is_gone_at_once(client: Client) -> None:
    sent = client.post(
        "/api/v1/reports/", reports.as_bytes(reports.envelope()), "application/json"
    ).json()
    assert client.get(f"/r/{sent['id']}").status_code == 200
    token = {"Authorization": f"Bearer {sent['claim_token']}"}
    assert client.delete(f"/api/v1/reports/{sent['id']}/", headers=token).status_code < 300
    assert client.get(f"/r/{sent['id']}").status_code == 410


@pytest.mark.usefixtures("chart")
def test_the_page_of_a_report_costs_one_look_and_says_what_its_sender_changes_at_once(
    client: Client, django_assert_num_queries: Any
) -> None:
    sent = client.post(
        "/api/v1/reports/", reports.as_bytes(reports.envelope()), "application/json"
    ).json()
    token = {"Authorization": f"Bearer {sent['claim_token']}"}
    first = client.get(f"/r/{sent['id']}")
    with django_assert_num_queries(1):
        assert client.get(f"/r/{sent['id']}").content == first.content
    client.patch(
        f"/api/v1/reports/{sent['id']}/",
        {"notes": "on a cold day"},
        "application/json",
        headers=token,
    )
    assert "on a cold day" in client.get(f"/r/{sent['id']}").content.decode()
