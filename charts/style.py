"""How every chart looks: one set of matplotlib settings, the palette, lengths in inches, and
lettering that the font has and that fits. Called by `charts.render_png_svg`.
"""

from functools import cache, lru_cache
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags

from charts.labels import shortened

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
LEAST_HEIGHT_IN = 6.3
MOST_HEIGHT_IN = 20.0
MARGIN_IN = 0.35
GAP_IN = 0.35  # between panels
FIRST_PANEL_SHARE = 0.46
ROW_IN = 0.62
ROW_MOST_IN = 0.85
LABEL_IN = 0.3  # of a row, above its bar
BAR_IN = 0.24
SIDE_IN, SIDE_ROW_IN, SIDE_ROW_MOST_IN = 3.7, 0.42, 0.5  # of rows whose labels stand beside them

# In points, large enough to be read on a telephone, where the picture is 360 pixels wide.
TITLE_SIZES = (23.0, 20.0, 17.0)
SUBTITLE_SIZE = 14.0
LABEL_SIZES = (17.0, 15.0, 13.0)
SIDE_SIZES = (15.0, 13.5, 12.0)
DETAIL_SIZES = (13.5, 12.0, 11.0)
VALUE_SIZES = (16.0, 14.0, 12.0)
HEAD_SIZE, UNIT_SIZE, TICK_SIZE = 15.0, 13.0, 12.5
NOTE_SIZE, ADDRESS_SIZE = 12.5, 14.0

# An SVG in a dark page turns dark, hues kept; a PNG stays a white card.
DARK = "@media (prefers-color-scheme: dark){svg{filter:invert(.93) hue-rotate(180deg)}}"


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
def fitted(
    text: str, width_in: float, sizes: tuple[float, ...], weight: str = "normal"
) -> tuple[str, float]:
    """Drawable text and the first of `sizes` in points at which it fits; at the last size it is
    cut until it does.
    """
    text = drawable(text)
    for size in sizes:
        if width_in_of(text, size, weight) <= width_in:
            return text, size
    length = len(text)
    while length > 1 and width_in_of(shortened(text, length), sizes[-1], weight) > width_in:
        length -= 1
    return shortened(text, length), sizes[-1]


@lru_cache(maxsize=1024)
def lines_of(text: str, width_in: float, size: float) -> tuple[str, ...]:
    """Drawable text in lines that fit, broken at spaces."""
    lines = [""]
    for word in drawable(text).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_in_of(longer, size) > width_in:
            lines.append(word)
        else:
            lines[-1] = longer
    return tuple(fitted(line, width_in, (size,))[0] for line in lines)


@lru_cache(maxsize=4096)
def width_in_of(text: str, size: float, weight: str = "normal") -> float:
    font = get_font(_path(weight))
    font.set_size(size, DPI)  # hinting makes letters wider here than at other resolutions
    font.set_text(text, 0.0, flags=LoadFlags.DEFAULT)  # as the figure's own text is set
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
