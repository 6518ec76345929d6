"""What a request says of itself is not believed: the host it names, the address it claims to come
from, where it wants to be sent. And nobody needs a session to read.
"""

import pytest
from django.test import Client

from registry.models.summary import summarise
from tests import reports
from tests.registry.test_pages import send

pytestmark = pytest.mark.django_db
EVIL = "evil.example"
PAGES = (
    "/",
    "/leaderboard/",
    "/reports/",
    "/feed.atom",
    "/sitemap.xml",
    "/platform/",
    "/api/docs/",
)


@pytest.mark.parametrize("host", [EVIL, "127.0.0.1.evil.example", "127.0.0.1:80@evil.example", ""])
def test_another_host_is_refused(client: Client, host: str) -> None:
    for address in PAGES:
        answer = client.get(address, HTTP_HOST=host)
        assert answer.status_code == 400
        assert EVIL not in answer.content.decode()


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Host"])
def test_a_forwarded_host_is_in_no_page(client: Client, header: str) -> None:
    public_id = send(client, 20_000)
    summarise()
    for address in (*PAGES, f"/r/{public_id}", f"/api/v1/reports/{public_id}/"):
        answer = client.get(
            address, headers={header: f"host={EVIL}" if header == "Forwarded" else EVIL}
        )
        assert answer.status_code == 200
        assert EVIL not in answer.content.decode()


@pytest.mark.parametrize("query", ["next=//evil.example", "url=https://evil.example/", "q=//evil"])
@pytest.mark.parametrize("address", ["/leaderboard/", "/compare/", "/search/", "/reports/"])
def test_no_redirect_leaves_the_site(client: Client, address: str, query: str) -> None:
    answer = client.get(f"{address}?{query}&streams=")
    location = answer.headers.get("Location", "/")
    assert location.startswith("/")
    assert not location.startswith("//")


def test_a_slash_too_many_leads_nowhere_else(client: Client) -> None:
    for address in ("//evil.example/reports", "/%2F/evil.example", "/\\evil.example"):
        answer = client.get(address)
        assert answer.status_code in (301, 404)
        assert not answer.headers.get("Location", "/").startswith(("//", "http"))


def test_reading_sets_no_cookie(client: Client) -> None:
    public_id = send(client, 20_000)
    for address in (*PAGES, f"/r/{public_id}", "/search/?q=kvm", "/status/", "/contribute/"):
        assert not client.get(address).cookies, address


def test_a_form_of_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    form = {"text": reports.text(20_000), "do": "send"}
    client.get("/submit/")
    token = client.cookies["csrftoken"].value
    asked = {**form, "csrfmiddlewaretoken": token}
    stranger = client.post("/submit/", asked, HTTP_ORIGIN=f"https://{EVIL}")
    assert stranger.status_code == 403
    own = client.post("/submit/", asked, HTTP_ORIGIN="http://127.0.0.1:8000")
    assert own.status_code in (200, 201, 302)


class TestThreePeople:
    """Who sent it, who sent another, and who sent none."""

    def test_nobody_finds_an_unlisted_report_without_its_address(self, client: Client) -> None:
        secret = send(
            client,
            77_777,
            machine_id="a" * 32,
            visibility="unlisted",
            notes="secret notes",
            environment=reports.environment(
                cpu={"model": "Secret CPU", "online": 2},
                kernel={"release": "7.7.7-secret"},
                cloud={"provider": "aws", "instance_type": "x9.secret"},
            ),
        )
        other = send(client, 20_000, machine_id="b" * 32)
        while summarise():
            pass
        lists = [
            *("/", "/reports/", "/leaderboard/?group_by=cpu_model", "/platform/", "/costs/"),
            *("/platform/cpu_model/", "/platform/instance_type/", "/search/?q=secret", "/compare/"),
            *("/kernels/", "/effects/", "/status/", "/data/", "/feed.atom", "/sitemap-0.xml"),
            *("/leaderboard/feed.atom", "/api/v1/results/", "/api/v1/leaderboard/", "/api/docs/"),
            *(f"/r/{other}", f"/api/v1/reports/{other}/", "/api/v1/costs/", "/api/v1/drift/"),
        ]
        for address in lists:
            body = client.get(address, follow=True).content.decode()
            assert secret not in body, address
            assert "77,777" not in body, address
            assert "ecret CPU" not in body, address
            assert "7.7.7" not in body, address

    def test_another_sender_changes_nothing_of_it(self, client: Client) -> None:
        tokens = {}
        for number, name in enumerate(("submitter", "other"), 1):
            body = reports.as_bytes(
                reports.envelope(machine_id=f"{number:032x}", visibility="unlisted", notes=name)
            )
            answer = client.post("/api/v1/reports/", body, content_type="application/json").json()
            tokens[name] = (answer["id"], answer["claim_token"])
        own, _ = tokens["submitter"]
        for token in (tokens["other"][1], "", "x"):
            for method in (client.patch, client.delete):
                answer = method(
                    f"/api/v1/reports/{own}/",
                    b'{"visibility": "public"}',
                    content_type="application/json",
                    headers={"Authorization": f"Bearer {token}"},
                )
                assert answer.status_code in (401, 403, 404)
        form = {"token": tokens["other"][1], "do": "save", "notes": "", "visibility": "public"}
        assert client.post(f"/r/{own}/manage", form).status_code == 403
        assert client.get(f"/api/v1/reports/{own}/").json()["visibility"] == "unlisted"
