"""Celery tasks of charts: draw what is due, and find what lost hints left undone.

A throttle with both edges: an idle chart is drawn at once; what changes while it rests is drawn
once, when its rest ends.
"""

from typing import Any

from celery import shared_task
from celery.signals import worker_init
from django.conf import settings

from charts.models import Chart
from registry import hints
from registry.models import Generation


def on_facts_changed(sender: Any, generation: int, **kwargs: Any) -> None:
    """Want every chart drawn from this generation, and call for those that may be drawn now."""
    Chart.objects.mark(generation)
    for chart in Chart.objects.stale():
        countdown = settings.CHART_THROTTLE_SECONDS if not _may_draw(chart) else None
        hints.after_commit(draw_chart, chart.pk, countdown=countdown)


def _may_draw(chart: Chart) -> bool:
    return Chart.objects.due().filter(pk=chart.pk).exists()


@shared_task
def draw_chart(chart_id: int) -> None:
    """Draw one chart if it is due; a chart that is fresh, resting or being drawn is left alone."""
    from charts.pipeline import draw

    if Chart.objects.claim(chart_id):
        draw(chart_id)


@shared_task
def sweep() -> None:
    """Draw every due chart, also those that no hint named: new ones, and those whose worker was
    killed.
    """
    Chart.objects.mark(Generation.current())
    for chart_id in Chart.objects.due().values_list("pk", flat=True):
        draw_chart(chart_id)


@worker_init.connect
def load_renderers(**kwargs: Any) -> None:
    """Load matplotlib in the worker's parent, so that no child pays for it."""
    from charts import pipeline  # noqa: F401
