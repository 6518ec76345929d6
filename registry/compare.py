"""What an address asks to compare: two reports, or two groups of hosts. Page and API call `ask`,
charts `dated`.
"""

import math
from collections import defaultdict
from collections.abc import Mapping

from django.db.models import QuerySet

from registry import compare_groups
from registry.kept import Dated
from registry.models import Generation, RawReport, Recipe, Run
from registry.models.identity import PUBLIC_ID
from registry.models.reading import Bound
from registry.models.written_once import WrittenOnce
from registry.refusal import Refused
from registry.sides import Comparison, Side, beside


def ask(params: Mapping[str, str]) -> Comparison:
    """The comparison of the reports `a` and `b`, or of the groups that `a.virtualization=kvm` and
    its like name. Raises Refused 422 for a query that is none, 404 for a report that is not there,
    or a side without a figure.
    """
    return dated(params).value


def dated(params: Mapping[str, str]) -> Dated[Comparison]:
    """The same, with the generation of the facts that it is made from."""
    if compare_groups.is_asked(params):
        return compare_groups.dated(params)
    generation = Generation.current()  # first: what changes meanwhile may not be in it
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
    found = beside(_figures(params["a"], "a"), _figures(params["b"], "b"))
    return Dated(found, generation)


def _figures(public_id: str, path: str) -> dict[Recipe, Side]:
    by_recipe: dict[Recipe, list[Run]] = defaultdict(list)
    for run in _runs(public_id) if PUBLIC_ID.fullmatch(public_id) else ():
        by_recipe[run.recipe].append(run)
    if not by_recipe:
        message = "There is no listed report of this id with a figure."
        fault = {"path": path, "message": message}
        raise Refused(404, "not_found", message, [fault])
    return {recipe: _side(recipe, rows) for recipe, rows in by_recipe.items()}


def _runs_of(public_id: str) -> QuerySet[Run]:
    """The figures of a listed report, without what is long in it."""
    runs = Run.objects.filter(
        reading__active=True,
        reading__report__in=RawReport.objects.listed().filter(public_id=public_id),
        part=Run.Part.FIGURE,
        bound=Bound.EXACT,
        value__gt=0,
    ).select_related("recipe", "system", "reading__report")
    long = ("telemetry", "reading__report__body", "reading__environment", "reading__unrecognised")
    return runs.defer(*long).order_by("run_index", "position")


_runs = WrittenOnce(_runs_of)


def _side(recipe: Recipe, runs: list[Run]) -> Side:
    report = runs[0].reading.report
    return Side(
        recipe=recipe,
        factors=runs[0].system.factors(),
        logs=tuple(math.log(run.value) for run in runs),
        n_runs=len(runs),
        n_machines=1,
        n_submitters=1,
        machines=frozenset({report.machine_id} if report.machine_id else ()),
        report=report,
    )
