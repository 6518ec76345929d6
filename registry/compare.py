"""Two reports beside each other: the figures of one recipe that both have, their ratio, and every
factor that differs.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from registry.evidence.comparability import REFUSED, Comparability, compare
from registry.evidence.ratio import Ratio, log_welch
from registry.evidence.summary import Estimate, estimate_logs
from registry.models import RawReport, Recipe, Run, System
from registry.models.reading import Bound
from registry.refusal import Refused
from registry.standing import HEADLINE
from registry.vocabulary.factors import SYSTEM_FACTORS

_RECIPE = tuple(f.name for f in Recipe._meta.fields if f.name not in {"id", "digest"})


@dataclass(frozen=True)
class Side:
    """One report: the recipe that is compared, its figures' logarithms, and what it ran on."""

    report: RawReport
    recipe: Recipe
    system: System
    logs: tuple[float, ...]

    @property
    def estimate(self) -> Estimate:
        found = estimate_logs(self.logs)
        assert found is not None  # a side has a figure
        return found


@dataclass(frozen=True)
class Comparison:
    """`ratio` is of b to a, None where the comparison is refused."""

    a: Side
    b: Side
    comparability: Comparability
    ratio: Ratio | None


def ask(params: Mapping[str, str]) -> Comparison:
    """The comparison of the reports `a` and `b`. Raises Refused 422 for a query that is none, 404
    for a report that is not there or says no figure.
    """
    faults = [
        {"path": name, "message": "expected the id of a report"}
        for name in ("a", "b")
        if not params.get(name)
    ]
    faults += [
        {"path": name[:100], "message": "unknown parameter"}
        for name in params
        if name not in {"a", "b", "format"}
    ]
    if faults:
        raise Refused(422, "invalid", "The query is not valid.", faults)
    return of(_figures(params["a"], "a"), _figures(params["b"], "b"))


def of(a: Mapping[Recipe, Side], b: Mapping[Recipe, Side]) -> Comparison:
    """By the recipe that both have, the ranked headline first; else by each one's best, to say in
    what they differ.
    """
    both = sorted((recipe for recipe in a if recipe in b), key=_preference)
    one = a[both[0] if both else min(a, key=_preference)]
    other = b[both[0] if both else min(b, key=_preference)]
    machines = {one.report.machine_id, other.report.machine_id}
    found = compare(
        (_fields(one.recipe), _fields(other.recipe)),
        (_factors(one.system), _factors(other.system)),
        is_one_machine=len(machines) == 1 and None not in machines,
    )
    ratio = None if found.verdict == REFUSED else log_welch(other.logs, one.logs)
    return Comparison(one, other, found, ratio)


def _figures(public_id: str, path: str) -> dict[Recipe, Side]:
    runs = Run.objects.filter(
        reading__active=True,
        reading__report__in=RawReport.objects.listed().filter(public_id=public_id[:64]),
        part=Run.Part.FIGURE,
        bound=Bound.EXACT,
        value__gt=0,
    ).select_related("recipe", "system", "reading__report")
    by_recipe: dict[Recipe, list[Run]] = defaultdict(list)
    for run in runs.order_by("run_index", "position"):
        by_recipe[run.recipe].append(run)
    if not by_recipe:
        message = "There is no listed report of this id with a figure."
        fault = {"path": path, "message": message}
        raise Refused(404, "not_found", message, [fault])
    return {
        recipe: Side(
            rows[0].reading.report,
            recipe,
            rows[0].system,
            tuple(math.log(row.value) for row in rows),
        )
        for recipe, rows in by_recipe.items()
    }


def _preference(recipe: Recipe) -> tuple[bool, bool, int]:
    """The ranked headline, any TCP_CRR, what was made first."""
    is_headline = all(getattr(recipe, name) == value for name, value in HEADLINE.items())
    return not is_headline, recipe.test != HEADLINE["test"], recipe.pk


def _fields(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in _RECIPE}


def _factors(system: System) -> dict[str, Any]:
    return {name: getattr(system, name) for name in SYSTEM_FACTORS} | dict(system.settings)
