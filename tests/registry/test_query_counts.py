"""How many queries a page makes with nothing in the cache: no more in a large registry than in a
small one, and few in either.
"""

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry.models import RawReport
from registry.models.summary import summarise
from submissions.sample import Sample, samples
from tests import reports

SMALL, LARGE = 30, 150
# The most queries of each page; `{a}` and `{b}` are reports.
MOST = {
    "/": 10,
    "/leaderboard/": 7,
    "/leaderboard/?group_by=cpu_model,kernel_release,virtualization&clocksource=tsc": 7,
    "/platform/": 10,
    "/platform/virtualization/kvm/": 9,
    "/status/": 7,
    "/method/": 7,
    "/kernels/": 8,
    "/search/?q=kvm+tsc": 8,
    "/leaderboard/feed.atom?virtualization=kvm": 6,
    "/feed.atom": 5,
    "/reports/": 6,
    "/reports/?virtualization=kvm&conntrack=active": 6,
    "/r/{a}": 10,
    "/r/{a}/read": 1,
    "/costs/": 4,
    "/effects/": 9,
    "/compare/": 15,
    "/compare/?a={a}&b={b}": 17,
    "/compare/?a.virtualization=none&b.virtualization=kvm": 24,
    "/compare/?a.conntrack=absent&b.conntrack=active": 24,
}


def send(client: Client, found: Iterator[Sample], count: int) -> None:
    for _, sample in zip(range(count), found, strict=False):
        answer = client.post(
            "/api/v1/reports/",
            reports.as_bytes(sample.envelope),
            content_type="application/json",
            REMOTE_ADDR=f"10.{sample.sender >> 8}.{sample.sender & 255}.1",
        )
        assert answer.status_code == 201, answer.content
    while summarise():
        pass


def count(client: Client, address: str) -> int:
    for cache in caches.all():
        cache.clear()
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200, address
    return len(found)


@pytest.mark.django_db
def test_a_page_takes_few_queries_and_no_more_where_there_is_more(client: Client) -> None:
    # Experiments among the first: where there are none, what they were made on is not read.
    world = iter(sorted(samples(LARGE, seed=5), key=lambda each: not each.envelope["experiment"]))
    send(client, world, SMALL)
    a, b = RawReport.objects.order_by("-pk").values_list("public_id", flat=True)[:2]
    addresses = {address: address.format(a=a, b=b) for address in MOST}
    small = {name: count(client, address) for name, address in addresses.items()}
    send(client, world, LARGE - SMALL)
    large = {name: count(client, address) for name, address in addresses.items()}
    assert large == small
    assert {name: n for name, n in large.items() if n > MOST[name]} == {}
