"""Charts of ratios in a large registry, whose answers are kept: they say of which facts they are,
and are drawn anew once the answer is.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from charts import artefacts, pipeline, tasks
from charts.models import Chart, Drawing
from charts.params import ChartParams
from charts.scopes import mark_changed
from registry import kept
from registry.models import Generation, KeptAnswer, summary
from registry.models.summary import summarise
from registry.models.written_once import WrittenOnce
from tests import reports

pytestmark = pytest.mark.django_db

ASKED: dict[str, dict[str, Any]] = {
    "costs": {"kind": "costs", "tests": ["TCP_CRR"]},
    "effects": {"kind": "effects", "tests": ["TCP_CRR"]},
    "comparison": {
        "kind": "comparison",
        "compare": {"a.virtualization": "none", "b.virtualization": "kvm"},
    },
}


def send(client: Client, rate: float, machine: int, virtualization: str) -> None:
    environment = reports.environment(virtualization={"type": virtualization, "signals": {}})
    report = reports.envelope(
        reports.run(rate), environment=environment, machine_id=f"{machine:032x}"
    )
    sent = client.post("/api/v1/reports/", reports.as_bytes(report), "application/json")
    assert sent.status_code == 201
    summarise()


@pytest.fixture
def _large(
    settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, client: Client
) -> Iterator[None]:
    settings.MEDIA_ROOT = str(tmp_path)
    artefacts.get.cache_clear()
    monkeypatch.setattr(summary, "CELLS_OF_LARGE", 1)
    monkeypatch.setattr(summary, "_number_and_size", WrittenOnce(summary.number_and_size))
    for machine, virtualization in enumerate(("none", "none", "kvm", "kvm"), start=101):
        send(client, 20_000 + machine, machine, virtualization)
    yield
    kept.cache.clear()


def rested() -> None:
    kept.cache.clear()  # as after its few seconds
    Chart.objects.update(not_before=timezone.now())


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("kind", ASKED)
def test_a_chart_of_an_older_answer_says_so_and_stays_due_until_that_is_found_anew(
    client: Client, kind: str
) -> None:
    chart, _ = Chart.objects.save_comparison(ChartParams.from_dict(ASKED[kind]))
    first = Generation.current()
    assert pipeline.draw(chart.pk).spec["date"].endswith(f"generation {first}")

    send(client, 10_000, 105, "kvm")
    mark_changed()
    rested()
    tasks.sweep()
    drawing = Drawing.objects.get(chart=chart)
    chart.refresh_from_db()
    assert (drawing.generation, chart.drawn) == (first, first)
    assert Chart.objects.stale().filter(pk=chart.pk).exists()
    assert chart.not_before > timezone.now()
    assert not Chart.objects.due().filter(pk=chart.pk).exists()

    rested()
    with pytest.MonkeyPatch.context() as without:
        # Nothing is drawn where nothing is new, and nobody is called before the next sweep.
        without.setattr(pipeline, "forms", None)
        without.setattr(tasks, "call_for", None)
        tasks.sweep()
    assert Drawing.objects.get(chart=chart).files == drawing.files
    assert not Chart.objects.due().exists()

    KeptAnswer.objects.update(found_at=F("found_at") - timedelta(hours=1))
    assert kept.refresh() > 0
    rested()
    tasks.sweep()
    newest = Drawing.objects.get(chart=chart)
    assert newest.generation == Generation.current() > first
    assert newest.spec["date"].endswith(f"generation {newest.generation}")
    assert not Chart.objects.stale().filter(pk=chart.pk).exists()


@pytest.mark.usefixtures("_large")
def test_of_an_older_answer_no_date_is_told(client: Client) -> None:
    chart, _ = Chart.objects.save_comparison(ChartParams.from_dict(ASKED["costs"]))
    first = Generation.current()
    assert pipeline.spec_of(chart, first).date.startswith("data to ")
    send(client, 10_000, 105, "kvm")
    kept.cache.clear()
    spec = pipeline.spec_of(chart, Generation.current())
    assert spec.date == f"data of generation {first}"
