"""What is drawn: plain data that holds every number and every label, so that PNG, SVG and text can
never disagree.

`charts.data` finds `ChartData` in the facts, `charts.build` turns it into a `ChartSpec`, the
renderers draw nothing else. The digest covers all of the spec, so two charts with the same digest
look the same.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from charts.beside import Beside
from charts.kinds import BARS
from charts.labels import counted

LICENCE = "CC0-1.0"  # of everything that a chart shows
MARK_NOTES = (
    "bar:",
    "dot:",
    "hollow:",
    "dashed:",
    "arrow:",
)  # how notes begin that explain a mark of the picture


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
        places = self.low, self.top, self.within(figure)
        low, top, place = map(math.log, places) if self.is_log else places
        return (place - low) / (top - low) if top > low else 0.0

    def within(self, figure: float) -> float:
        return min(max(figure, self.low), self.top)

    def is_beyond(self, figure: float) -> bool:
        return figure != self.within(figure)


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
            if "beside" in cell and cell["beside"]["together"] == 1:
                del cell["beside"]["together"]
        for name in [name for name in ("differs", "repeats") if not found[name]]:
            del found[name]
        return found

    def with_digest(self) -> "ChartSpec":
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return replace(self, digest=hashlib.sha256(text.encode()).hexdigest())

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "ChartSpec":
        """The spec that `as_dict` gave, digest included."""
        rows = tuple(
            Row(**{**row, "cells": {test: _cell(cell) for test, cell in row["cells"].items()}})
            for row in value["rows"]
        )
        panels = tuple(Panel(**panel) for panel in value["panels"])
        listed = {name: tuple(value.get(name, ())) for name in ("notes", "repeats")}
        return cls(**{**value, **listed, "panels": panels, "rows": rows}).with_digest()


_LATER = ("prediction", "spread_percent", "beside")  # fields that old cells do not have


def _cell(value: Mapping[str, Any]) -> Cell:
    expected, beside = value.get("prediction"), value.get("beside")
    prediction = (expected[0], expected[1]) if expected else None
    given = {"dots": tuple(value["dots"]), "prediction": prediction}
    return Cell(**{**value, **given, "beside": Beside(**beside) if beside else None})
