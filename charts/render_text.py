"""A spec as text: 72 columns of US-ASCII for posts and terminals, CSV for spreadsheets, JSON for
programs.
"""

import json
import re
import unicodedata

from charts.kinds import BAR, DOT, KINDS, SWARM
from charts.labels import counted, short, two_decimals
from charts.sentence import cells_of, named
from charts.spec import LICENCE, Cell, ChartSpec, Panel, Row
from registry import csv_table

WIDTH = 72
LABEL_WIDTH = 27
BAR_WIDTH = 16
VALUE_WIDTH = 7
INTERVAL_WIDTH = 9
_ASCII = {
    "\u2192": "->",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u00b7": "-",
    "\u2013": "-",
    "\u2026": "...",
    "\u00d7": "x",
}


def ascii_text(text: str) -> str:
    """US-ASCII that says the same: signs spelled out, accents dropped, the rest as its code."""
    for sign, plain in _ASCII.items():
        text = text.replace(sign, plain)
    decomposed = "".join(
        c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
    )
    return decomposed.encode("ascii", "backslashreplace").decode()


def render_text(spec: ChartSpec) -> str:
    """The chart as text; every line at most 72 columns, the last one ends with a newline."""
    blocks = [[*wrapped(spec.title), *wrapped(spec.subtitle)]]
    for panel in spec.panels:
        blocks.append([*wrapped(f"{panel.test}, {panel.unit}"), *_panel_lines(spec, panel)])
    blocks.append(_legend(spec) if spec.panels else [*KINDS[spec.kind].empty, *spec.remarks])
    blocks.append([*wrapped(spec.address), *wrapped(f"{spec.date}, {LICENCE}")])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _panel_lines(spec: ChartSpec, panel: Panel) -> list[str]:
    kind = KINDS[spec.kind]
    mark = DOT if panel.reference is not None else kind.mark
    lines: list[str] = []
    heading = ""
    for row in spec.rows:
        if panel.test not in row.cells:
            continue
        if kind.is_joined and row.group != heading:
            heading = row.group
            lines += wrapped(heading)
        lines += _lines(row, row.cells[panel.test], panel, mark, heading)
    return lines


def _lines(row: Row, cell: Cell, panel: Panel, mark: str, heading: str) -> list[str]:
    """One line; where the label is too long for that, the label whole on lines of its own, since
    its end may be all that tells two rows apart. What the heading says is not said again.
    """
    label = "  " * bool(heading) + ascii_text(named(row).removeprefix(f"{heading}, "))
    figures = _figures(row, cell, panel, bar(row, cell, panel, mark))
    line = f"{label:{LABEL_WIDTH}} {figures}"
    if len(label) <= LABEL_WIDTH and len(line) <= WIDTH:
        return [line]
    line = f"{'':{LABEL_WIDTH}} {figures}"
    return [*wrapped(label), *([line] if len(line) <= WIDTH else wrapped(" ".join(line.split())))]


def _figures(row: Row, cell: Cell, panel: Panel, drawn: str) -> str:
    """The number, its bar, its interval, how many hosts."""
    beside = interval(cell, panel) or ("imported" if row.imported else "")
    hosts = counted(cell.n_machines, "host")
    text = f"{ascii_text(cell.text):>{VALUE_WIDTH}} {drawn} {beside:{INTERVAL_WIDTH}} {hosts}"
    return text.rstrip()


def interval(cell: Cell, panel: Panel) -> str:
    """33.9-36.1 beside 34.9k; each end has its own suffix where the three are not the same. Ratios
    have two decimals.
    """
    if cell.ci_low is None or cell.ci_high is None:
        return ""
    if panel.reference is not None:
        return f"{two_decimals(cell.ci_low)}-{two_decimals(cell.ci_high)}"
    ends = [short(cell.ci_low), short(cell.ci_high)]
    suffixes = {text[-1] for text in (short(cell.rate), *ends)}
    if len(suffixes) == 1 and suffixes.pop().isalpha():
        ends = [text[:-1] for text in ends]
    return "-".join(ends)


