"""Virtualisation cost from the cells: every platform beside bare metal on the same CPU model and
number of CPUs, under the same recipe and of one workload.

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
from registry.workload import WORKLOAD, Workload, most_shared

LOOPBACK = "loopback"


@dataclass(frozen=True)
class Costs:
    """`recipe` is the workload, which the query may leave open; `n_hosts` are all that took part,
    matched or not.
    """

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
    """The costs under one workload: of those that answer the query, that of the most hosts."""
    by_workload = _hosts(query)
    workload = most_shared(
        (load, host.voter, host.recipe_id) for load, hosts in by_workload.items() for host in hosts
    )
    if workload is None:
        return Costs(dict(query.recipe), (), 0)
    recipe, hosts = dict(zip(WORKLOAD, workload, strict=True)), by_workload[workload]
    n_hosts = len({host.voter for host in hosts})
    return Costs(recipe, tuple(costs(hosts, better(recipe["unit"]))), n_hosts)


def _hosts(query: leaderboard.Query) -> dict[Workload, list[Host]]:
    """By workload, one host for each voter, platform, stratum and recipe: the mean over its
    sittings. Without its id a host is known by its sender and its CPU.
    """
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
        *(f"recipe__{name}" for name in WORKLOAD),
    )
    sums: dict[tuple[Any, ...], list[tuple[float, int]]] = defaultdict(list)
    senders: dict[str, int] = {}
    for row in cells.values_list(*columns):
        recipe, cpu, cpus, kind, mode, machine, sender, mean_ln, n, *workload = row
        voter = f"m{machine}" if machine else f"s{sender}/{cpu}"
        key = (tuple(workload), CpuStratum(cpu, cpus), (kind, mode), voter, recipe)
        sums[key].append((mean_ln, n))
        senders[voter] = min(sender, senders.get(voter, sender))
    found: dict[Workload, list[Host]] = defaultdict(list)
    for (load, stratum, platform, voter, recipe), rows in sums.items():
        mean = math.fsum(mean_ln * n for mean_ln, n in rows) / sum(n for _, n in rows)
        found[load].append(Host(stratum, platform, voter, senders[voter], mean, recipe))
    return found
