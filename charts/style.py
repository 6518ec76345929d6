"""How every chart looks: one set of matplotlib settings, the palette, and lengths in inches."""

from typing import Any

# Okabe and Ito's palette for colour-blind readers; a colour is never the only sign of a family.
FAMILY_COLOURS = {
    "none": "#0072B2",
    "xen": "#D55E00",
    "kvm": "#009E73",
    "vmware": "#CC79A7",
    "microsoft": "#E69F00",
    "amazon": "#56B4E9",
}
OTHER_COLOUR = "#5B6770"
INK = "#1B1F23"
PALE_INK = "#66707A"
RULE = "#D9DEE3"
PAPER = "#FFFFFF"

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
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


def colour_of(family: str) -> str:
    return FAMILY_COLOURS.get(family, OTHER_COLOUR)
