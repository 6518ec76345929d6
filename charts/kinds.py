"""The kinds of chart: how the marks and the axis of each are, and what a reader is told of them.

Every kind is the same table of rows, a label on the left and a figure at the end of its mark, so
that PNG, SVG and text are drawn from one spec. Charts that name no kind are bars.
"""

from dataclasses import dataclass

BAR, DOT, SWARM = "bar", "dot", "swarm"
FROM_ZERO, NEAR, SPREAD, RATIO = "from zero", "near the figures", "spread", "ratio"
BARS = "bars"


@dataclass(frozen=True)
class Kind:
    """`note` says what the marks of the picture mean, `legend` those of the text. `dots` is up to
    how many hosts of a row are drawn one by one. Rows of `is_grouped` kinds are by factors that
    the chart names, those of others by what they are about. `empty` is what a chart without rows
    says.
    """

    mark: str
    axis: str
    note: str
    legend: tuple[str, ...]
    dots: int = 20
    is_grouped: bool = True
    empty: tuple[str, str] = (
        "No reports match yet.",
        "The first report that does draws the first bar.",
    )


_MEAN = "| geometric mean of hosts, -- its 95 % interval (3 hosts or more)"
_RATIO = ("| ratio, -- its 95 % interval, : no difference",)
KINDS = {
    BARS: Kind(
        BAR,
        FROM_ZERO,
        "bar: geometric mean of hosts; whisker: 95 % interval from 3 hosts on; dots: hosts",
        (_MEAN,),
    ),
    "ranked": Kind(
        DOT,
        NEAR,
        "dot: geometric mean of hosts; line: 95 % interval; ranks: at 95 %, equal where they "
        "cannot be told apart; the axis does not begin at 0",
        (_MEAN, "before the name: its ranks at 95 %"),
        dots=0,
    ),
    "distribution": Kind(
        SWARM,
        SPREAD,
        "dot: a host; line: their geometric mean, with its 95 % interval from 3 hosts on; the axis "
        "is logarithmic",
        (_MEAN, "o a host"),
        dots=400,
    ),
    "kernels": Kind(
        DOT,
        NEAR,
        "dot: geometric mean of hosts, kernels in their own order; line: 95 % interval from 3 "
        "hosts on; the axis does not begin at 0",
        (_MEAN,),
        dots=0,
    ),
    "costs": Kind(
        DOT,
        RATIO,
        "dot: rate over that of bare metal on the same CPU; line: 95 % interval; 1 is no cost",
        _RATIO,
        is_grouped=False,
        empty=(
            "No platform was measured beside bare metal yet.",
            "It takes the same CPU model with and without a hypervisor.",
        ),
    ),
    "effects": Kind(
        DOT,
        RATIO,
        "dot: rate after over rate before; line: 95 % interval; experiments, pairs of one machine "
        "and associations are never averaged",
        _RATIO,
        is_grouped=False,
        empty=("No setting was tried yet.", "crr-submit tune rps.lo draws the first row."),
    ),
}
