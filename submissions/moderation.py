"""Who may be seen: a rule holds, a moderator holds, publishes, rejects or undoes, an operator
undoes what a rule did. Every act has a reason, is a row in the trail, and can be taken back by it.

Called by intake, the admin and the command `undo_rule`. What its sender has withdrawn is out of
reach of all of them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from registry import hints
from registry.models import RawReport, ReportEvent
from registry.refusal import Refused
from registry.tasks import summarise_readings

Status = RawReport.Status
ACTS = {"hold": Status.HELD, "publish": Status.PUBLISHED, "reject": Status.REJECTED}
UNDO = "undo"
RULE = "rule:"
RULE_UNDONE = "rule_undone"
_HIDDEN = (Status.HELD, Status.REJECTED)


def hold(
    report: RawReport, rule: str, message: str, rules: Mapping[str, str] | None = None
) -> bool:
    """Hold a report for what `rule` says of it; `rules` are all that say so, {rule: message}."""
    every = {rule: message, **(rules or {})}
    return report.move_to(Status.HELD, actor=RULE + rule, reason=message, rules=every)


def act(report_id: int, name: str, moderator: str, reason: str) -> RawReport:
    """Do one of ACTS, or undo, in the name of `moderator`. Raises Refused where it cannot be."""
    reason, actor = checked_reason(reason), f"moderator:{moderator}"[:64]
    with transaction.atomic():
        report = RawReport.objects.select_for_update().get(pk=report_id)
        if report.status == Status.WITHDRAWN:
            raise Refused(409, "withdrawn", "Its sender withdrew it, and that cannot be undone.")
        if name == UNDO:
            _undo(report, actor, reason)
        else:
            _decide(report, ACTS[name], actor, reason)
        hints.after_commit(summarise_readings)
    return report


def checked_reason(reason: str) -> str:
    """The reason on one line. Raises Refused where there is none."""
    line = " ".join(reason.split())
    if not line:
        raise Refused(422, "reason_missing", "Give a reason: everybody reads it beside the report.")
    return line


def _decide(report: RawReport, status: RawReport.Status, actor: str, reason: str) -> None:
    status = _fitting(report, status)
    if status == report.status:
        raise Refused(409, "nothing_to_do", f"It is {status} already.")
    report.move_to(status, actor, reason)


def _undo(report: RawReport, actor: str, reason: str) -> None:
    """Give back the state before the last change, and the reason it had. An undo can be undone."""
    last = report.events.changes().last()
    status = _before(report, last) if last else None
    if last is None or status is None or status == report.status:
        raise Refused(409, "nothing_to_undo", "Nobody has changed its state since it came in.")
    _restore(report, last, status, actor, reason)


def _restore(
    report: RawReport, last: ReportEvent, status: RawReport.Status, actor: str, reason: str
) -> None:
    kept = last.details.get("before_reason", "")
    report.move_to(status, actor, reason, status_reason=kept, undoes=last.pk)


def _before(report: RawReport, change: ReportEvent) -> RawReport.Status:
    return _fitting(report, Status(change.details.get("before", report.status)))


def _fitting(report: RawReport, status: RawReport.Status) -> RawReport.Status:
    """A report is published only with its facts, and waits for the reader only without them."""
    if status not in {Status.RECEIVED, Status.PUBLISHED}:
        return status
    has_facts = report.reading_set.filter(active=True).exists()
    return Status.PUBLISHED if has_facts else Status.RECEIVED


@dataclass
class Undone:
    """What `undo_rule` did, or would do: {public id: state given back}, and {public id: the other
    rule that still holds it}.
    """

    rule: str
    since: str
    dry_run: bool
    restored: dict[str, str] = field(default_factory=dict)
    still_held: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def rules_that_acted() -> list[str]:
    """Names of the rules that have ever held or rejected a report."""
    names: set[str] = set()
    changes = ReportEvent.objects.filter(kind__in=_HIDDEN, actor__startswith=RULE)
    for event in changes.only("actor", "reason", "details").iterator(chunk_size=1000):
        names.update(_rules(event))
    return sorted(names)


def undo_rule(rule: str, since: datetime, dry_run: bool = False) -> Undone:
    """Give every report back what it was that `rule` alone keeps held or rejected since `since`.

    One transaction a report. What another rule holds too stays held for that; where a person has
    decided since, that decision stands. Doing it again changes nothing.
    """
    outcome = Undone(rule, since.isoformat(), dry_run)
    caught = Q(actor=RULE + rule) | Q(details__rules__has_key=rule)
    changes = ReportEvent.objects.filter(caught, kind__in=_HIDDEN, at__gte=since)
    for report_id in sorted(set(changes.values_list("report_id", flat=True))):
        with transaction.atomic():
            report = RawReport.objects.select_for_update().get(pk=report_id)
            _undo_rule_of(report, outcome, since)
    if outcome.restored and not dry_run:
        hints.send(summarise_readings)
    return outcome


def _undo_rule_of(report: RawReport, outcome: Undone, since: datetime) -> None:
    last = report.events.changes().last()
    if last is None or last.at < since:
        return
    later = report.events.filter(kind=RULE_UNDONE, pk__gt=last.pk)
    undone = set(later.values_list("details__rule", flat=True))
    holding = {name: text for name, text in _rules(last).items() if name not in undone}
    if outcome.rule not in holding:
        return
    del holding[outcome.rule]
    if holding:
        outcome.still_held[report.public_id] = next(iter(holding))
    else:
        outcome.restored[report.public_id] = _before(report, last)
    if outcome.dry_run:
        return
    reason = f"rule {outcome.rule} undone"
    if holding:
        report.record(RULE_UNDONE, "operator", reason, rule=outcome.rule)
        report.status_reason = next(iter(holding.values()))[:200]
        report.save(update_fields=["status_reason"])
    else:
        _restore(report, last, _before(report, last), "operator", reason)


def _rules(change: ReportEvent) -> dict[str, str]:
    """{rule: message} of a change that rules made; empty where somebody else made it."""
    if change.kind not in _HIDDEN or not change.actor.startswith(RULE):
        return {}
    return change.details.get("rules") or {change.actor.removeprefix(RULE): change.reason}
