"""Checks of what is promised about the cells: each is what the runs that count say, none misses,
none is left over. Cells of readings that wait to be summed up are not looked at.
"""

from collections.abc import Iterator

from django.db.models import QuerySet

from registry.models import Cell, Reading, Run
from registry.models.summary import CellKey, computed_cells, stored_cells

CELLS_AT_ONCE = 500


def broken_promises() -> Iterator[str]:
    """One sentence for each wrong cell."""
    keys = sorted(_keys(Run.objects.all()) | _keys(Cell.objects.all()), key=str)
    waiting = _keys(Run.objects.filter(reading__in=Reading.objects.filter(summarised=False)))
    settled = [key for key in keys if key not in waiting]
    for start in range(0, len(settled), CELLS_AT_ONCE):
        yield from _wrong(frozenset(settled[start : start + CELLS_AT_ONCE]))


def _wrong(keys: frozenset[CellKey]) -> Iterator[str]:
    stored, computed = stored_cells(keys), computed_cells(keys)
    for key in sorted(keys, key=str):
        if stored.get(key) != computed.get(key):
            yield (
                f"cell of recipe {key.recipe_id}, system {key.system_id}, "
                f"{_voter(key)}: it is not what the runs say"
            )


def _voter(key: CellKey) -> str:
    return f"machine {key.machine_id}" if key.machine_id else f"submitter {key.submitter_id}"


def _keys(rows: "QuerySet[Run] | QuerySet[Cell]") -> set[CellKey]:
    """Where the rows belong; whatever their number, one place is kept once."""
    columns = ("recipe_id", "system_id", "bound", "machine_id", "submitter_id")
    return {
        CellKey(recipe, system, bound, machine, None if machine else submitter)
        for recipe, system, bound, machine, submitter in rows.order_by()
        .values_list(*columns)
        .distinct()
    }
