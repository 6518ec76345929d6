"""Celery tasks of charts: draw what is due, and find what lost hints left undone.

A throttle with both edges: an idle chart is drawn at once; what changes while it rests is drawn
once, when its rest ends.
"""

import logging
from typing import Any

from celery import shared_task
from celery.signals import worker_init
from django.conf import settings
from django.utils import timezone

from charts import artefacts, scopes
from charts.models import Chart
from registry import hints

log = logging.getLogger(__name__)


def on_facts_changed(sender: Any, generation: int, **kwargs: Any) -> None:
    """Want the charts drawn that the change concerns, and call for those that are watched."""
    scopes.mark_changed()
    for chart in Chart.objects.stale().watched():
        call_for(chart)


def call_for(chart: Chart) -> None:
    """Hint that a chart be drawn: now, or when its rest ends."""
    left_s = (chart.not_before - timezone.now()).total_seconds()
    rest_s = min(left_s, settings.CHART_THROTTLE_SECONDS)  # whatever the clock was then
    hints.after_commit(draw_chart, chart.pk, countdown=rest_s if rest_s > 0 else None)


@shared_task
def draw_chart(chart_id: int) -> None:
    """Draw one chart if it is due; a chart that is fresh, resting or being drawn is left alone.

    What changed while it was drawn calls for the next drawing.
    """
    from charts.pipeline import draw

    if not Chart.objects.claim(chart_id):
        return
    draw(chart_id)
    for chart in Chart.objects.stale().filter(pk=chart_id):
        call_for(chart)


@shared_task
def sweep() -> None:
    """Draw every due chart, also those that no hint named: new ones, and those whose worker was
    killed. A chart that cannot be drawn does not keep the others from it.
    """
    scopes.mark_changed()
    for chart_id in Chart.objects.due().watched().values_list("pk", flat=True):
        try:
            draw_chart(chart_id)
        except Exception:
            log.exception("drawing chart %s failed", chart_id)


@shared_task
def remove_drafts() -> None:
    """Clear away the half-written files of killed workers."""
    artefacts.remove_drafts()


@worker_init.connect
def load_renderers(**kwargs: Any) -> None:
    """Load matplotlib in the worker's parent, so that no child pays for it."""
    from charts import pipeline  # noqa: F401
