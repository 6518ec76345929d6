"""The three questions that the registry began with, and what its reports say to them now: each one
a sentence with numbers, made from the same rows as the pages behind it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from registry import costs, waking
from registry.evidence.summary import Estimate
from registry.models import Findings
from registry.pages import words
from registry.pages.costs import Line, line
from registry.pages.platform import address_of

SHOWN = 5


@dataclass(frozen=True)
class Platform:
    """A platform beside bare metal, and its page."""

    address: str
    cost: Line


@dataclass(frozen=True)
class Change:
    """A setting that experiments showed to help."""

    factor: str
    change: str
    ratio: str
    interval: str
    n_machines: int
    address: str


@dataclass(frozen=True)
class Woken:
    """One unpinned stream over one on a single CPU."""

    where: str
    ratio: str
    interval: str
    n_machines: int


@dataclass(frozen=True)
class Answers:
    platforms: tuple[Platform, ...]
    changes: tuple[Change, ...]
    woken: tuple[Woken, ...]


def answers() -> Answers:
    told = [cost for cost in costs.find(costs.ask({})).rows if cost.verdict != "not_enough_data"]
    found = waking.find()
    both = (("on bare metal", found.bare_metal), ("in guests", found.guests))
    return Answers(
        platforms=tuple(
            Platform(address_of("virtualization", cost.platform[0]), line(cost))
            for cost in told[:SHOWN]
        ),
        changes=tuple(_change(each) for each in Findings.stored().rows[:SHOWN]),
        woken=tuple(_woken(where, each) for where, each in both if each),
    )


def _change(found: Mapping[str, Any]) -> Change:
    return Change(
        factor=words.FACTORS.get(found["factor"], found["factor"]),
        change=f"{found['from']} → {found['to']}",
        ratio=f"{found['ratio']:.2f}",
        interval=f"{found['ci_low']:.2f}–{found['ci_high']:.2f}",
        n_machines=found["n_machines"],
        address=urlencode({"factor": found["factor"]}),
    )


def _woken(where: str, found: Estimate) -> Woken:
    has_interval = found.ci_low is not None and found.ci_high is not None
    interval = f"{found.ci_low:.2f}–{found.ci_high:.2f}" if has_interval else ""
    return Woken(where, f"{found.rate:.2f}", interval, found.n)
