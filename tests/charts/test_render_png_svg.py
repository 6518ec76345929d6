"""Pictures: they come out for any data, the same every time, and hold no formula and no script."""

import os
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import combinations
from pathlib import Path

import matplotlib.style
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from charts import style
from charts.build import build
from charts.found import FoundRow
from charts.kinds import KINDS
from charts.layout import TEXT_IN
from charts.params import ChartParams
from charts.render_png_svg import _figure, render
from charts.style import LABEL_SIZES
from tests.charts.test_kinds import drawn
from tests.charts.test_spec import HOSTILE, data, row, spec, value


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("count", [0, 1, 12, 40, 41, 10_000])
def test_any_number_of_rows_gives_a_picture_of_bounded_size(count: int) -> None:
    rows = [row(f"6.{number} KVM", number, order=(number,)) for number in range(count)]
    drawn = render(spec(*rows, limit=40))
    width, height = size_of(drawn.png)
    assert width == 1200
    assert 630 <= height <= 2000
    assert len(drawn.png) < 200_000
    ElementTree.fromstring(drawn.svg)


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_drawn_as_text(label: str) -> None:
    drawn = render(spec(row(label, recipe=label)))
    size_of(drawn.png)
    root = ElementTree.fromstring(drawn.svg)
    assert not [element for element in root.iter() if element.tag.endswith("script")]


def test_the_same_spec_gives_the_same_bytes() -> None:
    rows = [
        row("a", values={"TCP_CRR": value(hosts=4), "UDP_RR": value()}),
        row("b", imported=True),
    ]
    assert render(spec(*rows)) == render(spec(*rows))


def test_extreme_values_are_drawn() -> None:
    rows = [
        row("tiny", values={"TCP_CRR": value(1e-6)}),
        row("huge", values={"TCP_CRR": value(9e14, hosts=3)}),
    ]
    size_of(render(spec(*rows)).png)


def test_a_bar_far_beyond_the_axis_of_percents_ends_with_it() -> None:
    """A report says what it likes of its CPUs; Agg gives up on a dashed outline that long."""
    imported = row(imported=True, values={"TCP_CRR": value(4e12, hosts=3)})
    params = ChartParams(("TCP_CRR",), ("os",), kind="cpus")
    assert render(build(params, data(imported))).png.startswith(b"\x89PNG")


def test_no_users_text_is_in_the_metadata() -> None:
    drawn = render(spec(row("canary-label")))
    assert b"canary-label" not in drawn.png
    assert b"Matplotlib" not in drawn.png


def test_a_file_says_where_it_comes_from() -> None:
    asked = spec(row())
    drawn = render(asked)
    for told in (asked.address, f"sha256:{asked.digest}", "CC0-1.0"):
        assert told.encode() in drawn.png[:2000]
        assert told.encode() in drawn.svg


def test_who_cannot_see_the_picture_is_told_its_figures() -> None:
    root = ElementTree.fromstring(render(spec(row("KVM <b>"))).svg)
    told = [element.text for element in root if element.tag.endswith(("title", "desc"))]
    assert told[0] == "TCP_CRR by kernel"
    assert "KVM <b>, same CPU 20.0k" in (told[1] or "")


def test_a_picture_in_a_dark_page_turns_dark() -> None:
    assert b"prefers-color-scheme: dark" in render(spec(row())).svg


@pytest.mark.parametrize("rates", [(5.0,) * 5, (1e9, 1.0, 1.1, 0.9), (0.0, 0.0), (1e-6, 9e14)])
def test_all_equal_and_one_far_away_begin_at_0(rates: tuple[float, ...]) -> None:
    rows = [row(f"r{n}", n, values={"TCP_CRR": value(rate, 1 + n)}) for n, rate in enumerate(rates)]
    drawn = spec(*rows)
    assert drawn.panels[0].low == 0
    size_of(render(drawn).png)


def test_a_label_never_leaves_the_picture() -> None:
    for label in ("W" * 48, "\u4e2d\u6587" * 24, "Intel(R) Xeon(R) CPU E5-2680 v4 KVM", ""):
        text, size = style.fitted(label, TEXT_IN / 2, LABEL_SIZES)
        assert style.width_in_of(text, size) <= TEXT_IN / 2
        assert size in LABEL_SIZES


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_leaves_the_picture_or_stands_on_another(kind: str) -> None:
    """Every two texts of the figure, with as many rows as a chart may have, and with few."""
    for count in (7, 40):
        rows = [
            row(
                f"6.{n} a CPU of a long name (R) {n}",
                n,
                recipe="unpinned, runs of 2 to 20 s",
                order=(n,),
                group=f"g{n // 4}",
                values={"TCP_CRR": value(1000.0 * (n + 1), n % 5 + 1)},
            )
            for n in range(count)
        ]
        assert overlapping(drawn_of(kind, rows)) == []


