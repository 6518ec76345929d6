"""What changed between two drawings of a chart, in a few words. Pure."""

from charts.labels import counted
from charts.spec import ChartSpec, Row


def between(older: ChartSpec, newer: ChartSpec) -> str:
    """`2 rows new, 1 row gone, 3 rows with other figures`; says so where nothing did."""
    before, after = _rows(older), _rows(newer)
    shared = before.keys() & after.keys()
    changed = sum(before[key].cells != after[key].cells for key in shared)
    told = [
        f"{counted(number, 'row')} {what}"
        for number, what in (
            (len(after.keys() - before.keys()), "new"),
            (len(before.keys() - after.keys()), "gone"),
            (changed, "with other figures"),
        )
        if number
    ]
    return ", ".join(told) or "the same rows and figures"


def _rows(spec: ChartSpec) -> dict[tuple[str, str], Row]:
    return {(row.label, row.recipe): row for row in spec.rows}
