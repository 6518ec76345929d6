"""A spec as PNG and SVG, both from one matplotlib Figure with fixed margins. Called by
`charts.pipeline` in a worker.

A row of the figure is a line of a printed table: label on the left, a bar a test, the number at
the bar's end.
"""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from charts import style
from charts.kinds import BAR, DOT, KINDS, SWARM
from charts.spec import Cell, ChartSpec, Panel, Row, short

BAR_HEIGHT = 0.56
CAP_HEIGHT = 0.2
DOTS_BELOW = 0.18  # beside a whisker its hosts stand lower, so that both can be read
LABEL_SIZES = (10.5, 9.5, 8.5)
DETAIL_SIZES = (8.0, 7.0)
RATIO_TICKS = (0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
GOLDEN = 0.618  # a step that never comes back to the same place
VALUE_ROOM = 1.30  # the axis runs this far beyond the longest bar, for the number at its end


@dataclass(frozen=True)
class Rendered:
    png: bytes
    svg: bytes


def render(spec: ChartSpec) -> Rendered:
    """PNG of 1200 pixels across and SVG of the same figure; the same spec gives the same bytes."""
    with matplotlib.style.context(["default", style.SETTINGS]):
        figure = _figure(spec)
        return Rendered(_png(figure), _svg(figure))


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _figure(spec: ChartSpec) -> Figure:
    height = _height_in(spec)
    figure = Figure(figsize=(style.WIDTH_IN, height), dpi=style.DPI)
    FigureCanvasAgg(figure)
    _head_and_foot(figure, spec, height)
    if not spec.rows or not spec.panels:
        _empty(figure, spec)
        return figure
    _labels(figure, spec, height)
    for panel, (left, width) in zip(spec.panels, _columns(spec), strict=True):
        bottom = _rows_bottom_in(spec, height)
        box = (
            left / style.WIDTH_IN,
            bottom / height,
            width / style.WIDTH_IN,
            (height - style.TOP_IN - bottom) / height,
        )
        _panel(figure.add_axes(box), panel, spec)
    return figure


def _height_in(spec: ChartSpec) -> float:
    needed = style.TOP_IN + style.BOTTOM_IN + style.ROW_IN * len(spec.rows)
    return min(max(needed, style.LEAST_HEIGHT_IN), style.MOST_HEIGHT_IN)


def _row_in(spec: ChartSpec, height: float) -> float:
    room = height - style.TOP_IN - style.BOTTOM_IN
    return min(room / len(spec.rows), style.ROW_MOST_IN)


def _rows_bottom_in(spec: ChartSpec, height: float) -> float:
    return height - style.TOP_IN - _row_in(spec, height) * len(spec.rows)


def _columns(spec: ChartSpec) -> list[tuple[float, float]]:
    """(left, width) in inches of each panel: the first is foremost and the others share the rest,
    or all are even.
    """
    count = len(spec.panels)
    room = style.WIDTH_IN - style.LEFT_IN - style.RIGHT_IN - style.GAP_IN * (count - 1)
    share = 1 / count if count == 1 or KINDS[spec.kind].is_even else style.FIRST_PANEL_SHARE
    first = room * share
    other = (room - first) / max(1, count - 1)
    widths = [first] + [other] * (count - 1)
    lefts = [style.LEFT_IN + sum(widths[:i]) + style.GAP_IN * i for i in range(count)]
    return list(zip(lefts, widths, strict=True))


def _head_and_foot(figure: Figure, spec: ChartSpec, height: float) -> None:
    def write(inches_x: float, inches_y: float, text: str, **more: object) -> None:
        x, y = inches_x / style.WIDTH_IN, inches_y / height
        figure.text(x, y, style.drawable(text), **more)  # type: ignore[arg-type]

    write(style.MARGIN_IN, height - 0.48, spec.title, fontsize=16, fontweight="bold")
    write(style.MARGIN_IN, height - 0.78, spec.subtitle, fontsize=10, color=style.PALE_INK)
    for number, line in enumerate(_note_lines(spec)):
        write(style.MARGIN_IN, 0.58 - 0.19 * number, line, fontsize=8, color=style.PALE_INK)
    right = style.WIDTH_IN - style.RIGHT_IN
    write(right, 0.58, spec.address, fontsize=9, fontweight="bold", ha="right")
    write(right, 0.39, spec.date, fontsize=8, color=style.PALE_INK, ha="right")


def _note_lines(spec: ChartSpec) -> list[str]:
    first, rest = list(spec.notes[:1]), list(spec.notes[1:])
    return first + (["; ".join(rest)] if rest else [])


def _empty(figure: Figure, spec: ChartSpec) -> None:
    what, how = KINDS[spec.kind].empty
    for y in (0.38, 0.66):
        _rule(figure, y)
    figure.text(0.5, 0.53, what, ha="center", fontsize=14)
    figure.text(0.5, 0.475, how, ha="center", fontsize=10, color=style.PALE_INK)


def _labels(figure: Figure, spec: ChartSpec, height: float) -> None:
    """Two lines a row at the left edge, and a rule wherever the group changes."""
    row_in = _row_in(spec, height)
    top = height - style.TOP_IN
    for number, row in enumerate(spec.rows):
        middle = top - row_in * (number + 0.5)
        x = style.MARGIN_IN / style.WIDTH_IN
        label, size = style.fitted(row.label, style.LABEL_IN, LABEL_SIZES)
        figure.text(x, (middle + 0.03) / height, label, fontsize=size, va="bottom")
        joined = " \u00b7 ".join(part for part in (row.recipe, row.hosts) if part)
        detail, size = style.fitted(joined, style.LABEL_IN, DETAIL_SIZES)
        y = (middle - 0.02) / height
        figure.text(x, y, detail, fontsize=size, va="top", color=style.PALE_INK)
        if number and row.group != spec.rows[number - 1].group:
            y = (top - row_in * number) / height
            _rule(figure, y)


def _rule(figure: Figure, y: float) -> None:
    left, right = style.MARGIN_IN / style.WIDTH_IN, 1 - style.RIGHT_IN / style.WIDTH_IN
    figure.add_artist(
        Line2D([left, right], [y, y], color=style.RULE, linewidth=0.8, transform=figure.transFigure)
    )


def _panel(axes: Axes, panel: Panel, spec: ChartSpec) -> None:
    rows = len(spec.rows)
    axes.set_ylim(rows, 0)
    axes.set_yticks([])
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(style.PALE_INK)
    axes.patch.set_visible(False)
    _axis(axes, panel)
    kind = KINDS[spec.kind]
    size = 12 if panel is spec.panels[0] and not kind.is_even else 10
    axes.annotate(
        panel.test,
        (0, 1),
        (0, 8),
        "axes fraction",
        "offset points",
        fontsize=size,
        fontweight="bold",
    )
    axes.annotate(
        panel.unit,
        (1, 1),
        (0, 8),
        "axes fraction",
        "offset points",
        fontsize=8,
        color=style.PALE_INK,
        ha="right",
    )
    if kind.is_joined:
        _joined(axes, spec.rows, panel.test)
    mark = _dot if panel.reference is not None else _MARKS[kind.mark]
    for number, row in enumerate(spec.rows):
        if panel.test in row.cells:
            mark(axes, number + 0.5, row, row.cells[panel.test])
            _figures(axes, number + 0.5, row, row.cells[panel.test], panel)
        else:
            axes.annotate(
                "\u2013",
                (0, number + 0.5),
                (4, 0),
                ("axes fraction", "data"),
                "offset points",
                va="center",
                fontsize=9,
                color=style.PALE_INK,
            )


def _axis(axes: Axes, panel: Panel) -> None:
    """Bars are read by their figures; an axis that does not begin at 0 says where it stands."""
    if panel.reference is not None:
        axes.axvline(panel.reference, color=style.PALE_INK, linewidth=1.0)
    if panel.is_log:
        axes.set_xscale("log")
        axes.set_xlim(panel.low, panel.top * (panel.top / panel.low) ** (VALUE_ROOM - 1))
        ticks = _ratio_ticks(panel) if panel.reference else _decade_ticks(panel)
        _ticks(axes, ticks, [f"{tick:g}" if panel.reference else _round(tick) for tick in ticks])
        return
    room = (panel.top - panel.low) * VALUE_ROOM
    axes.set_xlim(panel.low, panel.low + room if room else 1.0)
    ticks = _round_ticks(panel) if panel.low else []
    _ticks(axes, ticks, [_round(tick) for tick in ticks])


def _round(tick: float) -> str:
    """8k, 12.5k, 200k."""
    digits, suffix = re.fullmatch(r"([0-9.]+)(\D*)", short(tick)).groups()  # type: ignore[union-attr]
    return f"{float(digits):g}{suffix}"


def _ratio_ticks(panel: Panel) -> list[float]:
    return [tick for tick in RATIO_TICKS if panel.low <= tick <= panel.top]


def _decade_ticks(panel: Panel) -> list[float]:
    """1, 2 and 5 of each power of ten."""
    powers = range(math.floor(math.log10(panel.low)), math.ceil(math.log10(panel.top)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return [tick for tick in ticks if panel.low <= tick <= panel.top]


def _round_ticks(panel: Panel) -> list[float]:
    places = MaxNLocator(nbins=4).tick_values(panel.low, panel.top)
    return [float(place) for place in places if panel.low <= place <= panel.top]


def _ticks(axes: Axes, places: list[float], labels: list[str]) -> None:
    axes.set_xticks(places, labels, fontsize=8, color=style.PALE_INK)
    axes.set_xticks([], minor=True)
    axes.tick_params(length=0)
    if places:
        axes.grid(axis="x", color=style.RULE, linewidth=0.8)
        axes.set_axisbelow(True)


def _bar(axes: Axes, y: float, row: Row, cell: Cell) -> None:
    colour = style.colour_of(row.family)
    axes.barh(
        y,
        cell.rate,
        height=BAR_HEIGHT,
        color=style.PAPER if row.is_hollow(cell) else colour,
        edgecolor=colour,
        linewidth=1.3,
        linestyle=(0, (3, 2)) if row.imported else "solid",
    )
    _spread(axes, y, cell)


def _joined(axes: Axes, rows: Sequence[Row], test: str) -> None:
    """A line through the figures of neighbours that have one group and recipe."""
    for number, (row, below) in enumerate(pairwise(rows)):
        is_one = (row.group, row.recipe) == (below.group, below.recipe)
        if is_one and test in row.cells and test in below.cells:
            axes.plot(
                [row.cells[test].rate, below.cells[test].rate],
                [number + 0.5, number + 1.5],
                color=style.colour_of(row.family),
                linewidth=1.2,
                alpha=0.6,
            )


def _dot(axes: Axes, y: float, row: Row, cell: Cell) -> None:
    colour = style.colour_of(row.family)
    if cell.prediction is not None:
        axes.plot(cell.prediction, [y, y], color=colour, linewidth=0.9)
    if cell.ci_low is not None and cell.ci_high is not None:
        axes.plot([cell.ci_low, cell.ci_high], [y, y], color=colour, linewidth=2.4)
    axes.plot(
        [cell.rate],
        [y],
        marker="o",
        markersize=8.5,
        markerfacecolor=style.PAPER if row.is_hollow(cell) else colour,
        markeredgecolor=colour,
        markeredgewidth=1.6,
    )


def _swarm(axes: Axes, y: float, row: Row, cell: Cell) -> None:
    """Hosts one by one, spread over the height of a bar in a fixed order, and their mean."""
    colour = style.colour_of(row.family)
    places = [y + BAR_HEIGHT * (GOLDEN * number % 1 - 0.5) for number in range(len(cell.dots))]
    axes.plot(
        cell.dots,
        places,
        linestyle="none",
        marker="o",
        markersize=4.4,
        markerfacecolor=colour,
        markeredgecolor=style.PAPER,
        markeredgewidth=0.5,
    )
    axes.plot([cell.rate] * 2, [y - BAR_HEIGHT / 2, y + BAR_HEIGHT / 2], color=style.INK)
    if cell.ci_low is not None and cell.ci_high is not None:
        axes.plot([cell.ci_low, cell.ci_high], [y, y], color=style.INK, linewidth=1.2)


def _spread(axes: Axes, y: float, cell: Cell) -> None:
    """The interval, and the hosts under it; two hosts have no interval and stand in the middle."""
    if cell.ci_low is not None and cell.ci_high is not None:
        cap, low, high = CAP_HEIGHT / 2, cell.ci_low, cell.ci_high
        axes.plot(
            [low, low, low, high, high, high],
            [y - cap, y + cap, y, y, y - cap, y + cap],
            color=style.INK,
            linewidth=1.2,
            solid_capstyle="butt",
        )
        y += DOTS_BELOW
    axes.plot(
        cell.dots,
        [y] * len(cell.dots),
        linestyle="none",
        marker="o",
        markersize=3.2,
        markerfacecolor=style.PAPER,
        markeredgecolor=style.INK,
        markeredgewidth=0.7,
    )


def _figures(axes: Axes, y: float, row: Row, cell: Cell, panel: Panel) -> None:
    """The value behind all that is drawn of the bar, and under it its hosts where they are its
    own.
    """
    drawn = (cell.rate, cell.ci_high or 0, *(cell.prediction or ()), *cell.dots)
    end = (min(max(drawn), panel.top), y)
    own = row.own_hosts(cell)
    aligned = "bottom" if own else "center"
    axes.annotate(cell.text, end, (6, 0), "data", "offset points", va=aligned, fontsize=9.5)
    if own:
        axes.annotate(
            own,
            end,
            (6, -2),
            "data",
            "offset points",
            va="top",
            fontsize=7.5,
            color=style.PALE_INK,
        )


_MARKS = {BAR: _bar, DOT: _dot, SWARM: _swarm}
