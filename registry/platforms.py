"""Everything the registry knows of one platform: a hypervisor, a kernel series, an instance type, a
CPU model or a provider. Its hosts under the ranked recipe as one group, the same by other factors,
and what experiments on such hosts have shown.

Reads cells once a platform and generation, and the runs of experiments.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, Q

from registry import effects, leaderboard
from registry.evidence.direction import better
from registry.evidence.groups import Group, Observation, grouped
from registry.evidence.tweaks import EffectRow
from registry.kept import answer
from registry.models import Cell, Findings, Recipe
from registry.vocabulary import kernels
from registry.vocabulary.factors import DEFAULT_RECIPE

# A platform → the kernels under which its hosts are followed, and what else they are split by.
FACTORS = {
    "virtualization": ("kernel_series", "cpu_model"),
    "kernel_series": ("kernel_release", "virtualization"),
    "instance_type": ("kernel_series", "cpu_model"),
    "cpu_model": ("kernel_series", "virtualization"),
    "provider": ("kernel_series", "instance_type"),
}
_ORDERS: dict[str, Callable[[str | None], Any]] = {
    "kernel_series": kernels.order,
    "kernel_release": kernels.release_order,
}
NEWEST_KEPT = 10


@dataclass(frozen=True)
class Board:
    """Groups of the platform's hosts by one factor; kernels in their own order."""

    by: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Tuning:
    """A change that experiments anywhere showed to help, and what it did on hosts of the platform;
    `here` is None where none of them tried it.
    """

    finding: dict[str, Any]
    here: EffectRow | None


@dataclass(frozen=True)
class Platform:
    """`hosts` are under `recipe`, the one of the most hosts among those of the ranked figure; both
    are None where no host has it. `newest` are primary keys of reports.
    """

    factor: str
    value: str
    recipe: dict[str, Any] | None
    hosts: Group | None
    boards: tuple[Board, ...]
    newest: tuple[int, ...]
    tuning: tuple[Tuning, ...] = ()


@answer
def values(factor: str) -> list[tuple[str, int]]:
    """The values of a factor that measured hosts have, each with how many hosts: the newest kernel
    first, others by the most hosts.
    """
    hosts = Count("machine", distinct=True) + Count(
        "submitter", distinct=True, filter=Q(machine=None)
    )
    cells = Cell.objects.exclude(**{f"system__{factor}": None}).order_by()
    found = list(cells.values_list(f"system__{factor}").annotate(n_hosts=hosts))
    if factor in _ORDERS:
        return sorted(found, key=lambda each: _ORDERS[factor](each[0]), reverse=True)
    return sorted(found, key=lambda each: (-each[1], each[0]))


def find(factor: str, value: str) -> Platform | None:
    """The platform; None where no listed report is of it."""
    known = Cell.objects.filter(**{f"system__{factor}": value})
    if "\0" in value or not known.exists():
        return None
    return replace(_find(factor, value), tuning=_tuning(factor, value, Findings.stored().rows))


@answer
def _find(factor: str, value: str) -> Platform:
    """The platform without what experiments showed, which is worked out later than the facts."""
    splits = FACTORS[factor]
    query = leaderboard.Query(tuple(DEFAULT_RECIPE.items()), ((factor, value),), splits)
    by_recipe: dict[int, list[Observation]] = defaultdict(list)
    for recipe_id, observation in leaderboard.observations(leaderboard.cells_of(query), splits):
        by_recipe[recipe_id].append(observation)
    usual = max(by_recipe, key=lambda each: _weight(by_recipe[each]), default=None)
    if usual is None:
        return Platform(factor, value, None, None, (), ())
    recipe, rows = Recipe.objects.get(pk=usual), by_recipe[usual]
    direction = better(recipe.unit)
    return Platform(
        factor=factor,
        value=value,
        recipe=leaderboard.recipe_fields(recipe),
        hosts=grouped(_by(rows, None), direction)[0].kept(),
        boards=tuple(_board(rows, place, by, direction) for place, by in enumerate(splits)),
        newest=tuple(sorted({row.newest for row in rows}, reverse=True)[:NEWEST_KEPT]),
    )


def _weight(rows: Sequence[Observation]) -> tuple[bool, int]:
    """Measured figures before imported ones, then the most hosts."""
    return not rows[0].imported, len({row.voter for row in rows})


def _by(rows: Sequence[Observation], place: int | None) -> list[Observation]:
    """The same, keyed by one of the factors that they were read with, or all alike."""
    keys = {key: () if place is None else (key[place],) for key in {row.key for row in rows}}
    return [row._replace(key=keys[row.key]) for row in rows]


def _board(rows: Sequence[Observation], place: int, by: str, direction: str) -> Board:
    groups = grouped(_by(rows, place), direction)
    if by in _ORDERS:
        groups.sort(key=lambda group: _ORDERS[by](group.key[0]))
    return Board(by, tuple(replace(group, host_logs=()) for group in groups))


def _tuning(factor: str, value: str, findings: Sequence[dict[str, Any]]) -> tuple[Tuning, ...]:
    """Findings hold for all hosts; those of the platform that tried the same stand beside them."""
    here = _experiments(factor, value) if findings else []
    tried = {_change(row.contrast._asdict(), "before", "after"): row for row in here}
    return tuple(Tuning(each, tried.get(_change(each, "from", "to"))) for each in findings)


@answer
def _experiments(factor: str, value: str) -> list[EffectRow]:
    return effects.experiments_on(factor, value)


def _change(row: dict[str, Any], *ends: str) -> tuple[Any, ...]:
    load = (row[name] for name in ("factor", "test", "topology", "streams", "placement"))
    return (*load, frozenset(row[end] for end in ends))
