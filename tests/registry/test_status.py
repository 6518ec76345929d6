"""The page that says how the registry is: what waits, what came last, by which versions."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from registry.models import Generation, Reading
from registry.models.summary import summarise
from submissions import seed
from submissions.parsing import PARSER_VERSION
from submissions.privacy import SCRUBBER_VERSION
from tests.registry.test_pages import send, text_of

pytestmark = pytest.mark.django_db


def test_an_empty_registry_says_so(client: Client) -> None:
    text = text_of(client, "/status/")
    assert "Last report none yet" in text
    assert "Last import none yet" in text


def test_what_waits_and_by_which_versions_reports_were_read(client: Client) -> None:
    send(client, 20_000)
    text = text_of(client, "/status/")
    assert "To be counted 1 report, the oldest for 0 s" in text
    assert f"parser {PARSER_VERSION} 1" in text
    assert f"scrubber {SCRUBBER_VERSION} 1" in text
    Reading.objects.update(parser_version=1)
    summarise()
    cache.clear()
    text = text_of(client, "/status/")
    assert "To be counted 0 reports" in text
    assert "generation 1, changed" in text
    assert "parser 1 1" in text


def test_figures_that_are_behind_are_told(client: Client) -> None:
    send(client, 20_000)
    long_ago = timezone.now() - timedelta(hours=1)
    Reading.objects.update(created_at=long_ago)
    Generation.objects.update_or_create(pk=1, defaults={"changed_at": long_ago})
    assert "The oldest report has waited 3600 seconds" in text_of(client, "/status/")


def test_the_last_import_is_told(client: Client) -> None:
    seed.load()
    assert "of seed-row/1" in text_of(client, "/status/")
