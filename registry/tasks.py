"""Celery tasks of the heart: bring the cells up to date, and tell whoever draws from them."""

from celery import shared_task

from registry import hints
from registry.models.factors import Submitter
from registry.models.reading import Reading
from registry.models.summary import Generation, summarise
from registry.signals import facts_changed


@shared_task
def summarise_readings() -> None:
    """Sum up a batch of what waits; while more waits, it calls for another."""
    before = Generation.current()
    summarise()
    if Generation.current() != before:
        facts_changed.send(sender=None, generation=Generation.current())
    if Reading.objects.filter(summarised=False).exists():
        hints.send(summarise_readings)


@shared_task
def sweep() -> None:
    """The same, on the clock, for hints that were lost."""
    summarise_readings()


@shared_task
def forget_addresses() -> None:
    """Cut the links between senders and the hashes of their addresses after 30 days."""
    Submitter.forget_addresses()
