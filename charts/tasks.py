"""Celery tasks of charts: draw what is due, and find what lost hints left undone.

A throttle with both edges: an idle chart is drawn at once; what changes while it rests is drawn
once, when its rest ends.
"""

import logging
import time
from typing import Any

from celery import shared_task
from celery.signals import worker_init
from django.conf import settings
from django.db import Error
from django.db.models import QuerySet
from django.utils import timezone

from charts import leftovers, scopes
from charts.models import Chart
from registry import hints, storage

log = logging.getLogger(__name__)

# Of one change; the sweep comes to the others. Each hint is a message, sent while others wait.
CALLED_AT_ONCE = 500
# Workers that one sweep calls in: more than a registry has, and few enough that what else waits in
# the queue is held up by a drawing or two.
HELPERS = 32
# By which the clocks of two hosts may differ.
CLOCKS_S = 60.0


def on_facts_changed(sender: Any, generation: int, **kwargs: Any) -> None:
    """Want the charts drawn that the change concerns, and call for those of them that are watched.
    Those that were stale before it have been called for.
    """
    marked = scopes.mark_changed()
    for chart in Chart.objects.watched().filter(pk__in=marked[:CALLED_AT_ONCE]):
        call_for(chart)


def call_for(chart: Chart) -> None:
    """Hint that a chart be drawn: now, or when its rest ends."""
    rest_s = (chart.not_before - timezone.now()).total_seconds()
    rest_s = min(rest_s, settings.CHART_THROTTLE_SECONDS)
    hints.after_commit(draw_chart, chart.pk, countdown=rest_s if rest_s > 0 else None)


def asked(slug: str) -> None:
    """Somebody reads the chart: keep it fresh, and have it drawn if it is stale."""
    Chart.objects.asked(slug)
    for chart in Chart.objects.due().filter(slug=slug):
        call_for(chart)


@shared_task
def draw_chart(chart_id: int) -> bool:
    """Draw one chart if it is due; a chart that is fresh, resting or being drawn is left alone, and
    that is False.

    What changed while it was drawn calls for the next drawing. A chart that is stale since an
    answer is kept is left to the sweep, as that answer is.
    """
    from charts.pipeline import draw

    attempt = Chart.objects.claim(chart_id)
    if attempt is None:
        return False
    wanted = Chart.objects.values_list("wanted", flat=True).get(pk=chart_id)
    draw(chart_id, attempt)
    for chart in Chart.objects.stale().filter(pk=chart_id, wanted__gt=wanted):
        call_for(chart)
    return True


@shared_task
def sweep() -> None:
    """Draw due charts, the longest due first, also those that no hint named: new ones, and those
    whose worker was killed. Other workers are called in to help with more than one; what is not
    drawn when the next sweep is due, is that one's.
    """
    scopes.mark_changed()
    ends_at = time.time() + settings.SWEEP_SECONDS
    others = due()[1 : 1 + HELPERS].count()
    for _ in range(others):
        hints.send(help_sweep, ends_at)
    while draw_longest_due() and time.time() < ends_at:
        pass


@shared_task
def help_sweep(ends_at: float) -> None:
    """Draw one due chart, and call for help with the next: so a backlog has every idle worker, and
    whatever else is in the queue comes in between. `ends_at`, in seconds of the epoch, ends it with
    its sweep, as does a clock by which that sweep is still to come.
    """
    left_s = ends_at - time.time()
    if 0 < left_s <= settings.SWEEP_SECONDS + CLOCKS_S and draw_longest_due():
        hints.send(help_sweep, ends_at)


def draw_longest_due() -> bool:
    """Draw the chart that is due longest and that no other worker takes first. False when none is
    left. A chart that cannot be drawn has its lease, and does not keep others from it. Raises what
    the database says, which may have given none.
    """
    for chart_id in due()[: 2 * HELPERS]:
        try:
            if draw_chart(chart_id):
                return True
        except Error:
            raise
        except Exception:
            log.exception("drawing chart %s failed", chart_id)
            return True
    return False


def due() -> QuerySet[Chart, int]:
    return Chart.objects.due().watched().longest_due().values_list("pk", flat=True)


@shared_task
def remove_leftovers() -> None:
    """Clear away what killed workers left: half-written files, and files that no drawing has."""
    leftovers.remove()


@worker_init.connect
def load_renderers(**kwargs: Any) -> None:
    """Load matplotlib in the worker's parent, so that no child pays for it; where drawings can
    never be kept, say so and end.
    """
    from charts import pipeline  # noqa: F401

    storage.require()
