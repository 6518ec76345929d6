"""The chart as text: to scale, whole and readable in 72 columns, and safe in a spreadsheet."""

import csv
import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charts.render_text import (
    BAR_WIDTH,
    WIDTH,
    ascii_text,
    render_csv,
    render_json,
    render_text,
    wrapped,
)
from charts.spec import ChartSpec
from tests.charts.test_spec import row, spec, value


def lines_of(*rows: object, **more: object) -> list[str]:
    return render_text(spec(*rows, **more)).splitlines()  # type: ignore[arg-type]


def line_of(start: str, lines: list[str]) -> str:
    (line,) = [line for line in lines if line.startswith(start)]
    return line


def test_bars_are_to_scale_and_imported_ones_look_other() -> None:
    lines = lines_of(
        row("a", values={"TCP_CRR": value(10_000)}),
        row("b", recipe="unpinned, imported", imported=True, values={"TCP_CRR": value(20_000)}),
    )
    measured, imported = line_of("a, same CPU ", lines), line_of("b, unpinned ", lines)
    assert imported.count(":") == BAR_WIDTH - 1
    assert measured.count("#") in {7, 8}
    assert imported.split()[2] == "20.0k"
    assert imported.split()[-3:] == ["imported", "1", "host"]
    assert measured.split()[3] == "10.0k"
    assert measured.split()[-2:] == ["1", "host"]
    assert ": imported, metadata incomplete, not ranked" in lines


@pytest.mark.parametrize(
    ("rate", "low", "high", "figures"),
    [
        (34_900, 33_900, 36_100, ["34.9k", "33.9-36.1", "3", "hosts"]),
        (999, 980, 1020, ["999", "980-1.02k", "3", "hosts"]),
        (999e3, 980e3, 1020e3, ["999k", "980k-1.02M", "3", "hosts"]),
        (0.5, 0.4, 0.6, ["0.5", "0.4-0.6", "3", "hosts"]),
    ],
)
def test_an_interval_stands_beside_its_figure(
    rate: float, low: float, high: float, figures: list[str]
) -> None:
    found = value(rate, hosts=3, ci_low=low, ci_high=high)
    line = line_of("6.12 KVM", lines_of(row(values={"TCP_CRR": found})))
    number, *others = figures
    assert line[28:35].strip() == number
    assert line.split()[-3:] == others


def test_an_interval_wider_than_a_column_is_drawn_around_its_figure() -> None:
    found = value(50.0, hosts=3, ci_low=25.0, ci_high=100.0)
    line = line_of("6.12 KVM", lines_of(row(values={"TCP_CRR": found})))
    assert line[36 : 36 + BAR_WIDTH] == "####----|-------"


def test_two_hosts_have_no_interval() -> None:
    line = line_of("6.12 KVM", lines_of(row(values={"TCP_CRR": value(hosts=2)})))
    assert line.split()[-3:] == ["#" * (BAR_WIDTH - 1) + "|", "2", "hosts"]


def test_a_label_too_long_for_its_column_stands_whole_above_its_bar() -> None:
    labels = [f"6.12 bare metal on Windows 7, {placement}" for placement in ("pinned", "loose")]
    lines = lines_of(*(row(label, recipe="") for label in labels))
    for label in labels:
        below = lines[lines.index(label) + 1]
        assert below.startswith(" " * 28 + "  20.0k #")
        assert below.endswith("1 host")


def test_the_remarks_are_told_in_text_too() -> None:
    lines = lines_of(row("a"), row("b", 2), limit=1, left_out=3)
    assert "1 more groups not drawn" in lines
    assert "3 figures in other units not drawn" in lines
    assert "8 runs in all" in lines


def test_text_of_nothing_says_so_and_explains_no_marks() -> None:
    text = render_text(spec())
    assert "No reports match yet." in text
    assert "geometric mean" not in text


@given(
    st.text(max_size=80),
    st.text(max_size=80),
    st.floats(0, 9.9e14),
    st.floats(0, 1e30),
    st.integers(3, 10**9),
)
def test_no_line_is_ever_longer_than_72_columns_of_ascii(
    label: str, recipe: str, rate: float, high: float, hosts: int
) -> None:
    found = value(rate, ci_low=0.0, ci_high=max(rate, high), n_machines=hosts, bound="at_most")
    text = render_text(spec(row(label, recipe=recipe, values={"TCP_CRR": found}), title=label))
    assert text.isascii()
    assert text.endswith("\n")
    assert all(line.isprintable() and len(line) <= WIDTH for line in text.splitlines())


def test_ascii_says_the_same_in_other_signs() -> None:
    assert ascii_text("\u2264 caf\u00e9 \u00d7 \u4e2d\u2026") == "<= cafe x \\u4e2d..."


def test_a_word_longer_than_a_line_is_broken() -> None:
    assert wrapped("a " + "w" * 100) == ["a", "w" * 72, "w" * 28]


def test_csv_is_safe_in_a_spreadsheet() -> None:
    lines = render_csv(spec(row("=1+1"), row("@SUM(A1)"), row("-2"), row("+3"))).splitlines()
    assert lines[0].startswith("test,unit,group,recipe,imported")
    assert [line.split(",")[2] for line in lines[1:]] == ["'+3", "'-2", "'=1+1", "'@SUM(A1)"]


def test_csv_holds_the_numbers_as_they_are() -> None:
    found = value(23_230.5, hosts=3, ci_low=20_000.25, ci_high=26_000.0)
    _, line = render_csv(spec(row(values={"TCP_CRR": found}))).splitlines()
    start = "TCP_CRR,trans/s,6.12 KVM,same CPU,false,exact,23230.5,20000.25,26000.0,24,3,3,,,"
    assert line.startswith(start)
    assert [cell for cell in line.removeprefix(start).split(",") if cell] == ["0.995053468246"]


def test_csv_says_the_ratio_and_to_which_row_it_is() -> None:
    rows = [
        row(f"6.12 {name}", values={"TCP_CRR": value(rate, 4)})
        for name, rate in (("KVM", 20_000.0), ("Xen", 10_000.0))
    ]
    found = list(csv.DictReader(io.StringIO(render_csv(spec(*rows)))))
    assert [float(line["ratio"]) for line in found] == pytest.approx([1.0, 0.5])
    assert [line["ratio_to"] for line in found] == ["6.12 KVM, same CPU"] * 2


def test_figures_are_written_without_the_digits_that_logarithms_leave() -> None:
    """CSV, JSON and the digest of both are of the same figures."""
    rate = math.exp(math.log(6494))
    assert str(rate) == "6493.999999999995"
    found = value(rate, hosts=3, host_rates=(rate, rate * 1.01), prediction=(rate / 3, rate))
    drawn = spec(row(values={"TCP_CRR": found}))
    assert ",6494.0," in render_csv(drawn)
    told = json.loads(render_json(drawn))
    cell = told["rows"][0]["cells"]["TCP_CRR"]
    assert (cell["rate"], cell["dots"]) == (6494.0, [6494.0, 6558.94])
    assert cell["prediction"] == [2164.66666667, 6494.0]
    assert told["panels"][0]["top"] == max(cell["ci_high"], 6558.94)
    assert ChartSpec.from_dict(told).digest == told["digest"] == drawn.digest
