"""What a warm drawing costs: PNG and SVG of one figure, and the text, against the PNG alone."""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import matplotlib.style  # noqa: E402

from charts import render_png_svg, render_text, style  # noqa: E402
from tests.charts.test_spec import row, spec, value  # noqa: E402

ROUNDS = 15


def main() -> None:
    drawn = spec(
        *(
            row(f"6.{n} KVM", n, order=(n,), values={"TCP_CRR": value(hosts=5), "TCP_RR": value()})
            for n in range(12)
        )
    )

    def png() -> None:
        with matplotlib.style.context(["default", style.SETTINGS]):
            render_png_svg._png(render_png_svg._figure(drawn))

    works = {
        "PNG": png,
        "PNG and SVG": lambda: render_png_svg.render(drawn),
        "text": lambda: render_text.render_text(drawn),
    }
    times_ms = {name: repeated(work) for name, work in works.items()}
    floor = statistics.median(times_ms["PNG"])
    for name, every in times_ms.items():
        middle = statistics.median(every)
        spread = f"{min(every):.2f} to {max(every):.2f}"
        print(f"{name:12} {middle:8.2f} ms  ({spread})  {middle / floor:.4f} x PNG")


def repeated(work: Callable[[], object]) -> list[float]:
    """Milliseconds of each round; the first two warm and are not counted."""
    times_ms = []
    for _ in range(ROUNDS + 2):
        started = time.perf_counter()
        work()
        times_ms.append((time.perf_counter() - started) * 1000)
    return times_ms[2:]


if __name__ == "__main__":
    main()
