"""What waking idle CPUs costs: one stream left to the scheduler beside the same with both ends on
one CPU, on the machines that measured both. The origin's riddle as a number.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from registry.evidence.summary import Estimate, estimate_logs
from registry.kept import answer
from registry.models import Cell, Recipe
from registry.models.factors import RECIPE_FIELDS

BARE_METAL = "none"
# What must be alike before two recipes differ in their placement alone.
_ALIKE = tuple(name for name in RECIPE_FIELDS if name != "placement")
_LOAD = {"test": "TCP_CRR", "streams": 1, "topology": "loopback"}


@dataclass(frozen=True)
class Waking:
    """The rate of one unpinned stream over that of one on a single CPU; `n` is of machines. None
    where no machine measured both.
    """

    bare_metal: Estimate | None
    guests: Estimate | None


@answer
def find() -> Waking:
    same_cpu, unpinned = (_one_stream(placement) for placement in ("same_cpu", "unpinned"))
    # After the cells, so that there is a recipe for each of them.
    alike = {pk: same for pk, *same in Recipe.objects.filter(**_LOAD).values_list("pk", *_ALIKE)}
    pinned = {(*host, *alike[recipe]): log for _, log, recipe, *host in same_cpu}
    logs: dict[bool, dict[int | None, list[float]]] = defaultdict(lambda: defaultdict(list))
    for kind, log, recipe, *host in unpinned:
        same = pinned.get((*host, *alike[recipe]))
        if same is not None:
            logs[kind == BARE_METAL][host[-1]].append(log - same)
    return Waking(_over_machines(logs[True]), _over_machines(logs[False]))


def _one_stream(placement: str) -> list[tuple[Any, ...]]:
    """(virtualization, mean_ln, recipe, system, machine) of each cell."""
    load = {f"recipe__{name}": value for name, value in {**_LOAD, "placement": placement}.items()}
    cells = Cell.objects.exact().exclude(machine=None).exclude(system__virtualization=None)
    columns = ("system__virtualization", "mean_ln", "recipe", "system", "machine")
    return list(cells.filter(**load).values_list(*columns))


def _over_machines(logs: dict[int | None, list[float]]) -> Estimate | None:
    return estimate_logs([sum(each) / len(each) for each in logs.values()])
