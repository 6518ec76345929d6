"""What a kernel changes, from the cells: hosts that were measured under two kernels or more, each
beside itself.

Reads cells of known machines only: without its id nobody can tell that a report of another kernel
is of the same host.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from registry import leaderboard
from registry.evidence import steps
from registry.evidence.direction import better
from registry.evidence.drift import Drift, Observation, drift
from registry.kept import answer
from registry.models import Recipe
from registry.refusal import Refused
from registry.vocabulary import kernels

BY = ("kernel_series", "kernel_release")
LEAST_FOR_STEPS, STEP_LEVEL, LEAST_STEP = 20, 0.01, 1.03
_ORDERS = {"kernel_series": kernels.order, "kernel_release": kernels.release_order}


@dataclass(frozen=True)
class Query:
    by: str
    cells: leaderboard.Query


@dataclass(frozen=True)
class Kernels:
    """`found` is None where no two kernels are linked by hosts. `steps` are the kernels at which
    the curve steps to another level, None where it is too short to tell.
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
    """The curve."""
    observations = _observations(query)
    names = sorted({each.kernel for each in observations}, key=_ORDERS[query.by])
    found = drift(observations, names)
    recipe = dict(query.cells.recipe)
    unit = Recipe.objects.filter(**recipe).values_list("unit", flat=True).first()
    return Kernels(query.by, recipe, found, _steps(found), better(unit))


def _observations(query: Query) -> list[Observation]:
    """A machine is one host as long as its platform and CPU stay what they are."""
    cells = (
        leaderboard.cells_of(query.cells)
        .exclude(recipe__source=Recipe.Source.IMPORTED)
        .exclude(machine=None)
        .exclude(**{f"system__{query.by}": None})
    )
    columns = (
        *("machine_id", "recipe_id", "system__virtualization", "system__virtualization_mode"),
        *("system__cpu_model", "system__cpus", f"system__{query.by}", "mean_ln"),
    )
    return [
        Observation(host=tuple(host), kernel=kernel, log=mean_ln)
        for *host, kernel, mean_ln in cells.values_list(*columns)
    ]


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
