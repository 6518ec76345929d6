"""What a kernel changes, from the cells: hosts that were measured under two kernels or more, each
beside itself under one recipe, all of one workload.

Reads cells of known machines only: without its id nobody can tell that a report of another kernel
is of the same host.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from registry import leaderboard
from registry.evidence import steps
from registry.evidence.direction import better
from registry.evidence.drift import Drift, Observation, drift
from registry.kept import answer
from registry.models import Recipe
from registry.refusal import Refused
from registry.vocabulary import kernels
from registry.workload import WORKLOAD, Workload, most_shared

BY = ("kernel_series", "kernel_release")
LEAST_FOR_STEPS, STEP_LEVEL, LEAST_STEP = 20, 0.01, 1.03
_ORDERS = {"kernel_series": kernels.order, "kernel_release": kernels.release_order}


@dataclass(frozen=True)
class Query:
    by: str
    cells: leaderboard.Query


@dataclass(frozen=True)
class Kernels:
    """`recipe` is the workload, which the query may leave open. `found` is None where no two
    kernels are linked by hosts. `steps` are the kernels at which the curve steps to another level,
    None where it is too short to tell.
    """

    by: str
    recipe: dict[str, Any]
    found: Drift | None
    steps: tuple[str, ...] | None
    better: str


def ask(params: Mapping[str, str]) -> Query:
    """The recipe, the factors that hosts must have, and `by`, one of BY. Raises Refused 422."""
    rest = dict(params)
    by = rest.pop("by", BY[0])
    faults = [
        {"path": name, "message": message}
        for name, message, is_wrong in (
            ("by", f"expected {' or '.join(BY)}", by not in BY),
            ("group_by", "unknown factor", rest.pop("group_by", None) is not None),
        )
        if is_wrong
    ]
    try:
        query = leaderboard.ask({**rest, "group_by": ""})
    except Refused as refused:
        faults += refused.details
    if faults:
        raise Refused(422, "invalid", "The query is not valid.", faults)
    return Query(by, query)


@answer
def find(query: Query) -> Kernels:
    """The curve under one workload: of those that answer the query, that of the most machines."""
    rows = _rows(query)
    workload = most_shared((row.workload, row.machine_id, row.recipe_id) for row in rows)
    observations = list(_observations(row for row in rows if row.workload == workload))
    names = sorted({each.kernel for each in observations}, key=_ORDERS[query.by])
    found = drift(observations, names)
    recipe = dict(zip(WORKLOAD, workload, strict=True)) if workload else dict(query.cells.recipe)
    return Kernels(query.by, recipe, found, _steps(found), better(recipe.get("unit")))


class _Row(NamedTuple):
    """A cell; `host` is the platform and CPU that the machine had."""

    machine_id: int
    recipe_id: int
    host: tuple[Any, ...]
    kernel: str
    log: float
    workload: Workload


def _rows(query: Query) -> list[_Row]:
    cells = (
        leaderboard.cells_of(query.cells)
        .exclude(recipe__source=Recipe.Source.IMPORTED)
        .exclude(machine=None)
        .exclude(**{f"system__{query.by}": None})
    )
    columns = (
        *("machine_id", "recipe_id", f"system__{query.by}", "mean_ln"),
        *("system__virtualization", "system__virtualization_mode"),
        *("system__cpu_model", "system__cpus"),
        *(f"recipe__{name}" for name in WORKLOAD),
    )
    return [
        _Row(machine, recipe, tuple(rest[:4]), kernel, mean_ln, tuple(rest[4:]))
        for machine, recipe, kernel, mean_ln, *rest in cells.values_list(*columns)
    ]


def _observations(rows: Iterable[_Row]) -> Iterator[Observation]:
    """A machine is one host: under the recipe, and with the platform and CPU, that it has the most
    kernels of; of equals with the recipe of the most machines, then the first.
    """
    by_machine: dict[int, dict[tuple[int, Any], list[_Row]]] = defaultdict(dict)
    users: dict[int, set[int]] = defaultdict(set)
    for row in rows:
        by_machine[row.machine_id].setdefault((row.recipe_id, row.host), []).append(row)
        users[row.recipe_id].add(row.machine_id)

    def order(found: tuple[tuple[int, Any], list[_Row]]) -> tuple[int, int, int, str]:
        (recipe_id, host), own = found
        return -len({row.kernel for row in own}), -len(users[recipe_id]), recipe_id, str(host)

    for machine, alike in by_machine.items():
        _, own = min(alike.items(), key=order)
        for row in own:
            yield Observation(machine, row.kernel, row.log)


def _steps(found: Drift | None) -> tuple[str, ...] | None:
    """Kernels that begin another level, of 3 % at the least; below 20 kernels silence would prove
    nothing, so nothing is said.
    """
    if found is None or len(found.points) < LEAST_FOR_STEPS:
        return None
    ratios = [point.ratio for point in found.points]
    places = steps.change_points(ratios, STEP_LEVEL)
    ends = pairwise([0, *places, len(ratios)])
    levels = [steps.weighed(ratios[low:high]).mean for low, high in ends]
    return tuple(
        found.points[place].kernel
        for place, (before, after) in zip(places, pairwise(levels), strict=True)
        if max(before, after) > min(before, after) * LEAST_STEP
    )
