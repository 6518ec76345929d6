"""Celery tasks of the heart: bring the cells up to date, and tell whoever draws from them."""

from celery import shared_task

from registry import hints
from registry.models.factors import Submitter
from registry.models.summary import READINGS_AT_ONCE, Generation, summarise
from registry.signals import facts_changed


@shared_task
def summarise_readings() -> None:
    """Sum up what waits; a full batch calls for another."""
    before = Generation.current()
    done = summarise()
    if Generation.current() != before:
        facts_changed.send(sender=None, generation=Generation.current())
    if done == READINGS_AT_ONCE:
        hints.send(summarise_readings)


@shared_task
def sweep() -> None:
    """The same, on the clock, for hints that were lost."""
    summarise_readings()


@shared_task
def forget_addresses() -> None:
    """Cut the links between senders and the hashes of their addresses after 30 days."""
    Submitter.forget_addresses()