def drawn_of(kind: str, rows: list[FoundRow]) -> Figure:
    free = not KINDS[kind].about
    asked = ChartParams(("TCP_CRR",), ("os",) if free else (), limit=40, kind=kind)
    found = data(*rows, address="https://crr.example/c/xen-users", panels=("TCP_CRR",))
    with matplotlib.style.context(["default", style.SETTINGS]):
        return _figure(build(asked, found))


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    width, height = figure.canvas.get_width_height()
    outside = [
        (told, "outside")
        for told, box in boxes
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]
    return outside + [
        (one, other)
        for (one, box), (other, beside) in combinations(boxes, 2)
        if _overlap(box, beside)
    ]


def _overlap(one: Bbox, other: Bbox) -> bool:
    """By more than the air around letters."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    down = min(one.y1, other.y1) - max(one.y0, other.y0)
    return across > 1 and down > 5


def test_a_short_label_is_left_alone_and_a_longer_one_is_smaller_before_it_is_cut() -> None:
    assert style.fitted("6.12 KVM", 4.2, LABEL_SIZES) == ("6.12 KVM", LABEL_SIZES[0])
    longer = "linode Xeon E5-2680 v4 2.40GHz KVM"
    text, size = style.fitted(longer, 4.2, LABEL_SIZES)
    assert text == longer
    assert size < LABEL_SIZES[0]


def test_a_character_the_font_lacks_is_its_code() -> None:
    assert style.drawable("\u4e2d $x$ caf\u00e9 \u2264") == "\\u4e2d $x$ caf\u00e9 \u2264"


def test_a_bar_of_one_host_says_so_in_the_picture() -> None:
    alone = spec(row(values={"TCP_CRR": value(hosts=5), "UDP_RR": value()}))
    many = spec(row(values={"TCP_CRR": value(hosts=5), "UDP_RR": value(hosts=5)}))
    assert b"<!-- 1 host -->" in render(alone).svg
    assert b"<!-- 1 host -->" not in render(many).svg


@pytest.mark.parametrize("kind", ["bars", "ranked", "streams", "distribution", "costs"])
def test_no_line_runs_through_a_figure(kind: str) -> None:
    """Where rules and lines run from row to row, each figure stands on a plate."""
    found = [row(label, values={"TCP_CRR": value(hosts=5)}) for label in ("a", "b")]
    (axes,) = _figure(drawn(kind, *found)).axes
    assert axes.texts
    assert all((text.get_bbox_patch() is None) == (kind == "bars") for text in axes.texts)


AUDITED = """
import sys
from charts.params import ChartParams
from charts.render_png_svg import _figure, render
from charts.build import build
from charts.found import FoundRow
from tests.charts.test_spec import HOSTILE, row, spec
render(spec(row()))
forbidden = ("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "socket.")
def hook(event, args):
    assert not event.startswith(forbidden), event
sys.addaudithook(hook)
for label in HOSTILE:
    render(spec(row(label, recipe=label), title=label))
"""


def test_drawing_starts_no_program_and_opens_no_socket() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", AUDITED],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


HOSTILE_SETTINGS = """
text.usetex: True
svg.fonttype: none
font.family: no-such-font
figure.facecolor: red
savefig.facecolor: green
savefig.bbox: tight
axes.grid: True
font.weight: bold
lines.antialiased: False
"""


EVERY_FORM = """
import datetime, hashlib, sys, time
later = datetime.timedelta(days=int(sys.argv[1]))
real_s, real = time.time, datetime.datetime
time.time = lambda: real_s() + later.total_seconds()
class Later(real):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + later
datetime.datetime = Later
from charts.embed import draft, embed, frame
from charts.render_png_svg import render
from charts.render_text import render_csv, render_json, render_text
from tests.charts.test_spec import row, spec, value
drawn = spec(row('$x$', values={'TCP_CRR': value(hosts=5)}))
pictures = render(drawn)
texts = [render_text(drawn), render_csv(drawn), render_json(drawn), frame(drawn, 'https://x/c/y')]
texts += [str(embed(drawn, 'https://x/c/y', None)), str(draft(drawn, 'https://x/c/y'))]
every = pictures.png + pictures.svg + "".join(texts).encode()
print(len(every), hashlib.sha256(every).hexdigest())
"""


def test_every_form_is_the_same_on_another_machine_on_another_day(tmp_path: Path) -> None:
    """Whatever that machine's settings are, its seed of hashes, its clock and its time zone."""
    (tmp_path / "matplotlibrc").write_text(HOSTILE_SETTINGS)
    hostile = {"MPLCONFIGDIR": str(tmp_path), "PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu"}
    printed = [
        subprocess.run(
            [sys.executable, "-c", EVERY_FORM, days],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for days, environment in (("0", {"PYTHONHASHSEED": "0"}), ("800", hostile))
    ]
    assert printed[0] == printed[1]
