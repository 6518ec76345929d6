"""Pictures: they come out for any data, the same every time, and hold no formula and no script."""

import struct
import xml.etree.ElementTree as ElementTree

import pytest

from charts.render_png_svg import render
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
