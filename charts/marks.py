"""The marks of a chart's rows in one panel: bars, dots and swarms with their intervals and figures,
and the axis they stand on. Heights are inches from the top of the rows. Called by
`charts.render_png_svg`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform

from charts import style
from charts.kinds import BAR, DOT, KINDS, SWARM
from charts.labels import short
from charts.layout import VALUE_GAP_IN, Layout, own_size, value_size
from charts.spec import Cell, ChartSpec, Panel, Row

RATIO_TICKS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 1.0),
    *(1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0),
)
WIDE_RATIOS = 400.0  # an axis from there on has decades
TICK_GAP = 0.07  # of the axis, below which two labels would touch
GOLDEN = 0.618  # a step that never comes back to the same place
POINTS_PER_IN = 72
_ARROWS = {False: "<", True: ">"}  # at the edge of an axis of ratios, for what is beyond
_PLATE = {"boxstyle": "square,pad=0.08", "facecolor": style.PAPER, "edgecolor": "none"}


@dataclass(frozen=True)
class Pen:
    """Where the marks of one panel go: its axes, the height of a bar, the size of figures, and
    whether lines run behind those.
    """

    axes: Axes
    panel: Panel
    bar: float
    size: float
    is_on_lines: bool


def draw_panel(axes: Axes, panel: Panel, spec: ChartSpec, layout: Layout, width: float) -> None:
    kind = KINDS[spec.kind]
    size, room = value_size(spec, panel, width, layout.sizes(style.VALUE_SIZES))
    is_dots = panel.reference is not None or kind.mark != BAR
    pen = Pen(axes, panel, layout.bar, size, is_dots)
    axes.set_ylim(layout.rows, 0)
    axes.set_yticks([])
    axes.set_frame_on(False)
    axes.patch.set_visible(False)
    middles = [layout.middle(number) for number in range(len(spec.rows))]
    _axis(pen, panel, width / (width - room), middles)
    if kind.is_joined:
        _joined(axes, spec.rows, panel.test, middles)
    mark = _MARKS[DOT if panel.reference is not None else kind.mark]
    for row, y in zip(spec.rows, middles, strict=True):
        if panel.test not in row.cells:
            _nothing(pen, y)
            continue
        if is_dots:
            axes.plot([0, 1], [y, y], color=style.RULE, linewidth=0.8, transform=_across(axes))
        mark(pen, y, row, row.cells[panel.test])
        _figures(pen, y, row, row.cells[panel.test], panel)


def _across(axes: Axes) -> Transform:
    """Fractions of the panel's width, and heights as of the marks."""
    return axes.get_yaxis_transform()


def _nothing(pen: Pen, y: float) -> None:
    """A row without a figure of this panel."""
    pen.axes.annotate(
        "\u2013",
        (0, y),
        (2, 0),
        _across(pen.axes),
        "offset points",
        va="center",
        fontsize=pen.size,
        color=style.PALE_INK,
    )


def _axis(pen: Pen, panel: Panel, room: float, middles: Sequence[float]) -> None:
    """Bars are read by their figures; an axis that does not begin at 0 says where it stands. It
    runs `room` times as far as the longest bar, for the figure at its end.
    """
    axes = pen.axes
    if panel.is_log:
        axes.set_xscale("log")
        axes.set_xlim(panel.low, panel.low * (panel.top / panel.low) ** room)
        ticks = _ratio_ticks(panel) if panel.reference else _decade_ticks(panel)
        labels = [f"{tick:g}" if panel.reference else _round(tick) for tick in ticks]
    else:
        span = (panel.top - panel.low) * room
        axes.set_xlim(panel.low, panel.low + span if span else panel.low + 1.0)
        ticks = _round_ticks(panel) if panel.low else []
        labels = [_round(tick) for tick in ticks]
    axes.set_xticks(ticks, labels, fontsize=style.TICK_SIZE, color=style.PALE_INK)
    axes.set_xticks([], minor=True)
    axes.tick_params(length=0, pad=2)
    for tick in ticks:
        _rule(pen, tick, middles, tick == panel.reference)


def _rule(pen: Pen, at: float, middles: Sequence[float], is_reference: bool) -> None:
    """A piece of rule at each row, so that none runs through a label."""
    half = pen.bar / 2
    colour, width = (style.PALE_INK, 1.6) if is_reference else (style.RULE, 0.9)
    xs = [at, at, math.nan] * len(middles)
    ys = [y for middle in middles for y in (middle - half, middle + half, math.nan)]
    pen.axes.plot(xs, ys, color=colour, linewidth=width)


def _round(tick: float) -> str:
    """8k, 12.5k, 200k, 1e-05."""
    text = short(tick)
    digits, suffix = (text[:-1], text[-1]) if text[-1].isalpha() else (text, "")
    return f"{float(digits):g}{suffix}"


def _ratio_ticks(panel: Panel) -> list[float]:
    """1 first, then what finds room beside what stands."""
    if panel.top > WIDE_RATIOS * panel.low:
        return _decade_ticks(panel)
    found: list[float] = []
    for tick in sorted(RATIO_TICKS, key=lambda each: abs(math.log(each))):
        is_free = all(abs(panel.share(tick) - panel.share(other)) > TICK_GAP for other in found)
        if panel.low <= tick <= panel.top and is_free:
            found.append(tick)
    return sorted(found)


