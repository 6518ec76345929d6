"""From cells to groups: one voter one value, a group is the mean of its voters. Pure functions, no
Django.

Used by leaderboards and charts alike, so that a bar and a row never disagree.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

from registry.evidence.direction import HIGHER, gain
from registry.evidence.ranking import rank_intervals
from registry.evidence.shrinkage import shrink
from registry.evidence.summary import CI_LEVEL, LEAST_FOR_INTERVAL, Estimate, estimate_logs, thinned

LEAST_SENDERS = 3
LARGEST_SHARE = 1 / 3  # of a group's machines, that one submitter may vote with


class Observation(NamedTuple):
    """One cell as statistics see it: `key` is its group, `mean_ln` the mean of ln(rate), `newest`
    its last report, `stratum` the kind of machine. There are millions.
    """

    key: tuple[Any, ...]
    voter: str
    submitter: int
    mean_ln: float
    n_runs: int
    n_sittings: int
    imported: bool
    newest: int = 0
    stratum: Any = None


@dataclass(frozen=True)
class Group:
    """One group. `host_logs` holds a value a voter: a machine, or machines of a submitter of more
    than a third of the group's, all of them or those of one kind; of a group that is `kept`, as
    many as show how they are spread.
    """

    key: tuple[Any, ...]
    estimate: Estimate
    host_logs: Sequence[float]
    n_runs: int
    n_machines: int
    n_submitters: int
    imported: bool
    newest: int

    def kept(self) -> "Group":
        return replace(self, host_logs=thinned(self.host_logs))


# How far a figure can be believed, from most to least: by how many it rests on who do not know of
# each other.
TRUST = (REPLICATED, FEW_SENDERS, UNCONFIRMED, INCOMPLETE) = (
    *("replicated", "few_senders"),
    *("unconfirmed", "incomplete"),
)


@dataclass(frozen=True)
class Row:
    """One row of a leaderboard; ranks are None where `ranked` is False, and `reason` says why."""

    group: Group
    rank_low: int | None
    rank_high: int | None
    ranked: bool
    reason: str | None
    ci_level: float = CI_LEVEL

    @property
    def trust(self) -> str:
        """One of TRUST: replicated by three senders or more; of few senders; unconfirmed, of too
        few machines for a rank; imported, its metadata incomplete.
        """
        if self.group.imported:
            return INCOMPLETE
        if not self.ranked:
            return UNCONFIRMED
        return REPLICATED if self.group.n_submitters >= LEAST_SENDERS else FEW_SENDERS


def grouped(observations: Iterable[Observation], direction: str = HIGHER) -> list[Group]:
    """Groups, the best first. Imported figures and measured ones are never in one group."""
    by_key: dict[tuple[tuple[Any, ...], bool], list[Observation]] = defaultdict(list)
    for observation in observations:
        by_key[observation.key, observation.imported].append(observation)
    groups = [_group(key, rows, imported) for (key, imported), rows in by_key.items()]
    return sorted(groups, key=lambda group: (-gain(group.estimate.rate, direction), str(group.key)))


def _group(key: tuple[Any, ...], rows: Sequence[Observation], imported: bool) -> Group:
    hosts: dict[str, list[Observation]] = defaultdict(list)
    for row in rows:
        hosts[row.voter].append(row)
    host_logs = _votes(hosts)
    found = estimate_logs(host_logs)
    assert found is not None  # a group has at least one row
    return Group(
        key=key,
        estimate=found,
        host_logs=host_logs,
        n_runs=sum(row.n_runs for row in rows),
        n_machines=len(hosts),
        n_submitters=len({row.submitter for row in rows}),
        imported=imported,
        newest=max(row.newest for row in rows),
    )


def _votes(hosts: Mapping[str, Sequence[Observation]]) -> Sequence[float]:
    """A value a host; those of a submitter of more than a third of them, one a stratum, and one
    for all where that is still more than a third beside others: a kind of machine is made up as
    easily as an id.
    """
    owned: dict[int, list[str]] = defaultdict(list)
    for voter in sorted(hosts):
        owned[hosts[voter][0].submitter].append(voter)
    votes = [
        [_host_log(hosts[voter]) for voter in voters]
        if _is_fair(len(voters), len(hosts))
        else _one_a_stratum([hosts[voter] for voter in voters])
        for voters in owned.values()
    ]
    n_votes, is_alone = sum(map(len, votes)), len(votes) == 1
    bounded = (own if is_alone or _is_fair(len(own), n_votes) else [_mean(own)] for own in votes)
    return array("d", chain.from_iterable(bounded))


def _is_fair(own: int, every: int) -> bool:
    return own <= max(1, every * LARGEST_SHARE)


def _one_a_stratum(hosts: Iterable[Sequence[Observation]]) -> list[float]:
    strata: dict[Any, list[float]] = defaultdict(list)
    for cells in hosts:
        strata[cells[0].stratum].append(_host_log(cells))
    return [_mean(logs) for logs in strata.values()]


def _host_log(cells: Sequence[Observation]) -> float:
    """A host's value: the mean over its sittings."""
    sittings = sum(cell.n_sittings for cell in cells)
    return math.fsum(cell.mean_ln * cell.n_sittings for cell in cells) / sittings


def leaderboard(
    groups: Sequence[Group],
    direction: str = HIGHER,
    class_of: Callable[[Group], Hashable] = lambda group: None,
) -> list[Row]:
    """Rows with rank intervals: those that are ranked first, by the lower bound of what they are
    drawn to, so that no lucky host leads; the others below with the reason, in the order of
    `groups`. Rows of one class are drawn to their mean; None is a class of one.
    """
    reasons = {id(group): why_unranked(group) for group in groups}
    ranked = _by_lower_bound(
        [group for group in groups if reasons[id(group)] is None], direction, class_of
    )
    ranks = rank_intervals([group.host_logs for group in ranked], direction) if ranked else []
    rows = [
        Row(group, low, high, True, None) for group, (low, high) in zip(ranked, ranks, strict=True)
    ]
    rows += [
        Row(group, None, None, False, reasons[id(group)])
        for group in groups
        if reasons[id(group)] is not None
    ]
    return rows


def _by_lower_bound(
    groups: Sequence[Group], direction: str, class_of: Callable[[Group], Hashable]
) -> list[Group]:
    """The groups, the best lower bound first; it orders rows and is no figure of theirs."""
    classes: dict[Hashable, list[Group]] = defaultdict(list)
    for group in groups:
        name = class_of(group)
        classes[id(group) if name is None else (name,)].append(group)
    bounds: dict[int, float] = {}
    for members in classes.values():
        gains = [gain(_mean(group.host_logs), direction) for group in members]
        shrunk = shrink(gains, [_error(group.host_logs) for group in members])
        bounds.update(
            (id(group), one.lower_bound) for group, one in zip(members, shrunk, strict=True)
        )
    return sorted(groups, key=lambda group: (-bounds[id(group)], str(group.key)))


def _mean(logs: Sequence[float]) -> float:
    return math.fsum(logs) / len(logs)


def _error(logs: Sequence[float]) -> float:
    """Standard error of the mean of two values or more."""
    mean = _mean(logs)
    variance = math.fsum((log - mean) ** 2 for log in logs) / (len(logs) - 1)
    return math.sqrt(variance / len(logs))


def why_unranked(group: Group) -> str | None:
    """None for a group that is ranked, else what it lacks."""
    if group.imported:
        return "imported, metadata incomplete"
    missing = LEAST_FOR_INTERVAL - len(group.host_logs)
    if missing > 0:
        return f"needs {missing} more independent machine{'s' if missing > 1 else ''}"
    return None
