"""What changed between two drawings, and where a reader sees it."""

from typing import Any

import pytest
from django.test import Client

from charts import artefacts
from charts.changes import between
from charts.freezing import freeze
from charts.models import Chart
from charts.pipeline import draw, ensure_defaults
from registry.models.summary import summarise
from tests.charts.test_pipeline import send
from tests.charts.test_spec import row, spec, value


def test_rows_that_came_went_and_changed() -> None:
    older = spec(row("a"), row("b"), row("c"))
    newer = spec(row("b"), row("c", values={"TCP_CRR": value(9.0)}), row("d"), row("e"))
    assert between(older, newer) == "2 rows new, 1 row gone, 1 row with other figures"
    assert between(older, older) == "the same rows and figures"
    assert between(spec(), older) == "3 rows new"


@pytest.mark.django_db
def test_the_page_says_what_changed_since_each_version(
    client: Client, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    artefacts.get.cache_clear()
    ensure_defaults()
    chart = Chart.objects.get(slug="xen-users")
    freeze(draw(chart.pk))
    assert "since then the same rows and figures" in client.get("/c/xen-users").content.decode()
    send(client, "6.12.5-amd64")
    summarise()
    draw(chart.pk)
    assert "since then 1 row new" in client.get("/c/xen-users").content.decode()
