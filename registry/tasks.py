"""Celery tasks of the heart: bring the cells up to date, and tell whoever draws from them."""

from celery import shared_task
from django.conf import settings

from registry import effects, hints, kept
from registry.models.factors import Submitter
from registry.models.reading import Reading
from registry.models.summary import Generation, summarise
from registry.signals import facts_changed

# Senders of reports ask for it no more often than this, and what they ask rests for so long after
# the cells changed. What comes meanwhile is found: whoever found something looks again, this much
# later.
REST_S = 1.0


@shared_task
def summarise_readings(may_rest: bool = False) -> None:
    """Sum up a batch of what waits. While more waits it calls for another at once. With `may_rest`
    it leaves what waits to whoever just changed the cells, so that of many that were called for
    one goes on.
    """
    if may_rest and Generation.changed_within(REST_S):
        return
    before = Generation.current()
    found = summarise()
    if Generation.current() != before:
        facts_changed.send(sender=None, generation=Generation.current())
    if Reading.objects.filter(summarised=False).exists():
        hints.send(summarise_readings)
    elif found:
        hints.send(summarise_readings, True, countdown=REST_S)


@shared_task
def sweep() -> None:
    """The same, on the clock, for hints that were lost; then what readers of a large registry asked
    for, and what experiments have shown by now. Where the cells changed since the sweep before,
    somebody is at what waits, and calls for the next: of a backlog each sweep would start another
    such chain.
    """
    if not Generation.changed_within(settings.SWEEP_SECONDS):
        summarise_readings()
    kept.refresh()
    effects.refresh_findings()


@shared_task
def forget_addresses() -> None:
    """Cut the links between senders and the hashes of their addresses after 30 days."""
    Submitter.forget_addresses()
