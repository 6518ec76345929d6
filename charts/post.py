"""A chart as a post to a mailing list, whole without its picture: a sentence, the recipe, a table
of figures, what differs, how to measure it again, and addresses. Pure.

`live` is the chart's address without ending; `frozen`, where there is one, is the address that
never changes.
"""

import textwrap
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from email.policy import default

from charts.kinds import KINDS, PERCENT
from charts.labels import two_decimals
from charts.render_text import WIDTH, ascii_text, interval, wrapped
from charts.sentence import cells_of, headline, named
from charts.spec import LICENCE, Cell, ChartSpec, Panel, Row

LEAST_LABEL = 16
GAPS = (2, 1)  # between columns, in characters: the first that leaves the labels whole
_HEADS = {PERCENT: "busy"}
NAME = 11  # of the names before the last lines
Line = tuple[tuple[str, ...], str]


def post(spec: ChartSpec, live: str, frozen: str | None) -> str:
    """US-ASCII of 72 columns at most; the last line ends with a newline."""
    blocks = [wrapped(headline(spec)), [*wrapped(spec.title), *wrapped(spec.subtitle)]]
    blocks += [_table(spec, panel) for panel in spec.panels]
    if not spec.panels:
        blocks.append(wrapped(" ".join(KINDS[spec.kind].empty)))
    blocks += [list(_remarks(spec)), list(_again(spec, live)), list(_addresses(live, frozen))]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def draft(spec: ChartSpec, live: str, frozen: str | None = None) -> bytes:
    """A mail with the post as its text, to nobody yet: `git send-email` and `mutt -H` take it."""
    message = EmailMessage(policy=default.clone(max_line_length=None))
    message["Subject"] = f"[netperf] {ascii_text(spec.title)}"
    message["X-Unsent"] = "1"
    message.set_content(post(spec, live, frozen), charset="us-ascii", cte="7bit")
    return message.as_bytes()


def _table(spec: ChartSpec, panel: Panel) -> list[str]:
    """Figures first, as the kernel test robot has them, and the label last, whole."""
    found = cells_of(spec, panel)
    what = "ratio" if panel.reference is not None else _HEADS.get(KINDS[spec.kind].axis, "rate")
    heads = (what, "+-sd", "95 % CI", "hosts", "ratio", "95 % CI")
    rows = [_figures(row, cell, panel) for row, cell in found]
    used = [n for n in range(len(heads)) if any(row[n] for row in rows)]
    lines: list[Line] = [(tuple(heads[n] for n in used), "")]
    lines += [
        (tuple(cells[n] for n in used), ascii_text(named(row)))
        for cells, (row, _) in zip(rows, found, strict=True)
    ]
    return [*wrapped(f"{panel.test}, {panel.unit}"), *_set(lines), *_base(found)]


def _figures(row: Row, cell: Cell, panel: Panel) -> tuple[str, ...]:
    beside = cell.beside
    return (
        ascii_text(cell.text),
        f"{cell.spread_percent:.0f}%" if cell.spread_percent is not None else "",
        interval(cell, panel) or ("imported" if row.imported else ""),
        f"{cell.n_machines:,}" if cell.n_machines is not None else "",
        two_decimals(beside.ratio) if beside else "",
        f"{two_decimals(beside.ci_low)}-{two_decimals(beside.ci_high)}"
        if beside and beside.ci_low is not None and beside.ci_high is not None
        else "",
    )


def _set(lines: Sequence[Line]) -> Iterator[str]:
    """Columns as wide as what is in them; a label that finds no room goes on below."""
    columns = zip(*(cells for cells, _ in lines), strict=True)
    widths = [max(map(len, column)) for column in columns]
    longest = max(len(label) for _, label in lines)
    lefts = [sum(widths) + gap * len(widths) for gap in GAPS]
    left = next((left for left in lefts if left + longest <= WIDTH), lefts[-1])
    gap = " " * GAPS[lefts.index(left)]
    for cells, label in lines:
        told = gap.join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        if WIDTH - left < LEAST_LABEL:
            yield from (*wrapped(label), *wrapped(told))
            continue
        first, *rest = textwrap.wrap(label, WIDTH - left) or [""]
        yield f"{told}{gap}{first}".rstrip()
        yield from (" " * left + part for part in rest)


def _base(found: Sequence[tuple[Row, Cell]]) -> list[str]:
    besides = [cell.beside for _, cell in found if cell.beside]
    if any(beside.together > 1 for beside in besides):
        return ["(ratio to the nearest 1.00 above it; their 95 % CIs hold together)"]
    return ["(ratio to the nearest 1.00 above it)"] if besides else []


def _remarks(spec: ChartSpec) -> Iterator[str]:
    if spec.differs:
        yield from _under("differs:", spec.differs)
    for remark in spec.remarks:
        if not remark.startswith("differs:"):
            yield from wrapped(remark)
    yield from wrapped(f"{spec.date}, {LICENCE}")


def _again(spec: ChartSpec, live: str) -> Iterator[str]:
    registry = live.rpartition("/c/")[0]
    for command in spec.repeats:
        yield from _command(command)
    if registry:
        yield from _under("get it:", f"{registry}/contribute/")


def _command(command: str) -> list[str]:
    """A command that is longer than a line goes on after a backslash, so that it can be pasted."""
    parts = textwrap.wrap(
        ascii_text(command), WIDTH - NAME - 2, break_long_words=False, break_on_hyphens=False
    )
    told = [f"{part} \\" for part in parts[:-1]] + parts[-1:]
    return _column("reproduce:", told)


def _addresses(live: str, frozen: str | None) -> Iterator[str]:
    if frozen:
        yield from _under("frozen:", frozen)
    yield from _under("chart:", live)
    yield from _under("image:", f"{frozen or live}.png")
    yield from _under("data:", f"{frozen or live}.csv")


def _under(name: str, text: str) -> list[str]:
    """`name:  text`, what follows below the text; a word that is too long for that goes below."""
    text = ascii_text(text)
    parts = textwrap.wrap(text, WIDTH - NAME, break_long_words=False, break_on_hyphens=False)
    if any(len(part) > WIDTH - NAME for part in parts):
        return [name, *wrapped(text)]
    return _column(name, parts)


def _column(name: str, parts: Sequence[str]) -> list[str]:
    return [f"{'' if number else name:{NAME}}{part}" for number, part in enumerate(parts)]