def _decade_ticks(panel: Panel) -> list[float]:
    """1, 2 and 5 of each power of ten, or the powers alone where those would touch."""
    first, last = math.floor(math.log10(panel.low)), math.ceil(math.log10(panel.top))
    digits = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
    step = max(1, (last - first) // 8)
    return [tick for tick in ticks if panel.low <= tick <= panel.top][::step]


def _round_ticks(panel: Panel) -> list[float]:
    places = MaxNLocator(nbins=4).tick_values(panel.low, panel.top)
    return [float(place) for place in places if panel.low <= place <= panel.top]


def _bar(pen: Pen, y: float, row: Row, cell: Cell) -> None:
    colour = style.colour_of(row.family)
    pen.axes.barh(
        y,
        min(cell.rate, pen.axes.get_xlim()[1]),  # Agg cannot dash an outline of any length
        height=pen.bar,
        color=style.PAPER if row.is_hollow(cell) else colour,
        edgecolor=colour,
        linewidth=1.8,
        linestyle=(0, (3, 2)) if row.imported else "solid",
    )
    _spread(pen, y, cell)


def _joined(axes: Axes, rows: Sequence[Row], test: str, middles: Sequence[float]) -> None:
    """A line through the figures of neighbours that have one group and recipe."""
    for (row, y), (below, y_below) in pairwise(zip(rows, middles, strict=True)):
        is_one = (row.group, row.recipe) == (below.group, below.recipe)
        if is_one and test in row.cells and test in below.cells:
            axes.plot(
                [row.cells[test].rate, below.cells[test].rate],
                [y, y_below],
                color=style.colour_of(row.family),
                linewidth=1.6,
                alpha=0.5,
            )


def _dot(pen: Pen, y: float, row: Row, cell: Cell) -> None:
    colour = style.colour_of(row.family)
    within = pen.panel.within
    if cell.prediction is not None:
        pen.axes.plot(list(map(within, cell.prediction)), [y, y], color=colour, linewidth=1.4)
    if cell.ci_low is not None and cell.ci_high is not None:
        ends = [within(cell.ci_low), within(cell.ci_high)]
        pen.axes.plot(ends, [y, y], color=colour, linewidth=4.0)
    pen.axes.plot(
        [within(cell.rate)],
        [y],
        marker="o" if not pen.panel.is_beyond(cell.rate) else _ARROWS[cell.rate > 1],
        clip_on=not pen.panel.is_beyond(cell.rate),
        markersize=12,
        markerfacecolor=style.PAPER if row.is_hollow(cell) else colour,
        markeredgecolor=colour,
        markeredgewidth=2.0,
    )


def _swarm(pen: Pen, y: float, row: Row, cell: Cell) -> None:
    """Hosts one by one, spread over the height of a bar in a fixed order, and their mean."""
    places = [y + pen.bar * (GOLDEN * number % 1 - 0.5) for number in range(len(cell.dots))]
    pen.axes.plot(
        cell.dots,
        places,
        linestyle="none",
        marker="o",
        markersize=6,
        markerfacecolor=style.colour_of(row.family),
        markeredgecolor=style.PAPER,
        markeredgewidth=0.6,
    )
    half = pen.bar / 2 + 0.04
    pen.axes.plot([cell.rate] * 2, [y - half, y + half], color=style.INK, linewidth=2.4)
    if cell.ci_low is not None and cell.ci_high is not None:
        pen.axes.plot([cell.ci_low, cell.ci_high], [y, y], color=style.INK, linewidth=1.8)


def _spread(pen: Pen, y: float, cell: Cell) -> None:
    """The interval, and the hosts under it; two hosts have no interval and stand in the middle."""
    if cell.ci_low is not None and cell.ci_high is not None:
        cap, low, high = pen.bar / 4, cell.ci_low, cell.ci_high
        pen.axes.plot(
            [low, low, low, high, high, high],
            [y - cap, y + cap, y, y, y - cap, y + cap],
            color=style.INK,
            linewidth=1.6,
            solid_capstyle="butt",
        )
        y += pen.bar / 3
    pen.axes.plot(
        cell.dots,
        [y] * len(cell.dots),
        linestyle="none",
        marker="o",
        markersize=4.2,
        markerfacecolor=style.PAPER,
        markeredgecolor=style.INK,
        markeredgewidth=0.9,
    )


def _figures(pen: Pen, y: float, row: Row, cell: Cell, panel: Panel) -> None:
    """The value behind all that is drawn of the bar, and its hosts where they are its own."""
    drawn = (cell.rate, cell.ci_high or 0, *(cell.prediction or ()), *cell.dots)
    end = (panel.within(max(drawn)), y)
    text, own = style.drawable(cell.text), row.own_hosts(cell)
    _write(pen, end, VALUE_GAP_IN, text, fontsize=pen.size)
    if own:
        after = 2 * VALUE_GAP_IN + style.width_in_of(text, pen.size)
        _write(pen, end, after, own, fontsize=own_size(pen.size), color=style.PALE_INK)


def _write(pen: Pen, at: tuple[float, float], after_in: float, text: str, **more: object) -> None:
    pen.axes.annotate(
        text,
        at,
        (after_in * POINTS_PER_IN, 0),
        "data",
        "offset points",
        va="center_baseline",
        bbox=_PLATE if pen.is_on_lines else None,
        **more,  # type: ignore[arg-type]
    )


_MARKS = {BAR: _bar, DOT: _dot, SWARM: _swarm}
