"""Two groups of hosts beside each other, each named by values that its factors must have.

Reads cells only; a side's figures are those of a leaderboard's row, so that a ratio and a board
never disagree.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from registry import leaderboard
from registry.evidence.comparability import Several
from registry.evidence.groups import Observation, grouped
from registry.kept import Dated, answer
from registry.models import Recipe, System
from registry.models.summary import CellQuerySet
from registry.refusal import Refused
from registry.sides import Comparison, Side, beside
from registry.vocabulary.factors import RECIPE_FACTORS, SYSTEM_FACTORS, is_of_host

SIDES = ("a", "b")


@dataclass(frozen=True)
class Asked:
    """One group: the recipe and the factors it must have."""

    side: str
    query: leaderboard.Query

    @property
    def factors(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.query.system}


@dataclass(frozen=True)
class _Figures:
    sides: dict[Recipe, Side]
    cells: frozenset[int]


def is_asked(params: Mapping[str, str]) -> bool:
    """Whether an address names a group."""
    return any(name.startswith(("a.", "b.")) for name in params)


def dated(params: Mapping[str, str]) -> Dated[Comparison]:
    """The comparison of two groups; a recipe factor that is left out is that of the leaderboard.
    Raises Refused 422 with every fault, also for groups that share figures, 404 for an empty one.
    """
    a, b = _groups(params)
    return _compared.dated(a, b)


def _groups(params: Mapping[str, str]) -> tuple[Asked, Asked]:
    faults = list(_unknown(params))
    groups = [_group(side, params, faults) for side in SIDES]
    if faults:
        unique = {(fault["path"], fault["message"]): fault for fault in faults}
        raise Refused(422, "invalid", "The query is not valid.", list(unique.values()))
    a, b = (group for group in groups if group is not None)
    return a, b


def _unknown(params: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for name in params:
        side, _, factor = name.partition(".")
        if name in SIDES:
            yield {"path": name, "message": "expected two reports or two groups, not both"}
        elif not (is_of_host(factor) if side in SIDES else name in {*RECIPE_FACTORS, "format"}):
            yield {"path": name[:100], "message": "unknown factor"}


def _group(side: str, params: Mapping[str, str], faults: list[dict[str, str]]) -> Asked | None:
    """The group of a side; what is wrong with it is added to `faults`."""
    own = {name[2:]: value for name, value in params.items() if name.startswith(f"{side}.")}
    factors = {name: value for name, value in own.items() if is_of_host(name)}
    recipe = {name: value for name, value in params.items() if name in RECIPE_FACTORS}
    if not own:
        message = f"expected a factor, such as {side}.virtualization"
        faults.append({"path": side, "message": message})
    try:
        return Asked(side, leaderboard.ask({**recipe, **factors, "group_by": ""}))
    except Refused as refused:
        for fault in refused.details:
            path = fault["path"]
            faults.append({**fault, "path": f"{side}.{path}" if path in factors else path})
        return None


@answer
def _compared(a: Asked, b: Asked) -> Comparison:
    one, other = _figures(a), _figures(b)
    shared = len(one.cells & other.cells)
    if shared:
        message = "The groups share figures: choose values that exclude each other."
        raise Refused(422, "invalid", message, [{"path": "b", "message": message}])
    found = beside(one.sides, other.sides)
    return replace(found, a=found.a.kept(), b=found.b.kept())


def _figures(asked: Asked) -> _Figures:
    cells = leaderboard.cells_of(asked.query)
    observed: dict[int, list[Observation]] = defaultdict(list)
    for recipe_id, observation in leaderboard.observations(cells, ()):
        observed[recipe_id].append(observation)
    if not observed:
        message = "There is no figure of this group with this recipe."
        fault = {"path": asked.side, "message": message}
        raise Refused(404, "not_found", message, [fault])
    hosts = _Hosts.of(cells)
    recipes = Recipe.objects.in_bulk(observed)
    sides = (_side(recipes[pk], rows, hosts, asked) for pk, rows in observed.items())
    return _Figures({side.recipe: side for side in sides}, hosts.cells)


@dataclass(frozen=True)
class _Hosts:
    """Who stands behind cells: by recipe and system its voters, by recipe its known machines."""

    cells: frozenset[int]
    voters: Mapping[int, Mapping[int, set[str]]]
    machines: Mapping[int, set[int]]
    systems: Mapping[int, System]

    @classmethod
    def of(cls, cells: CellQuerySet) -> "_Hosts":
        voters: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        machines: dict[int, set[int]] = defaultdict(set)
        columns = ("pk", "recipe_id", "system_id", "machine_id", "submitter_id")
        rows = list(cells.values_list(*columns))
        for _, recipe, system, machine, sender in rows:
            voters[recipe][system].add(f"m{machine}" if machine else f"s{sender}/{system}")
            if machine:
                machines[recipe].add(machine)
        systems = System.objects.filter(pk__in=cells.values("system_id"))
        return cls(
            frozenset(row[0] for row in rows), voters, machines, {row.pk: row for row in systems}
        )

    def factors(self, recipe_id: int) -> dict[str, Any]:
        """What the hosts of a recipe say of each factor: the one value, as a text, or Several."""
        by_factor: dict[str, dict[str | None, set[str]]] = defaultdict(lambda: defaultdict(set))
        voters = self.voters[recipe_id]
        names = {name for pk in voters for name in self.systems[pk].settings}
        for pk, hosts in voters.items():
            system = self.systems[pk]
            for name in SYSTEM_FACTORS:
                by_factor[name][_text(getattr(system, name))] |= hosts
            for name in names:
                by_factor[name][_text(system.settings.get(name))] |= hosts
        return {name: _one_or_several(values) for name, values in by_factor.items()}


def _side(recipe: Recipe, rows: Iterable[Observation], hosts: _Hosts, asked: Asked) -> Side:
    (group,) = grouped(rows)  # one key, and a recipe is imported or it is not
    return Side(
        recipe=recipe,
        factors=hosts.factors(recipe.pk),
        logs=group.host_logs,
        n_runs=group.n_runs,
        n_machines=group.n_machines,
        n_submitters=group.n_submitters,
        machines=frozenset(hosts.machines.get(recipe.pk, ())),
        group=asked.factors,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _one_or_several(values: Mapping[str | None, set[str]]) -> Any:
    if len(values) == 1:
        return next(iter(values))
    counts = ((value, len(hosts)) for value, hosts in values.items())
    return Several(tuple(sorted(counts, key=lambda each: (-each[1], str(each[0])))))
