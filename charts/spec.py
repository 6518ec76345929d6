"""What is drawn: plain data that holds every number and every label, so that PNG, SVG and text can
never disagree.

`charts.data` finds `ChartData` in the facts, `build` turns it into a `ChartSpec`, the renderers
draw nothing else. The digest covers all of the spec, so two charts with the same digest look the
same.
"""

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from charts.beside import EXACT, Beside, Place, ratios, spread_percent
from charts.kinds import BARS, KINDS, NEAR, PERCENT, RATIO, SPREAD, Kind
from charts.params import ChartParams

LABEL_LENGTH = 48
REMARK_LENGTH = 110
DIFFERS_LENGTH = 400
LICENCE = "CC0-1.0"  # of everything that a chart shows
RATIO_SPAN, LEAST_RATIO = 1.5, 0.05  # an axis of ratios shows 1/1.5 to 1.5 at the least
NEAR_MARGIN, SPREAD_MARGIN = 0.12, 1.05
RATIO_UNIT = "ratio"  # of a panel of ratios beside panels of rates
BOUND_SIGNS = {"exact": "", "approximate": "~", "at_most": "\u2264", "at_least": "\u2265"}
IMPORTED_NOTE = "dashed: imported, metadata incomplete, not ranked"
MARK_NOTES = (
    "bar:",
    "dot:",
    "hollow:",
    "dashed:",
)  # how notes begin that explain a mark of the picture


@dataclass(frozen=True)
class Value:
    """One figure of one row: rate and interval in the test's unit, `host_rates` one a host. A ratio
    has no runs of its own, the load of a CPU no machines. `prediction` is where the figure of
    another host is expected, at 95 %. `spread_percent` is that of runs; of hosts it is found.
    """

    rate: float
    ci_low: float | None = None
    ci_high: float | None = None
    host_rates: tuple[float, ...] = ()
    n_runs: int | None = None
    n_machines: int | None = None
    n_submitters: int | None = None
    bound: str = "exact"
    text: str = ""  # beside the mark; empty for three digits of the rate
    prediction: tuple[float, float] | None = None
    spread_percent: float | None = None


@dataclass(frozen=True)
class FoundRow:
    """One group of one recipe, as the facts have it. `order` sorts it on the axis, `recency` says
    how new it is.
    """

    label: str
    recipe: str
    family: str
    imported: bool
    order: tuple[Any, ...]
    recency: int
    values: Mapping[str, Value]
    usual: bool = True  # False for a row whose recipe is not the one most hosts used
    group: str = ""  # ties rows together; empty for the first word of the label


@dataclass(frozen=True)
class ChartData:
    """Everything that was found. `units` by test, or by what else the panels are, in their order;
    `left_out` counts groups of other recipes that were not chosen, `withdrawn` reports that were in
    it and are not any more, `hidden` groups that found no room. `remarks` are notes of its own,
    `differs` says in what the rows differ, `repeats` are commands that measure the same again.
    """

    rows: Sequence[FoundRow]
    units: Mapping[str, str]
    title: str
    subtitle: str
    address: str
    date: str
    left_out: int = 0
    withdrawn: int = 0
    unranked: int = 0
    hidden: int = 0
    panels: tuple[str, ...] = ()  # empty for the tests of the parameters
    remarks: tuple[str, ...] = ()
    differs: str = ""
    repeats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One bar: numbers in the test's unit and the text beside it. `dots` are hosts, drawn up to 20
    of them. `prediction` is as of `Value`. `spread_percent` is a standard deviation between hosts,
    `beside` the ratio to another row.
    """

    rate: float
    ci_low: float | None
    ci_high: float | None
    dots: tuple[float, ...]
    text: str
    bound: str
    n_runs: int | None
    n_machines: int | None
    n_submitters: int | None
    prediction: tuple[float, float] | None = None
    spread_percent: float | None = None
    beside: Beside | None = None


@dataclass(frozen=True)
class Row:
    """One line of the chart. `family` chooses the colour and is named in the label, `group` ties
    lines together. `hosts` counts those of the test that has most; a bar of fewer says so itself;
    it is empty for a line that is not of hosts.
    """

    label: str
    recipe: str
    hosts: str
    family: str
    group: str
    hollow: bool
    imported: bool
    cells: Mapping[str, Cell]

    def is_hollow(self, cell: Cell) -> bool:
        """One host is one observation, whatever the line's other tests rest on."""
        return self.imported or cell.n_machines == 1

    def own_hosts(self, cell: Cell) -> str:
        """What to print beside a bar that rests on other hosts than its line says, or nothing."""
        own = counted(cell.n_machines, "host")
        return "" if own == self.hosts else own


@dataclass(frozen=True)
class Panel:
    test: str
    unit: str
    top: float  # the axis runs from `low` to here
    low: float = 0.0
    reference: float | None = None  # a rule at this figure
    is_log: bool = False

    def share(self, figure: float) -> float:
        """Where on the axis a figure stands, 0 to 1; what is beyond stands at its end."""
        places = self.low, self.top, min(max(figure, self.low), self.top)
        low, top, place = map(math.log, places) if self.is_log else places
        return (place - low) / (top - low) if top > low else 0.0


