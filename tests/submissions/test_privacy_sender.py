"""Who sent a report: known for a day's quota by a keyed digest alone, forgotten after 30 days."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client, RequestFactory
from django.utils import timezone

from registry.body import sender_address
from registry.models import RawReport, Submitter
from registry.tasks import forget_addresses
from tests import reports

ADDRESS = "203.0.113.9"


def send(client: Client, rate: float, address: str = ADDRESS) -> Submitter:
    answer = client.post(
        "/api/v1/reports/",
        reports.text(rate),
        content_type="text/plain",
        headers={"X-Forwarded-For": address},
        REMOTE_ADDR=address,
    )
    assert answer.status_code == 201
    return RawReport.objects.get(public_id=answer.json()["id"]).submitter


def every_value() -> str:
    """All that the database holds, as text."""
    rows: list[Any] = []
    for model in apps.get_models():
        rows += model._default_manager.values_list()
    return repr(rows)


@pytest.mark.django_db
def test_the_address_of_a_sender_is_kept_nowhere(client: Client) -> None:
    submitter = send(client, 20_000)
    kept = every_value()
    assert submitter.link_digest
    assert submitter.link_digest in kept
    assert ADDRESS not in kept
    today = timezone.now().date().isoformat()
    for guess in (ADDRESS, f"{today} {ADDRESS}", f"submitter\0{today} {ADDRESS}"):
        assert hashlib.sha256(guess.encode()).hexdigest() not in kept


@pytest.mark.django_db
def test_a_sender_is_the_same_for_a_day_and_another_one_the_next(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send(client, 20_000)
    assert send(client, 20_001) == first
    assert send(client, 20_002, "203.0.113.10") != first
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)
    assert send(client, 20_003) != first


@pytest.mark.django_db
@pytest.mark.parametrize(("days", "is_cut"), [(31, True), (29, False)])
def test_the_link_to_an_address_goes_after_30_days_and_the_report_stays(
    client: Client, days: int, is_cut: bool
) -> None:
    submitter = send(client, 20_000)
    long_ago = timezone.now() - timedelta(days=days)
    Submitter.objects.update(created_at=long_ago)
    forget_addresses()
    submitter.refresh_from_db()
    assert (submitter.link_digest is None) is is_cut
    assert RawReport.objects.get().submitter == submitter


@pytest.mark.parametrize(
    ("proxies", "forwarded", "sender"),
    [
        (0, "198.51.100.1", ADDRESS),  # nobody vouches for the header
        (1, "", ADDRESS),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "10.9.9.9, 198.51.100.1", "198.51.100.1"),  # the first hop is the sender's own claim
        (2, "198.51.100.1, 192.0.2.1", "198.51.100.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
        (1, "no address", "unknown"),
    ],
)
def test_the_sender_is_the_last_hop_that_our_proxies_saw(
    proxies: int, forwarded: str, sender: str, settings: Any
) -> None:
    settings.NUM_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().post("/", headers=headers, REMOTE_ADDR=ADDRESS)
    assert sender_address(request).partition("/")[0] == sender