def bar(row: Row, cell: Cell, panel: Panel, mark: str = BAR) -> str:
    """`|` at the figure, `<` or `>` where that is beyond the axis, `-` over its interval; of bars
    `#` up to it (`:` when imported), of hosts one by one an `o` each, of ratios `:` where nothing
    differs; `.` as far as another host is expected.
    """
    columns = [" "] * BAR_WIDTH
    at = _column(cell.rate, panel)
    if mark == BAR:
        columns[:at] = (":" if row.imported else "#") * at
    if cell.prediction is not None:
        low, high = (_column(end, panel) for end in cell.prediction)
        columns[low : high + 1] = "." * (high + 1 - low)
    if panel.reference is not None:
        columns[_column(panel.reference, panel)] = ":"
    if mark == SWARM:
        for dot in cell.dots:
            columns[_column(dot, panel)] = "o"
    elif cell.ci_low is not None and cell.ci_high is not None:
        low, high = _column(cell.ci_low, panel), _column(cell.ci_high, panel)
        columns[low : high + 1] = "-" * (high + 1 - low)
    columns[at] = "|" if not panel.is_beyond(cell.rate) else "<" if cell.rate < panel.low else ">"
    return "".join(columns)


def _column(rate: float, panel: Panel) -> int:
    return round(panel.share(rate) * (BAR_WIDTH - 1))


def _legend(spec: ChartSpec) -> list[str]:
    lines = list(KINDS[spec.kind].legend)
    if any(row.imported for row in spec.rows):
        lines.append(": imported, metadata incomplete, not ranked")
    if any(
        panel.is_beyond(cell.rate) for panel in spec.panels for _, cell in cells_of(spec, panel)
    ):
        lines.append("< > beyond the axis")
    return [*lines, *(part for remark in spec.remarks for part in wrapped(remark))]


def wrapped(text: str) -> list[str]:
    """Lines of at most 72 columns, broken at spaces; a word that is longer is broken where it must
    be.
    """
    lines = [""]
    for word in re.split(" (?!%)", ascii_text(text)):
        while len(word) > WIDTH:
            lines.append(word[:WIDTH])
            word = word[WIDTH:]
        if len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


CSV_COLUMNS = (
    "test",
    "unit",
    "group",
    "recipe",
    "imported",
    "bound",
    "rate",
    "ci_low",
    "ci_high",
    "n_runs",
    "n_machines",
    "n_submitters",
    "prediction_low",
    "prediction_high",
    "spread_percent",
    "ratio",
    "ratio_low",
    "ratio_high",
    "ratio_to",
)


def render_csv(spec: ChartSpec) -> str:
    """One line a bar."""
    rows = [
        _csv_row(spec, panel, row, row.cells[panel.test])
        for panel in spec.panels
        for row in spec.rows
        if panel.test in row.cells
    ]
    return csv_table.write(CSV_COLUMNS, rows)


def _csv_row(spec: ChartSpec, panel: Panel, row: Row, cell: Cell) -> dict[str, object]:
    low, high = cell.prediction or (None, None)
    beside = cell.beside
    return {
        "test": panel.test,
        "unit": panel.unit,
        "group": row.label,
        "recipe": row.recipe,
        "imported": row.imported,
        "bound": cell.bound,
        "rate": cell.rate,
        "ci_low": cell.ci_low,
        "ci_high": cell.ci_high,
        "n_runs": cell.n_runs,
        "n_machines": cell.n_machines,
        "n_submitters": cell.n_submitters,
        "prediction_low": low,
        "prediction_high": high,
        "spread_percent": cell.spread_percent,
        "ratio": beside.ratio if beside else None,
        "ratio_low": beside.ci_low if beside else None,
        "ratio_high": beside.ci_high if beside else None,
        "ratio_to": named(spec.rows[beside.base]) if beside else None,
    }


def render_json(spec: ChartSpec) -> str:
    """The spec itself, with its digest."""
    return json.dumps({**spec.as_dict(), "digest": spec.digest}, indent=1) + "\n"