@dataclass(frozen=True)
class ChartSpec:
    title: str
    subtitle: str
    panels: tuple[Panel, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    date: str
    address: str
    kind: str = BARS
    differs: str = ""
    repeats: tuple[str, ...] = ()
    digest: str = field(default="", compare=False)

    @property
    def remarks(self) -> tuple[str, ...]:
        """The notes that are true of any form of the chart, not only of its picture."""
        return tuple(note for note in self.notes if not note.startswith(MARK_NOTES))

    def as_dict(self) -> dict[str, Any]:
        """What is kept and digested. What a chart does not have is left out, so that what was drawn
        before there was such a thing keeps its digest.
        """
        found = {name: value for name, value in asdict(self).items() if name != "digest"}
        if self.kind == BARS:
            del found["kind"]
            for panel in found["panels"]:
                del panel["low"], panel["reference"], panel["is_log"]
        for cell in (cell for row in found["rows"] for cell in row["cells"].values()):
            for name in [name for name in _LATER if cell[name] is None]:
                del cell[name]
        for name in [name for name in ("differs", "repeats") if not found[name]]:
            del found[name]
        return found

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "ChartSpec":
        """The spec that `as_dict` gave, digest included."""
        rows = tuple(
            Row(**{**row, "cells": {test: _cell(cell) for test, cell in row["cells"].items()}})
            for row in value["rows"]
        )
        panels = tuple(Panel(**panel) for panel in value["panels"])
        listed = {name: tuple(value.get(name, ())) for name in ("notes", "repeats")}
        return _with_digest(cls(**{**value, **listed, "panels": panels, "rows": rows}))


_LATER = ("prediction", "spread_percent", "beside")  # fields that old cells do not have


def _cell(value: Mapping[str, Any]) -> Cell:
    expected, beside = value.get("prediction"), value.get("beside")
    prediction = (expected[0], expected[1]) if expected else None
    given = {"dots": tuple(value["dots"]), "prediction": prediction}
    return Cell(**{**value, **given, "beside": Beside(**beside) if beside else None})


def _with_digest(spec: ChartSpec) -> ChartSpec:
    text = json.dumps(spec.as_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return ChartSpec(**{**_shallow(spec), "digest": hashlib.sha256(text.encode()).hexdigest()})


def _shallow(spec: ChartSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in ChartSpec.__dataclass_fields__}


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
    return _with_digest(
        ChartSpec(
            title=clean(data.title, 80),
            subtitle=clean(data.subtitle, 110),
            panels=tuple(panels),
            rows=_rows(kind, chosen),
            notes=tuple(_notes(kind, data, chosen)),
            date=data.date,
            address=data.address,
            kind=params.kind,
            differs=clean(data.differs, DIFFERS_LENGTH),
            repeats=data.repeats,
        )
    )


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
        low, high = min(least / SPREAD_MARGIN, 1 / RATIO_SPAN), min(max(top, RATIO_SPAN), 20.0)
        return Panel(test, unit, high, max(low, LEAST_RATIO), reference=1.0, is_log=True)
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
    return Place(drawn.group, drawn.recipe, row.imported, rates)


def _row(kind: Kind, row: FoundRow) -> Row:
    hosts = _hosts(row)
    return Row(
        label=clean(row.label),
        recipe=clean(row.recipe),
        hosts=counted(hosts, "host") if hosts else "",
        family=row.family,
        group=clean(row.group) or clean(row.label).split(" ")[0],
        hollow=row.imported or hosts == 1,
        imported=row.imported,
        cells={test: _drawn(kind, value) for test, value in row.values.items()},
    )


def counted(number: int | None, noun: str) -> str:
    """`1 host`, `2 hosts`; nothing of what is not counted."""
    if number is None:
        return ""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _dots(kind: Kind, value: Value) -> tuple[float, ...]:
    """The hosts that are drawn one by one."""
    return tuple(value.host_rates) if 1 < len(value.host_rates) <= kind.dots else ()


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


def short(rate: float) -> str:
    """Three significant digits: 6.49k, 23.5k, 104k, 9.92G."""
    for factor, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")):
        if rate >= factor * 0.9995:
            scaled = rate / factor
            return f"{scaled:.{max(0, 2 - _digits_before_point(scaled))}f}{suffix}"
    return f"{rate:.3g}"


def _digits_before_point(value: float) -> int:
    """0 for 1 to 9.99, 1 for 10 to 99.9, 2 for 100 and more, after rounding to three digits."""
    return int(f"{value:.2e}".partition("e")[2])


def clean(text: str, length: int = LABEL_LENGTH) -> str:
    """Text that can stand in a picture: one line, no control or bidi characters, few marks,
    bounded length.
    """
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text[: 20 * length]):
        kind = unicodedata.category(character)
        marks = marks + 1 if kind[0] == "M" else 0
        if marks > 2 or kind == "Cf":
            continue
        kept.append(" " if kind[0] in "CZ" else character)
    # Dropped characters may have stood between a letter and its mark, so compose once more.
    line = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
    return shortened(line, length)


def shortened(line: str, length: int) -> str:
    """At most `length` characters, cut in the middle: a label ends with what tells it from its
    neighbours.
    """
    if len(line) <= length:
        return line
    tail = (length - 1) // 3
    return f"{line[: length - 1 - tail].rstrip()}\u2026{line[len(line) - tail :].lstrip()}"
