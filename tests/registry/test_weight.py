"""How heavy the first load of a page is, charts left out: at most 60 KB over the wire, and at most
3 requests before there is something to read.
"""

import gzip
import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from charts.models import Chart
from charts.pipeline import draw, ensure_defaults
from registry.models.summary import summarise
from submissions import seed
from submissions.sample import samples
from tests import reports
from tests.registry.test_query_counts import send

pytestmark = pytest.mark.django_db
MOST_BYTES, MOST_REQUESTS = 60_000, 3
PAGES = (
    *("/", "/leaderboard/", "/leaderboard/?streams=any&placement=any&group_by=cpu_model,os"),
    *("/reports/", "/costs/", "/effects/", "/kernels/", "/compare/", "/search/?q=kvm"),
    *("/platform/", "/platform/cpu_model/", "/platform/virtualization/kvm/", "/contribute/"),
    *("/submit/", "/method/", "/data/", "/status/", "/api/docs/", "/c/xen-users", "/r/{id}"),
    *("/r/{id}/read", "/r/{id}/manage", "/nowhere"),
)
LINKED = re.compile(r'<(link rel="stylesheet"|script)[^>]*(?:href|src)="([^"]+)"([^>]*)>')
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
def public_id(client: Client) -> str:
    """A registry with the seed, sixty made-up hosts, and one report of a hundred outputs."""
    seed.load()
    send(client, samples(60, seed=1), 60)
    runs = [reports.run(20_000 + number, streams=2) for number in range(100)]
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(reports.envelope(*runs, machine_id="f" * 32)),
        content_type="application/json",
    )
    assert answer.status_code == 201
    while summarise():
        pass
    ensure_defaults()
    draw(Chart.objects.get(slug="xen-users").pk)
    return str(answer.json()["id"])


def static_bytes(address: str) -> int:
    """As whitenoise sends it: compressed when the files are collected."""
    name = re.sub(r"\.[0-9a-f]{12}(\.\w+)$", r"\1", address.removeprefix("/static/"))
    found = finders.find(name)
    assert isinstance(found, str), name
    with open(found, "rb") as file:
        return len(gzip.compress(file.read()))


def test_no_page_is_heavy(client: Client, public_id: str) -> None:
    for page in PAGES:
        address = page.format(id=public_id)
        answer = client.get(address, headers=GZIP)
        assert answer.headers["Content-Encoding"] == "gzip", address
        html = gzip.decompress(answer.content).decode()
        links = LINKED.findall(html)
        weight = len(answer.content) + sum(static_bytes(link) for _, link, _ in links)
        before = 1 + sum("defer" not in rest for _, _, rest in links)
        assert weight <= MOST_BYTES, f"{address}: {weight} bytes"
        assert before <= MOST_REQUESTS, f"{address}: {before} requests before content"
        assert 'src="http' not in html


def test_what_is_no_page_is_left_as_it_is(client: Client, public_id: str) -> None:
    for address in ("/c/xen-users.png", "/api/v1/costs/", "/feed.atom", "/c/xen-users.html"):
        answer = client.get(address, headers=GZIP)
        assert answer.status_code == 200, address
        assert "Content-Encoding" not in answer.headers, address
