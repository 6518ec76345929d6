"""The one workload of a table. Figures of two are never pooled, so where a query leaves it open, it
is the one that the most hosts share. Called by `registry.costs` and `registry.drift`.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Any

from registry.vocabulary.factors import RECIPE_FACTORS

WORKLOAD = (*RECIPE_FACTORS, "unit")
Workload = tuple[Any, ...]  # a value of each


def most_shared(seen: Iterable[tuple[Workload, Hashable, int]]) -> Workload | None:
    """Of (workload, host, recipe id): the workload of the most hosts, of equals that of the first
    recipe. None of nothing.
    """
    hosts: dict[Workload, set[Hashable]] = defaultdict(set)
    recipes: dict[Workload, set[int]] = defaultdict(set)
    for workload, host, recipe_id in seen:
        hosts[workload].add(host)
        recipes[workload].add(recipe_id)
    return min(hosts, key=lambda each: (-len(hosts[each]), min(recipes[each])), default=None)
