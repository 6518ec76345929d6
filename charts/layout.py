"""Where everything of a picture stands, in inches from its top left corner: made to be read at 360
pixels, so a row has its label above its bar, and both have the whole width. Pure but for the widths
of letters; called by `charts.render_png_svg` and `charts.marks`.
"""

from dataclasses import dataclass

from charts import style
from charts.kinds import FROM_ZERO, KINDS, PERCENT
from charts.spec import LICENCE, Cell, ChartSpec, Panel, Row

TEXT_IN = style.WIDTH_IN - 2 * style.MARGIN_IN
TITLE_IN, LINE_IN, NOTE_IN, HEAD_IN, FOOT_IN = 0.72, 0.26, 0.23, 0.5, 0.5
TICKS_IN = 0.32
VALUE_GAP_IN = 0.09
LEAST_AXIS = 0.3  # of a panel's width, whatever its figures need
NOTE_LINES = 6


@dataclass(frozen=True)
class Layout:
    """`row` is the height of one row, `top` where the first begins; `starts` are the rows' places
    below it, and `rows` the height of all. Labels stand in a column of the width `side` where that
    is not 0: lines run from row to row there.
    """

    height: float
    top: float
    row: float
    starts: tuple[float, ...]
    subtitle: tuple[str, ...]
    notes: tuple[str, ...]
    side: float = 0.0

    @property
    def rows(self) -> float:
        return self.starts[-1] + self.row

    @property
    def label(self) -> float:
        """The height of a label above its bar."""
        return 0.0 if self.side else min(style.LABEL_IN, self.row * 0.58)

    @property
    def bar(self) -> float:
        """The height of a bar."""
        return min(style.BAR_IN, (self.row - self.label) * 0.9)

    def sizes(self, sizes: tuple[float, ...]) -> tuple[float, ...]:
        """Those of these sizes of letters for which rows are high enough, the least in any case."""
        return tuple(size for size in sizes if size <= self.row * 34) or sizes[-1:]

    def middle(self, number: int) -> float:
        """Of the bar of a row, from the top of the rows."""
        return self.starts[number] + (self.row / 2 if self.side else self.label + self.bar / 2)


def layout_of(spec: ChartSpec) -> Layout:
    subtitle = style.lines_of(spec.subtitle, TEXT_IN, style.SUBTITLE_SIZE)[:2]
    notes = tuple(
        line
        for note in _joined(spec.notes)
        for line in style.lines_of(note, TEXT_IN, style.NOTE_SIZE)
    )[:NOTE_LINES]
    top = TITLE_IN + LINE_IN * len(subtitle) + HEAD_IN
    bottom = FOOT_IN + NOTE_IN * len(notes) + (TICKS_IN if _has_ticks(spec) else 0.1)
    side = style.SIDE_IN if KINDS[spec.kind].is_joined else 0.0
    usual, most = _SIDE_ROWS if side else _ROWS
    lines = _lines(spec, bool(side))
    needed = top + bottom + usual * (lines[-1] + 1)
    height = min(max(needed, style.LEAST_HEIGHT_IN), style.MOST_HEIGHT_IN)
    row = min((height - top - bottom) / (lines[-1] + 1), most)
    starts = tuple(row * line for line in lines)
    return Layout(height, top, row, starts, subtitle, notes, side)


_ROWS = style.ROW_IN, style.ROW_MOST_IN
_SIDE_ROWS = style.SIDE_ROW_IN, style.SIDE_ROW_MOST_IN


def _lines(spec: ChartSpec, has_heads: bool) -> list[int]:
    """The line of each row, counting the names of groups where they stand above their rows."""
    lines, line, group = [], -1, None
    for row in spec.rows:
        line += 1 + (has_heads and row.group != group)
        group = row.group
        lines.append(line)
    return lines or [0]


def _joined(notes: tuple[str, ...]) -> list[str]:
    """What the marks mean, then all the rest."""
    return [*notes[:1], *(["; ".join(notes[1:])] if notes[1:] else [])]


def _has_ticks(spec: ChartSpec) -> bool:
    is_bars = KINDS[spec.kind].axis in (FROM_ZERO, PERCENT)
    return not is_bars or any(panel.reference is not None for panel in spec.panels)


def foot_of(spec: ChartSpec) -> str:
    return f"{spec.date}, {LICENCE}"


def columns(spec: ChartSpec, side: float) -> list[tuple[float, float]]:
    """(left, width) of each panel: the first is foremost and the others share the rest, or all are
    even.
    """
    count = len(spec.panels)
    room = TEXT_IN - side - style.GAP_IN * (count - 1)
    share = 1 / count if count < 3 or KINDS[spec.kind].is_even else style.FIRST_PANEL_SHARE
    first = room * share
    other = (room - first) / max(1, count - 1)
    widths = [first] + [other] * (count - 1)
    lefts = [style.MARGIN_IN + side + sum(widths[:i]) + style.GAP_IN * i for i in range(count)]
    return list(zip(lefts, widths, strict=True))


def value_size(
    spec: ChartSpec, panel: Panel, width: float, sizes: tuple[float, ...]
) -> tuple[float, float]:
    """The size of the figures of a panel, and the room at its end that the longest needs."""
    cells = [(row, row.cells[panel.test]) for row in spec.rows if panel.test in row.cells]
    for size in sizes:
        room = max((value_in(row, cell, size) for row, cell in cells), default=0.0)
        if room <= width * (1 - LEAST_AXIS):
            break
    return size, min(room, width * (1 - LEAST_AXIS))


def value_in(row: Row, cell: Cell, size: float) -> float:
    """How far the figure of a bar reaches beyond its end."""
    own = row.own_hosts(cell)
    beside = style.width_in_of(own, own_size(size)) + VALUE_GAP_IN if own else 0.0
    return 2 * VALUE_GAP_IN + style.width_in_of(style.drawable(cell.text), size) + beside


def own_size(size: float) -> float:
    """Of the hosts beside a figure of that size."""
    return size * 0.78
