"""What became of a report, as everybody may read it: its state, since when, why, what its sender
can do, and the trail of events. The API and the pages say it in these words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from registry.models import RawReport, ReportEvent
from registry.models.report import BODY_KEPT
from registry.twins import unnamed

Status = RawReport.Status
_PUBLIC_ACTORS = {"sender", "intake", "reader", "operator", "registry"}
_RULE = "rule:"
_NEXT_STEPS = {
    Status.RECEIVED: "Nothing to do: it is stored, and will be read within minutes.",
    Status.HELD: "A person will look at it. Where its figures are right, nothing is to be done; a "
    "note that says how they came about helps. Where they are wrong, withdraw it with its claim "
    "token and send a corrected report.",
    Status.REJECTED: "Its sender can send a corrected report, which is a new one, and can withdraw "
    "this one with its claim token, so that its bytes are erased.",
}
_UNREADABLE = (
    "The registry could not read it, which is no fault of its sender: nothing is to be done. "
    "It is kept, and read again when the registry has learnt how."
)


@dataclass(frozen=True)
class Event:
    """One event as everybody may read it: a moderator has no name here, nor has a report that has
    the same figures.
    """

    at: datetime
    kind: str
    actor: str
    reason: str


@dataclass(frozen=True)
class State:
    """`reason` and `next_step` are empty where there is nothing to say. `erased_at` is when bytes
    and facts of a withdrawn report were erased, or will be.
    """

    status: str
    reason: str
    since: datetime
    next_step: str
    erased_at: datetime | None
    events: tuple[Event, ...]


def state_of(report: RawReport, trail: Iterable[ReportEvent] | None = None) -> State:
    """What became of the report, by its `trail`, or by its events where the caller has none."""
    events = public_events(report) if trail is None else tuple(map(_public, trail))
    changes = [event for event in events if event.kind == report.status]
    since = changes[-1].at if changes else report.received_at
    withdrawn = report.status == Status.WITHDRAWN
    return State(
        status=report.status,
        reason=unnamed(report.status_reason),
        since=since,
        next_step=_next_step(report, changes[-1] if changes else None),
        erased_at=report.erased_at or (since + BODY_KEPT if withdrawn else None),
        events=events,
    )


def public_events(report: RawReport) -> tuple[Event, ...]:
    """The trail as everybody may read it, the oldest first; loads nothing that is loaded."""
    return tuple(_public(event) for event in sorted(report.events.all(), key=lambda each: each.pk))


def _next_step(report: RawReport, change: Event | None) -> str:
    if report.status == Status.HELD and change and change.actor == "reader":
        return _UNREADABLE
    return _NEXT_STEPS.get(Status(report.status), "")


def _public(event: ReportEvent) -> Event:
    """Actors that are no person keep their name; whoever else acted is a moderator."""
    public = event.actor in _PUBLIC_ACTORS or event.actor.startswith(_RULE)
    actor = event.actor if public else "moderator"
    return Event(event.at, event.kind, actor, unnamed(event.reason))
