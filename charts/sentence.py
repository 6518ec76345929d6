"""What a chart says in one sentence, and in a few for those who cannot see it. Pure; from the spec
alone, so that the words and the picture never disagree.
"""

import math
import re
import statistics
from collections.abc import Sequence

from charts.beside import Beside
from charts.kinds import COMPARE, KINDS, PERCENT
from charts.labels import counted, two_decimals
from charts.spec import Cell, ChartSpec, Panel, Row

ROWS_TOLD = 12
Found = tuple[Row, Cell]
_BEFORE = re.compile(r"^(?:[0-9]+(?:-[0-9]+)?\.|[AB]:) ")


def headline(spec: ChartSpec) -> str:
    """The finding: the ratio that is farthest from 1, else how far the figures reach."""
    if not spec.panels:
        return KINDS[spec.kind].empty[0]
    kind, panel, last = KINDS[spec.kind], spec.panels[0], spec.panels[-1]
    cells = cells_of(spec, panel)
    if kind.about == COMPARE:
        ratio = cells_of(spec, last)[-1][1]
        of_sides = Beside(0, ratio.rate, ratio.ci_low, ratio.ci_high)
        return _ratio_of_rows(panel, cells[-1], cells[0], of_sides)
    if panel.reference is not None:
        return _of_ratios(panel, cells)
    if kind.axis == PERCENT:
        return _of_loads(spec)
    beside = [found for found in cells if found[1].beside]
    if beside:
        return _of_rows(spec, beside)
    return _of_range(panel, _widest(cells) if kind.is_joined else cells)


def _widest(cells: Sequence[Found]) -> list[Found]:
    """Those of the group whose figures lie farthest apart."""
    groups: dict[str, list[Found]] = {}
    for row, cell in cells:
        groups.setdefault(row.group, []).append((row, cell))
    return max(groups.values(), key=lambda group: _rate(max(group, key=_rate)) / _least(group))


def _least(cells: Sequence[Found]) -> float:
    return min(map(_rate, cells)) or math.inf


def alternative(spec: ChartSpec) -> str:
    """The chart in words: what it is of, what it finds, its figures."""
    told = [f"{spec.title}.", f"{spec.subtitle}.", headline(spec)]
    for panel in spec.panels[:1]:
        cells = cells_of(spec, panel)
        figures = "; ".join(f"{named(row)} {cell.text}" for row, cell in cells[:ROWS_TOLD])
        more = len(cells) - ROWS_TOLD
        end = f"; and {more} more." if more > 0 else "."
        told.append(f"{panel.test} in {panel.unit}: {figures}{end}")
    return " ".join(told)


def _told(row: Row) -> str:
    """A row in a sentence: without its ranks or its side before its name."""
    return _BEFORE.sub("", named(row))


def named(row: Row) -> str:
    """A row's label and recipe; that it is imported stands elsewhere."""
    recipe = row.recipe.removesuffix("imported").rstrip(", ")
    return ", ".join(part for part in (row.label, recipe) if part)


def cells_of(spec: ChartSpec, panel: Panel) -> list[Found]:
    return [(row, row.cells[panel.test]) for row in spec.rows if panel.test in row.cells]


def _interval(low: float | None, high: float | None, together: int = 1) -> str:
    if low is None or high is None:
        return " (no interval)"
    every = f" for all {together} ratios together" if together > 1 else ""
    return f" (95 % interval {two_decimals(low)} to {two_decimals(high)}{every})"


def _of_rows(spec: ChartSpec, cells: Sequence[Found]) -> str:
    """Measured before imported, with an interval before without, then the farthest from 1."""

    def tells(found: Found) -> tuple[bool, bool, float]:
        row, cell = found
        assert cell.beside
        return not row.imported, cell.beside.ci_low is not None, abs(math.log(cell.beside.ratio))

    row, cell = max(cells, key=tells)
    assert cell.beside
    panel, beside, base = spec.panels[0], cell.beside, spec.rows[cell.beside.base]
    against = base, base.cells[panel.test]
    return _ratio_of_rows(panel, (row, cell), against, beside)


def _ratio_of_rows(panel: Panel, found: Found, against: Found, beside: Beside) -> str:
    (row, cell), (base, other) = found, against
    interval = _interval(beside.ci_low, beside.ci_high, beside.together)
    return (
        f"{panel.test}: {_told(row)} has {cell.text} {panel.unit}, {two_decimals(beside.ratio)} x "
        f"the {other.text} of {_told(base)}{interval}."
    )


def _of_range(panel: Panel, cells: Sequence[Found]) -> str:
    (low, least), (high, most) = (pick(cells, key=_rate) for pick in (min, max))
    if low is high:
        hosts = counted(most.n_machines, "host")
        told = f" ({hosts})" if hosts else ""
        return f"{panel.test}: {_told(high)} has {most.text} {panel.unit}{told}."
    return (
        f"{panel.test}: from {least.text} {panel.unit} with {_told(low)} to {most.text} with "
        f"{_told(high)}."
    )


def _rate(found: Found) -> float:
    return found[1].rate


def _of_ratios(panel: Panel, cells: Sequence[Found]) -> str:
    """Of the strongest evidence, which stands first, the ratio farthest from 1; parts of a whole,
    whose labels begin with `on`, only where there is no whole.
    """
    first = [found for found in cells if found[0].group == cells[0][0].group]
    wholes = [found for found in first if not found[0].label.startswith("on ")]
    row, cell = max(wholes or first, key=lambda found: abs(math.log(found[1].rate)))
    return (
        f"{panel.test}, {panel.unit}: {row.label} {cell.text}"
        f"{_interval(cell.ci_low, cell.ci_high)}, {row.recipe}."
    )


def _of_loads(spec: ChartSpec) -> str:
    every = [(found, panel) for panel in spec.panels for found in cells_of(spec, panel)]
    (row, cell), panel = max(every, key=lambda each: _rate(each[0]))
    others = [other.rate for of, other in cells_of(spec, panel) if of is not row]
    beside = f", the median of the others {statistics.median(others):.0f} %" if others else ""
    return f"{row.label} was {cell.rate:.0f} % busy with {panel.test}{beside}."
