"""A spec as text: 72 columns of US-ASCII for posts and terminals, CSV for spreadsheets, JSON for
programs.
"""

import csv
import io
import json
import unicodedata

from charts.spec import Cell, ChartSpec, Panel, Row

WIDTH = 72
LABEL_WIDTH = 30
BAR_WIDTH = 27
VALUE_WIDTH = 7
_ASCII = {"\u2264": "<=", "\u2265": ">=", "\u00b7": "-", "\u2013": "-", "\u2026": "..."}
_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")


def ascii_text(text: str) -> str:
    """US-ASCII that says the same: signs spelled out, accents dropped, the rest as its code."""
    for sign, plain in _ASCII.items():
        text = text.replace(sign, plain)
    decomposed = "".join(
        c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
    )
    return decomposed.encode("ascii", "backslashreplace").decode()


def fit(text: str, width: int) -> str:
    """ASCII of at most `width` columns, padded to it."""
    plain = ascii_text(text)
    return (plain if len(plain) <= width else plain[: width - 2] + "..").ljust(width)


def render_text(spec: ChartSpec) -> str:
    """The chart as text; every line at most 72 columns, the last one ends with a newline."""
    lines = [*wrapped(spec.title), *wrapped(spec.subtitle)]
    for panel in spec.panels:
        lines += ["", f"{panel.test}, {panel.unit}", *_panel_lines(spec, panel)]
    if not spec.panels:
        lines += ["", "No reports match yet."]
    return (
        "\n".join([*lines, "", *_legend(spec), "", *wrapped(spec.address), ascii_text(spec.date)])
        + "\n"
    )


def _panel_lines(spec: ChartSpec, panel: Panel) -> list[str]:
    return [
        _line(row, row.cells[panel.test], panel) for row in spec.rows if panel.test in row.cells
    ]


def _line(row: Row, cell: Cell, panel: Panel) -> str:
    recipe = row.recipe.removesuffix("imported").rstrip(", ")
    label = fit(", ".join(part for part in (row.label, recipe) if part), LABEL_WIDTH)
    hosts = f"{cell.n_machines}{'i' if row.imported else 'h'}"
    text = ascii_text(cell.text)
    return f"{label} {bar(row, cell, panel)} {text:>{VALUE_WIDTH}} {hosts:>4}".rstrip()


def bar(row: Row, cell: Cell, panel: Panel) -> str:
    """`#` up to the figure (`:` when imported), `|` at the figure, `-` over its interval."""
    columns = [" "] * BAR_WIDTH
    at = _column(cell.rate, panel)
    columns[:at] = (":" if row.imported else "#") * at
    if cell.ci_low is not None and cell.ci_high is not None:
        low, high = _column(cell.ci_low, panel), _column(cell.ci_high, panel)
        columns[low : high + 1] = "-" * (high + 1 - low)
    columns[at] = "|"
    return "".join(columns)


def _column(rate: float, panel: Panel) -> int:
    return min(BAR_WIDTH - 1, round(rate / panel.top * (BAR_WIDTH - 1))) if panel.top else 0


def _legend(spec: ChartSpec) -> list[str]:
    lines = ["| geometric mean of hosts, -- its 95 % interval (3 hosts or more)"]
    keys = ["h = hosts"]
    if any(row.imported for row in spec.rows):
        keys.append("i = imported, not ranked")
    lines += wrapped("; ".join(keys))
    return lines


def wrapped(text: str) -> list[str]:
    """Lines of at most 72 columns, broken at spaces; a word that is longer is broken where it must
    be.
    """
    lines = [""]
    for word in ascii_text(text).split(" "):
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
)


def render_csv(spec: ChartSpec) -> str:
    """One line a bar. A cell that a spreadsheet would run as a formula gets an apostrophe; JSON
    has it as it is.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for panel in spec.panels:
        for row in spec.rows:
            if panel.test in row.cells:
                writer.writerow(_csv_row(panel, row, row.cells[panel.test]))
    return buffer.getvalue()


def _csv_row(panel: Panel, row: Row, cell: Cell) -> list[object]:
    texts = [panel.test, panel.unit, row.label, row.recipe, str(row.imported).lower(), cell.bound]
    return [
        *(_safe(text) for text in texts),
        cell.rate,
        cell.ci_low,
        cell.ci_high,
        cell.n_runs,
        cell.n_machines,
        cell.n_submitters,
    ]


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_START) else text


def render_json(spec: ChartSpec) -> str:
    """The spec itself, with its digest."""
    return json.dumps({**spec.as_dict(), "digest": spec.digest}, indent=1) + "\n"
