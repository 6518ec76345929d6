"""Pictures: they come out for any data, the same every time, and hold no formula and no script."""

import hashlib
import os
import struct
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from charts import style
from charts.render_png_svg import LABEL_SIZES, render
from tests.charts.test_spec import HOSTILE, row, spec, value


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("count", [0, 1, 12, 40])
def test_any_number_of_rows_gives_a_picture_of_bounded_size(count: int) -> None:
    rows = [row(f"6.{number} KVM", number, order=(number,)) for number in range(count)]
    drawn = render(spec(*rows, limit=40))
    width, height = size_of(drawn.png)
    assert width == 1200
    assert 675 <= height <= 2000
    assert len(drawn.png) < 400_000
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


def test_no_users_text_is_in_the_metadata() -> None:
    drawn = render(spec(row("canary-label")))
    assert b"canary-label" not in drawn.png
    assert b"Matplotlib" not in drawn.png


def test_a_label_never_reaches_the_bars() -> None:
    for label in ("W" * 48, "\u4e2d\u6587" * 24, "Intel(R) Xeon(R) CPU E5-2680 v4 KVM", ""):
        text, size = style.fitted(label, style.LABEL_IN, LABEL_SIZES)
        assert style.width_in_of(text, size) <= style.LABEL_IN
        assert size in LABEL_SIZES


def test_a_short_label_is_left_alone_and_a_longer_one_is_smaller_before_it_is_cut() -> None:
    assert style.fitted("6.12 KVM", style.LABEL_IN, LABEL_SIZES) == ("6.12 KVM", 10.5)
    longer = "linode Xeon E5-2680 v4 2.40GHz KVM"
    text, size = style.fitted(longer, style.LABEL_IN, LABEL_SIZES)
    assert text == longer
    assert size < 10.5


def test_a_character_the_font_lacks_is_its_code() -> None:
    assert style.drawable("\u4e2d $x$ caf\u00e9 \u2264") == "\\u4e2d $x$ caf\u00e9 \u2264"


def test_a_bar_of_one_host_says_so_in_the_picture() -> None:
    alone = spec(row(values={"TCP_CRR": value(hosts=5), "UDP_RR": value()}))
    many = spec(row(values={"TCP_CRR": value(hosts=5), "UDP_RR": value(hosts=5)}))
    assert b"<!-- 1 host -->" in render(alone).svg
    assert b"<!-- 1 host -->" not in render(many).svg


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


def test_settings_of_the_machine_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text(HOSTILE_SETTINGS)
    program = (
        "import hashlib\n"
        "from charts.render_png_svg import render\n"
        "from tests.charts.test_spec import row, spec, value\n"
        "drawn = render(spec(row('$x$', values={'TCP_CRR': value(hosts=5)})))\n"
        "print(hashlib.sha256(drawn.png + drawn.svg).hexdigest())\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    drawn = render(spec(row("$x$", values={"TCP_CRR": value(hosts=5)})))
    assert printed.strip() == hashlib.sha256(drawn.png + drawn.svg).hexdigest()
