"""How every chart looks: one set of matplotlib settings, the palette, lengths in inches, and
lettering that the font has and that fits. Called by `charts.render_png_svg`.
"""

from functools import cache, lru_cache
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, get_font

from charts.spec import shortened

FONT = "DejaVu Sans"  # comes with matplotlib, so every machine draws the same

# Okabe and Ito's palette for colour-blind readers; a colour is never the only sign of a family.
FAMILY_COLOURS = {
    "none": "#0072B2",
    "xen": "#D55E00",
    "kvm": "#009E73",
    "vmware": "#CC79A7",
    "microsoft": "#E69F00",
    "amazon": "#56B4E9",
    "hot": "#D55E00",  # a CPU that is busy nearly all the time
}
OTHER_COLOUR = "#5B6770"
INK = "#1B1F23"
PALE_INK = "#66707A"
RULE = "#D9DEE3"
PAPER = "#FFFFFF"

SETTINGS: dict[str, Any] = {
    "font.family": FONT,
    "font.size": 10.0,
    "text.color": INK,
    "text.parse_math": False,  # a label is text: a dollar sign starts no formula
    "text.usetex": False,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.hashsalt": "crr",  # the same chart, the same bytes
    "svg.fonttype": "path",
    "path.simplify": True,
}

DPI = 100
WIDTH_IN = 12.0
LEAST_HEIGHT_IN = 6.75
MOST_HEIGHT_IN = 20.0
TOP_IN = 1.45
BOTTOM_IN = 0.95
LEFT_IN = 3.15
RIGHT_IN = 0.35
GAP_IN = 0.3
ROW_IN = 0.44
ROW_MOST_IN = 0.62
FIRST_PANEL_SHARE = 0.52
MARGIN_IN = 0.35
LABEL_IN = LEFT_IN - MARGIN_IN - 0.15


def colour_of(family: str) -> str:
    return FAMILY_COLOURS.get(family, OTHER_COLOUR)


def drawable(text: str) -> str:
    """`text` with each character that the font lacks as its code, the same as in the text forms."""
    known = _characters()
    return "".join(
        character if ord(character) in known else character.encode("unicode_escape").decode()
        for character in text
    )


@lru_cache(maxsize=1024)  # the labels of a chart change less often than its numbers
def fitted(text: str, width_in: float, sizes: tuple[float, ...]) -> tuple[str, float]:
    """Drawable text and the first of `sizes` in points at which it fits; at the last size it is
    cut until it does.
    """
    text = drawable(text)
    for size in sizes:
        if width_in_of(text, size) <= width_in:
            return text, size
    length = len(text)
    while length > 1 and width_in_of(shortened(text, length), sizes[-1]) > width_in:
        length -= 1
    return shortened(text, length), sizes[-1]


def width_in_of(text: str, size: float) -> float:
    font = get_font(_path("normal"))
    font.set_size(size, DPI)  # hinting makes letters wider here than at other resolutions
    font.set_text(text)
    width, _ = font.get_width_height()
    return float(width) / 64 / DPI  # FreeType counts in 64ths of a pixel


@cache
def _characters() -> frozenset[int]:
    """Those that both weights have: the title is bold."""
    return frozenset.intersection(
        *(frozenset(get_font(_path(weight)).get_charmap()) for weight in ("normal", "bold"))
    )


@cache
def _path(weight: str) -> Any:
    return findfont(FontProperties(family=FONT, weight=weight), fallback_to_default=False)
