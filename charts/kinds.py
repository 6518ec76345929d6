"""The kinds of chart: how the marks and the axis of each are, and what a reader is told of them.

Every kind is the same table of rows, a label on the left and a figure at the end of its mark, so
that PNG, SVG and text are drawn from one spec. Charts that name no kind are bars. A panel of ratios
has an axis of ratios in any kind.
"""

from dataclasses import dataclass

BAR, DOT, SWARM = "bar", "dot", "swarm"
FROM_ZERO, NEAR, SPREAD, RATIO = "from zero", "near the figures", "spread", "ratio"
PERCENT = "percent"
BARS = "bars"
COMPARE, REPORT = "compare", "report"


@dataclass(frozen=True)
class Kind:
    """`note` says what the marks of the picture mean, `legend` those of the text. `dots` is up to
    how many hosts of a row are drawn one by one. Rows of `is_grouped` kinds are by factors that
    the chart names, at least `least_groups` of them; those of others by what they are about, which
    the parameter `about` names where there is one. An interval is drawn from `whisker_from` hosts
    on. Rows of one group stand under its name, and those of one recipe are joined by a line, where
    the kind `is_joined`; panels have one width and one axis where it `is_even`. A row has a ratio
    to the first of its group where the kind `compares`. `empty` is what a chart without rows says.
    """

    mark: str
    axis: str
    note: str
    legend: tuple[str, ...]
    dots: int = 20
    is_grouped: bool = True
    least_groups: int = 1
    about: str = ""
    whisker_from: int = 3
    is_joined: bool = False
    is_even: bool = False
    compares: bool = False
    empty: tuple[str, str] = (
        "No reports match yet.",
        "The first report that does draws the first bar.",
    )


_MEAN = "| geometric mean of hosts, -- its 95 % interval (3 hosts or more)"
_RATIO = ("| ratio, -- its 95 % interval, : no difference",)
_BARS = "bar: geometric mean of hosts; whisker: 95 % interval from 3 hosts on; dots: hosts"
KINDS = {
    BARS: Kind(
        BAR,
        FROM_ZERO,
        _BARS,
        (_MEAN,),
        compares=True,
    ),
    "ranked": Kind(
        DOT,
        NEAR,
        "dot: geometric mean of hosts; line: 95 % interval; before the name: ranks at 95 %; the "
        "axis does not begin at 0",
        (_MEAN, "before the name: its ranks at 95 %"),
        dots=0,
        compares=True,
    ),
    "distribution": Kind(
        SWARM,
        SPREAD,
        "dot: a host; line: their geometric mean, with its 95 % interval from 3 hosts on; the axis "
        "is logarithmic",
        (_MEAN, "o a host"),
        dots=400,
        compares=True,
    ),
    "kernels": Kind(
        DOT,
        NEAR,
        "dot: geometric mean of hosts, kernels in their own order; line: 95 % interval from 3 "
        "hosts on; the axis does not begin at 0",
        (_MEAN,),
        dots=0,
        compares=True,
    ),
    "costs": Kind(
        DOT,
        RATIO,
        "dot: rate over that of bare metal on the same CPU; line: 95 % interval; 1 is no cost",
        _RATIO,
        is_grouped=False,
        whisker_from=1,
        empty=(
            "No platform was measured beside bare metal yet.",
            "It takes the same CPU model with and without a hypervisor.",
        ),
    ),
    "effects": Kind(
        DOT,
        RATIO,
        "dot: rate after over rate before; line: 95 % interval; thin line: where the ratio of "
        "another machine lies, at 95 %",
        (*_RATIO, ". where the ratio of another machine lies, at 95 %"),
        is_grouped=False,
        whisker_from=1,
        empty=("No setting was tried yet.", "crr-submit tune rps.lo draws the first row."),
    ),
    "streams": Kind(
        DOT,
        SPREAD,
        "dot: geometric mean of hosts; line through it: 95 % interval; joined: the same with more "
        "streams; the axis is logarithmic",
        (_MEAN,),
        dots=0,
        is_joined=True,
        empty=(
            "No platform was measured with more than one number of streams yet.",
            "crr-submit measures 1 stream, and as many as there are CPUs.",
        ),
    ),
    "multiples": Kind(
        BAR,
        FROM_ZERO,
        _BARS + "; one axis for all",
        (_MEAN,),
        least_groups=2,
        is_even=True,
        compares=True,
    ),
    "comparison": Kind(
        BAR,
        FROM_ZERO,
        "bar: geometric mean; whisker: 95 % interval, over runs of a report, over hosts of a "
        "group; dots: hosts",
        ("| geometric mean or ratio, -- its 95 % interval",),
        is_grouped=False,
        about=COMPARE,
        whisker_from=0,
        empty=(
            "One of the sides has no figure any more.",
            "A report of it was withdrawn, or is held.",
        ),
    ),
    "cpus": Kind(
        BAR,
        PERCENT,
        "bar: how busy a CPU was, median of the runs; red: a CPU that reached 90 %",
        ("| percent busy, median of the runs",),
        is_grouped=False,
        about=REPORT,
        is_even=True,
        empty=(
            "This report brought no load of its CPUs, or is not public.",
            "crr-submit reads it while it measures.",
        ),
    ),
}
