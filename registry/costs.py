"""Virtualisation cost from the cells: every platform beside bare metal on the same CPU model and
number of CPUs, under the same recipe.

Reads cells only. Imported figures have no CPU that could be matched and take no part.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry import leaderboard
from registry.evidence.costs import Cost, CpuStratum, Host, costs
from registry.evidence.direction import better
from registry.kept import answer
from registry.models import Cell, Recipe
from registry.refusal import Refused
from registry.vocabulary.factors import RECIPE_FACTORS

LOOPBACK = "loopback"


@dataclass(frozen=True)
class Costs:
    """`recipe` is what was asked; `n_hosts` are all that took part, matched or not."""

    recipe: dict[str, Any]
    rows: tuple[Cost, ...]
    n_hosts: int

    @property
    def is_loopback(self) -> bool:
        return self.recipe.get("topology") == LOOPBACK


def ask(params: Mapping[str, str]) -> leaderboard.Query:
    """The recipe in an address's parameters. Raises Refused 422 with every fault."""
    unknown = [name for name in params if name not in {*RECIPE_FACTORS, "format"}]
    if unknown:
        faults = [{"path": name[:100], "message": "unknown factor"} for name in unknown]
        raise Refused(422, "invalid", "The query is not valid.", faults)
    return leaderboard.ask({**params, "group_by": ""})


@answer
def find(query: leaderboard.Query) -> Costs:
    """The costs under a recipe."""
    hosts = _hosts(query)
    units = Recipe.objects.filter(**dict(query.recipe)).values_list("unit", flat=True)
    return Costs(dict(query.recipe), tuple(costs(hosts, better(units.first()))), len(hosts))


def _hosts(query: leaderboard.Query) -> list[Host]:
    """One host for each voter, platform and stratum: the mean over its sittings."""
    cells = (
        Cell.objects.exact()
        .filter(**{f"recipe__{name}": value for name, value in query.recipe})
        .exclude(recipe__source=Recipe.Source.IMPORTED)
        .exclude(system__cpu_model=None)
        .exclude(system__virtualization=None)
    )
    columns = (
        *("recipe_id", "system__cpu_model", "system__cpus"),
        *("system__virtualization", "system__virtualization_mode"),
        *("machine_id", "submitter_id", "mean_ln", "n_sittings"),
    )
    sums: dict[tuple[Any, ...], list[tuple[float, int]]] = defaultdict(list)
    for recipe, cpu, cpus, kind, mode, machine, sender, mean_ln, n in cells.values_list(*columns):
        voter = f"m{machine}" if machine else f"s{sender}"
        key = (CpuStratum(recipe, cpu, cpus), (kind, mode), voter, sender)
        sums[key].append((mean_ln, n))
    return [
        Host(stratum, platform, sender, math.fsum(m * n for m, n in rows) / sum(n for _, n in rows))
        for (stratum, platform, _, sender), rows in sums.items()
    ]
