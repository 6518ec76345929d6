"""What a warm drawing costs, beside bare matplotlib that draws the same artists: every text, line
and bar of our figure put on an empty one with nothing decided, measured or written but the file.
"""

import io
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import matplotlib.style  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402
from matplotlib.text import Annotation, Text  # noqa: E402

from bench.targets import Target  # noqa: E402
from charts import render_png_svg, render_text, style  # noqa: E402
from charts.spec import ChartSpec  # noqa: E402
from tests.charts.test_spec import row, spec, value  # noqa: E402

ROUNDS = 9
TARGETS = (
    ("PNG", "bare PNG", Target(1.3, 1.1, is_cost=True)),
    ("SVG", "bare SVG", Target(1.3, 1.1, is_cost=True)),
    ("PNG and SVG", "PNG", Target(1.8, 1.6, is_cost=True)),
    ("text", "PNG", Target(0.05, 0.01, is_cost=True)),
)
Works = dict[str, Callable[[], object]]


def main() -> None:
    drawn = spec(
        *(
            row(f"6.{n} KVM", n, order=(n,), values={"TCP_CRR": value(hosts=5), "TCP_RR": value()})
            for n in range(12)
        )
    )
    works = {
        "bare PNG": lambda: bare(drawn, FigureCanvasAgg, "print_png"),
        "PNG": lambda: ours(drawn, render_png_svg._png),
        "bare SVG": lambda: bare(drawn, FigureCanvasSVG, "print_svg"),
        "SVG": lambda: ours(drawn, render_png_svg._svg),
        "PNG and SVG": lambda: render_png_svg.render(drawn),
        "text": lambda: render_text.render_text(drawn),
    }
    middles = medians(works)
    for name, floor, target in TARGETS:
        ratio = middles[name] / middles[floor]
        print(
            f"{name:12} {middles[name]:8.2f} ms, {floor} {middles[floor]:8.2f} ms: "
            f"{ratio:.4f} x, {target.told(ratio)}"
        )


def ours(drawn: ChartSpec, write: Callable[[Figure, ChartSpec], bytes]) -> bytes:
    with matplotlib.style.context(["default", style.SETTINGS]):
        return write(render_png_svg._figure(drawn), drawn)


_known: dict[str, Figure] = {}


def bare(drawn: ChartSpec, canvas: type, write: str) -> bytes:
    """The artists of our figure, read off it once, made anew by plain calls on a new one."""
    with matplotlib.style.context(["default", style.SETTINGS]):
        if drawn.digest not in _known:
            _known[drawn.digest] = render_png_svg._figure(drawn)
        model = _known[drawn.digest]
        figure = Figure(figsize=tuple(model.get_size_inches()), dpi=style.DPI)
        canvas(figure)
        for text in model.texts:
            figure.text(*text.get_position(), text.get_text(), **look(text))
        for axes in model.axes:
            copied(axes, figure)
        buffer = io.BytesIO()
        getattr(canvas(figure), write)(buffer)
        return buffer.getvalue()


def copied(model: Axes, figure: Figure) -> None:
    axes = figure.add_axes(model.get_position().bounds)
    axes.set_frame_on(False)
    axes.set_xlim(model.get_xlim())
    axes.set_ylim(model.get_ylim())
    axes.set_xticks([])
    axes.set_yticks([])
    for bar in model.patches:
        assert isinstance(bar, Rectangle)
        x, y = bar.get_xy()
        axes.barh(y, bar.get_width(), bar.get_height(), x, align="edge", color=bar.get_facecolor())
    for line in model.lines:
        axes.plot(*line.get_data(), color=line.get_color(), marker=line.get_marker())
    for text in model.texts:
        assert isinstance(text, Annotation)
        axes.annotate(text.get_text(), text.xy, text.xyann, "data", "offset points", **look(text))


def look(text: Text) -> dict[str, Any]:
    return {
        "fontsize": text.get_fontsize(),
        "color": text.get_color(),
        "weight": text.get_fontweight(),
        "ha": text.get_horizontalalignment(),
        "va": text.get_verticalalignment(),
    }


def medians(works: Works) -> dict[str, float]:
    """Milliseconds of CPU time; the works take turns, the first two rounds are not counted."""
    times_ms: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS + 2):
        for name, work in works.items():
            started = time.process_time()  # drawing waits for nothing, and others may be at work
            work()
            times_ms[name].append((time.process_time() - started) * 1000)
    return {name: statistics.median(every[2:]) for name, every in times_ms.items()}


if __name__ == "__main__":
    main()
