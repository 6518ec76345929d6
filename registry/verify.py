"""Checks of what is promised about the cells: each is what the runs that count say, none misses,
none is left over. Cells of readings that wait to be summed up are not looked at. And of what a
manifest promised about reports.
"""

from collections.abc import Iterable, Iterator, Set
from itertools import islice

from django.db.models import QuerySet

from registry.models import Cell, Generation, RawReport, Run
from registry.models.summary import CellKey, computed_cells, stored_cells, waiting_cells

CELLS_AT_ONCE, PROMISES_AT_ONCE = 500, 500
RUNS_AT_ONCE = 2000


def broken_promises() -> Iterator[str]:
    """One sentence for each wrong cell: those that there are, then those that miss."""
    for keys in _keys(Cell.objects.all(), CELLS_AT_ONCE):
        yield from map(_sentence, _wrong(keys))
    told: set[CellKey] = set()
    for keys in _keys(Run.objects.filter(part=Run.Part.FIGURE), RUNS_AT_ONCE):
        missing = _wrong(keys - stored_cells(keys).keys() - told)
        told.update(missing)
        yield from map(_sentence, missing)


def _wrong(keys: Set[CellKey]) -> list[CellKey]:
    """Those that are not what the runs say. What is summed up meanwhile is looked at again: then
    the generation rose.
    """
    while keys:
        generation = Generation.current()
        stored, computed = stored_cells(keys), computed_cells(keys)
        unlike = {key for key in keys if stored.get(key) != computed.get(key)}
        wrong = unlike - waiting_cells(unlike)
        if Generation.current() == generation:
            return sorted(wrong, key=str)
        keys = wrong
    return []


def _sentence(key: CellKey) -> str:
    voter = f"machine {key.machine_id}" if key.machine_id else f"submitter {key.submitter_id}"
    return (
        f"cell of recipe {key.recipe_id}, system {key.system_id}, {voter}: "
        "it is not what the runs say"
    )


def _keys(rows: "QuerySet[Run] | QuerySet[Cell]", at_once: int) -> Iterator[set[CellKey]]:
    """Where the rows belong, `at_once` of them in a query."""
    ordered, last = rows.order_by("pk").values_list("pk", *CellKey._fields), 0
    while some := list(ordered.filter(pk__gt=last)[:at_once]):
        yield {
            CellKey(recipe, system, bound, machine, None if machine else submitter)
            for _, recipe, system, bound, machine, submitter in some
        }
        last = some[-1][0]


def not_as_promised(promised: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A sentence for each id and digest of a manifest that this registry does not hold so; a
    withdrawn report keeps its digest.
    """
    waiting = iter(promised)
    while some := list(islice(waiting, PROMISES_AT_ONCE)):
        rows = RawReport.objects.filter(public_id__in=[public_id for public_id, _ in some])
        here = dict(rows.values_list("public_id", "body_sha256"))
        for public_id, digest in some:
            if public_id not in here:
                yield f"report {public_id}: named in the manifest and not here"
            elif here[public_id] != digest:
                yield f"report {public_id}: here with another digest than the manifest's"
