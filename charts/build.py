"""From what was found to what is drawn: which rows, their axes, their ratios to each other, and
what a reader is told of them. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from charts.beside import EXACT, Place, ratios, spread_percent
from charts.found import RATIO_UNIT, ChartData, FoundRow, Value
from charts.kinds import KINDS, NEAR, PERCENT, RATIO, SPREAD, SWARM, Kind
from charts.labels import clean, counted, short
from charts.params import ChartParams
from charts.spec import Cell, ChartSpec, Panel, Row
from registry.evidence.summary import thinned

REMARK_LENGTH = RECIPE_LENGTH = 110
DIFFERS_LENGTH = 400
RATIO_SPAN = 1.5  # an axis of ratios shows 1/1.5 to 1.5 at the least
LEAST_RATIO, MOST_RATIO = 1e-3, 1e3  # what is beyond stands at the edge of the axis
NEAR_MARGIN, SPREAD_MARGIN = 0.12, 1.05
BOUND_SIGNS = {"exact": "", "approximate": "~", "at_most": "\u2264", "at_least": "\u2265"}
IMPORTED_NOTE = "dashed: imported, metadata incomplete, not ranked"


def build(params: ChartParams, data: ChartData) -> ChartSpec:
    """At most `params.limit` rows, the newest always among them, in the order of the axis."""
    kind = KINDS[params.kind]
    chosen = chosen_rows(data.rows, params.limit)
    named = data.panels or params.tests
    panels = [
        _panel(kind, test, data.units[test], chosen)
        for test in named
        if any(test in row.values for row in chosen)
    ]
    if kind.is_even:
        panels = [replace(each, top=max(one.top for one in panels)) for each in panels]
    spec = ChartSpec(
        title=clean(_title(data.title, params, panels), 80),
        subtitle=clean(data.subtitle, 110),
        panels=tuple(panels),
        rows=_rows(kind, chosen),
        notes=(*_notes(kind, data, chosen), *_beyond(panels, chosen)),
        date=data.date,
        address=data.address,
        kind=params.kind,
        differs=clean(data.differs, DIFFERS_LENGTH),
        repeats=data.repeats,
    )
    return ChartSpec.from_dict(_twelve_digits(spec.as_dict()))


def _twelve_digits(value: Any) -> Any:
    """The same with figures as they may be written: what went through logarithms and back ends in
    digits that nobody measured, such as 6493.999999999995.
    """
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {name: _twelve_digits(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_twelve_digits, value))
    return value


def _title(title: str, params: ChartParams, panels: Sequence[Panel]) -> str:
    """A title that begins with the tests begins with those that are drawn."""
    drawn = {panel.test for panel in panels}
    every, shown = (
        ", ".join(tests)
        for tests in (params.tests, [test for test in params.tests if test in drawn])
    )
    return shown + title.removeprefix(every) if shown and title.startswith(every) else title


def chosen_rows(rows: Sequence[FoundRow], limit: int) -> list[FoundRow]:
    """The newest row, then measured before imported, usual recipes, more hosts, newer ones."""
    if not rows:
        return []
    newest = max(rows, key=lambda row: row.recency)
    others = sorted(
        (row for row in rows if row is not newest),
        key=lambda row: (row.imported, not row.usual, -_hosts(row), -row.recency),
    )
    return sorted([newest, *others[: limit - 1]], key=lambda row: row.order)


def _hosts(row: FoundRow) -> int:
    return max((value.n_machines or 0 for value in row.values.values()), default=0)


def _panel(kind: Kind, test: str, unit: str, rows: Sequence[FoundRow]) -> Panel:
    """The axis: from 0, from a little below the least figure, or of ratios around 1."""
    values = [row.values[test] for row in rows if test in row.values]
    hosts = [rate for value in values for rate in _dots(kind, value)]
    ends = [end for value in values for end in value.prediction or ()]
    figures = [value.rate for value in values] + hosts + ends
    top = max([*figures, *(v.ci_high for v in values if v.ci_high)], default=1.0)
    least = min([*figures, *(v.ci_low for v in values if v.ci_low)], default=0.0)
    if kind.axis == RATIO or unit == RATIO_UNIT:
        low = max(min(least / SPREAD_MARGIN, 1 / RATIO_SPAN), LEAST_RATIO)
        high = min(max(top, RATIO_SPAN), MOST_RATIO)
        return Panel(test, unit, high, low, reference=1.0, is_log=True)
    if kind.axis == PERCENT:
        return Panel(test, unit, 100.0)
    if kind.axis == SPREAD and least > 0:
        return Panel(test, unit, top, least / SPREAD_MARGIN, is_log=True)
    if kind.axis == NEAR:
        return Panel(test, unit, top, max(0.0, least - (top - least or top) * NEAR_MARGIN))
    return Panel(test, unit, top)


def _rows(kind: Kind, rows: Sequence[FoundRow]) -> tuple[Row, ...]:
    """Rows with their figures, each beside the first one of its group where the kind compares."""
    drawn = [_row(kind, row) for row in rows]
    if not kind.compares:
        return tuple(drawn)
    for test in dict.fromkeys(test for row in rows for test in row.values):
        places = [_place(row, one, test) for row, one in zip(rows, drawn, strict=True)]
        for number, beside in ratios(places).items():
            cells = drawn[number].cells
            cells = {**cells, test: replace(cells[test], beside=beside)}
            drawn[number] = replace(drawn[number], cells=cells)
    return tuple(drawn)


def _place(row: FoundRow, drawn: Row, test: str) -> Place:
    """Bounds are compared with nothing."""
    value = row.values.get(test)
    rates = value.host_rates if value and value.bound == EXACT else ()
    return Place(drawn.group, row.recipe_key, rates)


def _row(kind: Kind, row: FoundRow) -> Row:
    hosts = _hosts(row)
    return Row(
        label=_label(row),
        recipe=clean(row.recipe, RECIPE_LENGTH),
        hosts=counted(hosts, "host") if hosts else "",
        family=row.family,
        group=clean(row.group) or clean(row.label).split(" ")[0],
        hollow=row.imported or hosts == 1,
        imported=row.imported,
        cells={test: _drawn(kind, value) for test, value in row.values.items()},
    )


def _label(row: FoundRow) -> str:
    """What follows the name of a group is cut apart from it: under that name it stands alone."""
    own = row.label.removeprefix(f"{row.group}, ")
    return clean(own) if own == row.label else f"{clean(row.group)}, {clean(own)}"


def _dots(kind: Kind, value: Value) -> tuple[float, ...]:
    """The hosts that are drawn one by one; of a swarm of more than there is room for, so many."""
    rates = value.host_rates
    if kind.mark == SWARM:
        rates = tuple(thinned(rates, kind.dots))
    return tuple(rates) if 1 < len(rates) <= kind.dots else ()


def _drawn(kind: Kind, value: Value) -> Cell:
    whisker = (value.n_machines or 0) >= kind.whisker_from
    return Cell(
        rate=value.rate,
        ci_low=value.ci_low if whisker else None,
        ci_high=value.ci_high if whisker else None,
        dots=_dots(kind, value),
        text=value.text or BOUND_SIGNS[value.bound] + short(value.rate),
        bound=value.bound,
        n_runs=value.n_runs,
        n_machines=value.n_machines,
        n_submitters=value.n_submitters,
        prediction=value.prediction,
        spread_percent=value.spread_percent or spread_percent(value.host_rates),
    )


def _beyond(panels: Sequence[Panel], rows: Sequence[FoundRow]) -> Iterator[str]:
    figures = ((panel, row.values.get(panel.test)) for panel in panels for row in rows)
    if any(panel.is_beyond(value.rate) for panel, value in figures if value):
        yield "arrow: beyond the axis"


def _notes(kind: Kind, data: ChartData, rows: Sequence[FoundRow]) -> list[str]:
    withdrawn = [f"{data.withdrawn:,} withdrawn in the last 30 days"] if data.withdrawn else []
    if not rows:
        return withdrawn
    values = [value for row in rows if not row.imported for value in row.values.values()]
    notes = [kind.note]
    if any(value.n_machines == 1 for value in values):
        notes.append("hollow: 1 host")
    if any(row.imported for row in rows):
        notes.append(IMPORTED_NOTE)
    if kind.mark == SWARM and any(len(value.host_rates) > kind.dots for value in values):
        notes.append(f"of more than {kind.dots} hosts {kind.dots} are drawn, evenly by rank")
    hidden = data.hidden + len(data.rows) - len(rows)
    if hidden > 0:
        notes.append(f"{hidden} more groups not drawn")
    if data.left_out:
        notes.append(f"{data.left_out} figures in other units not drawn")
    if data.unranked:
        notes.append(f"{counted(data.unranked, 'group')} of too few hosts not ranked")
    notes += (clean(remark, REMARK_LENGTH) for remark in data.remarks)
    runs = sum(value.n_runs or 0 for row in rows for value in row.values.values())
    if runs:
        notes.append(f"{counted(runs, 'run')} in all")
    return notes + withdrawn
