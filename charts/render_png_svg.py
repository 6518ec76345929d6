"""A spec as PNG and SVG, both from one matplotlib Figure with fixed margins. Called by
`charts.pipeline` in a worker.

A row of the figure is a line of a printed table: a label, under it a bar a test, the number at the
bar's end. Both files say where they come from: digest of the spec, address, licence.
"""

import io
from dataclasses import dataclass
from xml.sax.saxutils import escape

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from charts import style
from charts.kinds import KINDS
from charts.layout import LINE_IN, NOTE_IN, TEXT_IN, TITLE_IN, Layout, columns, foot_of, layout_of
from charts.marks import draw_panel
from charts.sentence import alternative
from charts.spec import LICENCE, ChartSpec, Row

COLOURS = 128
LABEL_SHARE = 0.7  # of the width, before the details beside it


@dataclass(frozen=True)
class Rendered:
    png: bytes
    svg: bytes


def render(spec: ChartSpec) -> Rendered:
    """PNG of 1200 pixels across and SVG of the same figure; the same spec gives the same bytes."""
    with matplotlib.style.context(["default", style.SETTINGS]):
        figure = _figure(spec)
        return Rendered(_png(figure, spec), _svg(figure, spec))


def _png(figure: Figure, spec: ChartSpec) -> bytes:
    """In 128 colours: a third of the bytes, and less time, since there is less to compress."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    full = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    few = full.convert("RGB").quantize(
        COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    told = PngInfo()
    told.add_text("Source", spec.address)
    told.add_text("Copyright", LICENCE)
    told.add_text("Comment", f"sha256:{spec.digest}")
    buffer = io.BytesIO()
    few.save(buffer, "PNG", pnginfo=told, dpi=(style.DPI, style.DPI))
    return buffer.getvalue()


def _svg(figure: Figure, spec: ChartSpec) -> bytes:
    """With words for those who cannot see it."""
    buffer = io.BytesIO()
    told = {"Date": None, "Creator": None, "Source": spec.address, "Rights": LICENCE}
    told["Identifier"] = f"sha256:{spec.digest}"
    FigureCanvasSVG(figure).print_svg(buffer, metadata=told)
    words = f"<title>{escape(spec.title)}</title>\n <desc>{escape(alternative(spec))}</desc>\n "
    added = f"{words}<style>{style.DARK}</style>\n <metadata>".encode()
    return (
        buffer.getvalue().replace(b"<metadata>", added, 1).replace(b"<svg ", b'<svg role="img" ', 1)
    )


def _figure(spec: ChartSpec) -> Figure:
    layout = layout_of(spec)
    figure = Figure(figsize=(style.WIDTH_IN, layout.height), dpi=style.DPI)
    FigureCanvasAgg(figure)
    page = _Page(figure, layout)
    _head_and_foot(page, spec)
    if not spec.rows or not spec.panels:
        _empty(page, spec)
        return figure
    (_side_labels if layout.side else _labels)(page, spec)
    for panel, (left, width) in zip(spec.panels, columns(spec, layout.side), strict=True):
        page.write(left, layout.top - 0.14, panel.test, fontsize=style.HEAD_SIZE, weight="bold")
        head_in = style.width_in_of(panel.test, style.HEAD_SIZE, "bold") + 0.12
        unit, size = style.fitted(panel.unit, max(0.2, width - head_in), (style.UNIT_SIZE, 11.0))
        page.write(left + head_in, layout.top - 0.14, unit, fontsize=size, color=style.PALE_INK)
        box = (
            left / style.WIDTH_IN,
            1 - (layout.top + layout.rows) / layout.height,
            width / style.WIDTH_IN,
            layout.rows / layout.height,
        )
        draw_panel(figure.add_axes(box), panel, spec, layout, width)
    return figure


@dataclass(frozen=True)
class _Page:
    """A figure on which things stand in inches from its top left corner."""

    figure: Figure
    layout: Layout

    def write(self, x: float, y: float, text: str, **more: object) -> None:
        place = x / style.WIDTH_IN, 1 - y / self.layout.height
        self.figure.text(*place, style.drawable(text), **more)  # type: ignore[arg-type]

    def rule(self, y: float) -> None:
        left = style.MARGIN_IN / style.WIDTH_IN
        at = 1 - y / self.layout.height
        line = Line2D([left, 1 - left], [at, at], color=style.RULE, linewidth=1.0)
        line.set_transform(self.figure.transFigure)
        self.figure.add_artist(line)


def _head_and_foot(page: _Page, spec: ChartSpec) -> None:
    left, height = style.MARGIN_IN, page.layout.height
    title, size = style.fitted(spec.title, TEXT_IN, style.TITLE_SIZES, "bold")
    page.write(left, 0.55, title, fontsize=size, weight="bold")
    pale = {"color": style.PALE_INK}
    for number, line in enumerate(page.layout.subtitle):
        y = TITLE_IN + 0.13 + LINE_IN * number
        page.write(left, y, line, fontsize=style.SUBTITLE_SIZE, **pale)
    notes = page.layout.notes
    for number, line in enumerate(notes):
        y = height - 0.6 - NOTE_IN * (len(notes) - 1 - number)
        page.write(left, y, line, fontsize=style.NOTE_SIZE, **pale)
    foot = foot_of(spec)
    right = style.WIDTH_IN - style.MARGIN_IN
    page.write(right, height - 0.24, foot, fontsize=style.NOTE_SIZE, ha="right", **pale)
    room = TEXT_IN - style.width_in_of(foot, style.NOTE_SIZE) - 0.2
    address, size = style.fitted(spec.address, room, (style.ADDRESS_SIZE, 12.0, 10.0), "bold")
    page.write(left, height - 0.24, address, fontsize=size, weight="bold")


def _empty(page: _Page, spec: ChartSpec) -> None:
    what, how = KINDS[spec.kind].empty
    height, middle = page.layout.height, style.WIDTH_IN / 2
    for y in (0.36, 0.66):
        page.rule(height * y)
    for y, text, size, colour in ((0.5, what, 18, style.INK), (0.57, how, 14, style.PALE_INK)):
        page.write(middle, height * y, text, ha="center", fontsize=size, color=colour)


def _labels(page: _Page, spec: ChartSpec) -> None:
    """One line a row above its bar, and a rule wherever the group changes."""
    layout = page.layout
    for number, (row, start) in enumerate(zip(spec.rows, layout.starts, strict=True)):
        y = layout.top + start + layout.label * 0.75
        _label(page, (y, TEXT_IN), row.label, _details(row), layout.sizes(style.LABEL_SIZES))
        if number and row.group != spec.rows[number - 1].group:
            gap = layout.row - layout.label - layout.bar
            page.rule(layout.top + start - gap / 2 + 0.02)


def _side_labels(page: _Page, spec: ChartSpec) -> None:
    """One line a row beside its mark, under the name of its group."""
    layout, group = page.layout, ""
    for number, row in enumerate(spec.rows):
        base = layout.top + layout.middle(number) + 0.08
        if row.group != group:
            group = row.group
            name, size = style.fitted(group, TEXT_IN, style.LABEL_SIZES, "bold")
            page.write(style.MARGIN_IN, base - layout.row, name, fontsize=size, weight="bold")
            if number:
                page.rule(base - 1.75 * layout.row)
        own = row.label.removeprefix(f"{group}, ")
        named = ", ".join(part for part in (own, row.recipe) if part)
        _label(page, (base, layout.side - 0.15), named, row.hosts, style.SIDE_SIZES)


def _details(row: Row) -> str:
    return " \u00b7 ".join(part for part in (row.recipe, row.hosts) if part)


def _label(
    page: _Page,
    place: tuple[float, float],
    label: str,
    details: str,
    sizes: tuple[float, ...],
) -> None:
    """A label and, paler, its details; `place` is its line and the room for both."""
    y, room = place
    text, size = style.fitted(label, room * (LABEL_SHARE if details else 1), sizes)
    page.write(style.MARGIN_IN, y, text, fontsize=size)
    after = style.width_in_of(text, size) + 0.14
    told, size = style.fitted(details, room - after, style.DETAIL_SIZES)
    page.write(style.MARGIN_IN + after, y, told, fontsize=size, color=style.PALE_INK)
