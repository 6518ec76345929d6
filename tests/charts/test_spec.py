"""What is drawn: which rows, in which order, with which words, whatever the labels hold."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charts.build import build
from charts.found import ChartData, FoundRow, Value
from charts.labels import clean, short
from charts.params import XEN_USERS, ChartParams, slug_of
from charts.render_text import WIDTH, render_json, render_text
from charts.spec import ChartSpec

HOSTILE = [
    "$x$",
    "$$",
    "\\frac{1}{2}",
    "_hidden",
    "%s{0}",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "a\u202eb\u2066c",
    "e" + "\u0301" * 200,
    "\U0001f600 \u4e2d\u6587",
    "a\tb\nc\x00d\x1b[31m",
    "w" * 10_000,
    "",
]


def value(rate: float = 20_000.0, hosts: int = 1, **more: Any) -> Value:
    rates = tuple(rate * (1 + 0.01 * number) for number in range(hosts))
    interval = (rate * 0.9, rate * 1.1) if hosts >= 3 else (None, None)
    values: dict[str, Any] = {
        "rate": rate,
        "ci_low": interval[0],
        "ci_high": interval[1],
        "host_rates": rates,
        "n_runs": 8 * hosts,
        "n_machines": hosts,
        "n_submitters": hosts,
        **more,
    }
    return Value(**values)


def row(label: str = "6.12 KVM", recency: int = 1, **more: Any) -> FoundRow:
    values: dict[str, Any] = {
        "label": label,
        "recipe": "same CPU",
        "family": "kvm",
        "imported": False,
        "order": (label,),
        "recency": recency,
        "values": {"TCP_CRR": value()},
        **more,
    }
    return FoundRow(**values)


def data(*rows: FoundRow, **more: Any) -> ChartData:
    values: dict[str, Any] = {
        "rows": rows,
        "units": {"TCP_CRR": "trans/s", "TCP_RR": "trans/s", "UDP_RR": "trans/s"},
        "title": "TCP_CRR by kernel",
        "subtitle": "netperf, 1 stream",
        "address": "http://127.0.0.1:8000/c/xen-users",
        "date": "2026-11-23, generation 7",
        "generation": 7,
        **more,
    }
    return ChartData(**values)


def spec(*rows: FoundRow, limit: int = 12, **more: Any) -> ChartSpec:
    return build(ChartParams(XEN_USERS.tests, XEN_USERS.group_by, limit=limit), data(*rows, **more))


def test_the_newest_row_is_always_drawn() -> None:
    old = [
        row(f"old {number}", 100 + number, values={"TCP_CRR": value(hosts=9)})
        for number in range(20)
    ]
    drawn = spec(*old, row("newest", 999), limit=3)
    assert "newest" in [line.label for line in drawn.rows]
    assert len(drawn.rows) == 3
    assert "18 more groups not drawn" in drawn.notes


def test_measured_rows_come_before_imported_ones_when_there_is_no_room() -> None:
    drawn = spec(row("imported", 5, imported=True), row("measured", 1), row("newest", 9), limit=2)
    assert [line.label for line in drawn.rows] == ["measured", "newest"]


@pytest.mark.parametrize(
    ("hosts", "hollow", "dots", "whisker"),
    [(1, True, 0, False), (2, False, 2, False), (3, False, 3, True), (21, False, 0, True)],
)
def test_what_a_row_shows_depends_on_its_hosts(
    hosts: int, hollow: bool, dots: int, whisker: bool
) -> None:
    (line,) = spec(row(values={"TCP_CRR": value(hosts=hosts)})).rows
    cell = line.cells["TCP_CRR"]
    assert (line.hollow, len(cell.dots), cell.ci_low is not None) == (hollow, dots, whisker)
    assert line.hosts == ("1 host" if hosts == 1 else f"{hosts} hosts")


def test_a_bar_of_one_host_is_hollow_and_says_so_on_a_line_of_many() -> None:
    drawn = spec(row(values={"TCP_CRR": value(hosts=5), "UDP_RR": value()}))
    (line,) = drawn.rows
    many, one = line.cells["TCP_CRR"], line.cells["UDP_RR"]
    assert (line.is_hollow(many), line.own_hosts(many)) == (False, "")
    assert (line.is_hollow(one), line.own_hosts(one)) == (True, "1 host")
    assert "hollow: 1 host" in drawn.notes


def test_an_imported_bar_is_hollow_however_many_hosts_it_has() -> None:
    (line,) = spec(row(imported=True, values={"TCP_CRR": value(hosts=5)})).rows
    assert line.is_hollow(line.cells["TCP_CRR"])


def test_the_notes_count_the_runs_and_explain_no_mark_that_is_not_drawn() -> None:
    drawn = spec(row(values={"TCP_CRR": value(hosts=3), "TCP_RR": value(hosts=3)}))
    assert drawn.remarks == ("48 runs in all",)
    assert not [note for note in drawn.notes if note.startswith(("hollow", "dashed"))]
    assert spec().notes == ()


def test_a_long_label_keeps_its_end_which_tells_it_from_its_neighbours() -> None:
    cpu = "linode Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz"
    kvm, xen = spec(row(f"{cpu} KVM"), row(f"{cpu} Xen PV")).rows
    assert kvm.label.startswith("linode Intel(R)")
    assert kvm.label.endswith(" KVM")
    assert xen.label.endswith(" Xen PV")
    assert len(kvm.label) == 48


def test_a_bound_says_so() -> None:
    (line,) = spec(row(values={"TCP_CRR": value(7000, bound="at_most")})).rows
    assert line.cells["TCP_CRR"].text == "\u22647.00k"
    assert "<=7.00k" in render_text(spec(row(values={"TCP_CRR": value(7000, bound="at_most")})))


def test_the_axis_ends_at_the_longest_bar_whisker_or_dot() -> None:
    drawn = spec(
        row(values={"TCP_CRR": value(100, hosts=3)}), row("b", values={"TCP_CRR": value(50)})
    )
    assert drawn.panels[0].top == pytest.approx(110)


def test_a_spec_survives_json_and_its_digest_covers_all_of_it() -> None:
    drawn = spec(
        row(values={"TCP_CRR": value(hosts=4), "TCP_RR": value()}), row("2", imported=True)
    )
    again = ChartSpec.from_dict(json.loads(json.dumps(drawn.as_dict())))
    assert again == drawn
    assert again.digest == drawn.digest
    assert spec(row(values={"TCP_CRR": value(hosts=5)})).digest != drawn.digest
    assert json.loads(render_json(drawn))["digest"] == drawn.digest


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_one_clean_line(label: str) -> None:
    (line,) = spec(row(label, recipe=label, family=label)).rows
    assert len(line.label) <= 48
    assert line.label.isprintable()
    text = render_text(spec(row(label, recipe=label)))
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert "\x1b" not in text


@given(st.text(max_size=300))
@example("a\u200d\u0301")  # what is dropped stood between a letter and its accent
@example("a\u0301" * 60)
def test_clean_is_idempotent_printable_and_short(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert len(once) <= 48
    assert once.isprintable()


@given(st.floats(1e-3, 9e14))
def test_short_keeps_three_significant_digits(rate: float) -> None:
    text = short(rate)
    scale = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}.get(text[-1], 1.0)
    assert float(text.rstrip("kMGT")) * scale == pytest.approx(rate, rel=0.0051)
    assert len(text.rstrip("kMGT").replace(".", "").lstrip("0")) <= 3 or rate < 1


@pytest.mark.parametrize(
    ("rate", "text"),
    [(6494, "6.49k"), (999.7, "1.00k"), (23230, "23.2k"), (104254.6, "104k"), (9.92e9, "9.92G")],
)
def test_short_numbers(rate: float, text: str) -> None:
    assert short(rate) == text


def test_the_same_parameters_have_the_same_slug() -> None:
    one = ChartParams(("TCP_CRR",), ("cpu_model",), {"streams": "1"})
    assert slug_of(one) == slug_of(ChartParams.from_dict(one.as_dict()))
    assert slug_of(one) != slug_of(XEN_USERS)
    assert slug_of(one).isalnum()


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {"tests": "TCP_CRR", "group_by": ["os"]},
        {"tests": ["TCP_CRR"] * 2, "group_by": ["os"]},
        {"tests": ["<script>"], "group_by": ["os"]},
        {"tests": ["TCP_CRR"], "group_by": ["colour"]},
        {"tests": ["TCP_CRR"], "group_by": [["os"]]},
        {"tests": ["TCP_CRR"], "group_by": ["os"], "limit": True},
        {"tests": ["TCP_CRR"], "group_by": ["os"], "limit": 41},
        {"tests": ["TCP_CRR"], "group_by": ["os"], "recipe": {"streams": "\u0661"}},
        {"tests": ["TCP_CRR"], "group_by": ["os"], "recipe": {"placement": "a\0"}},
        {"tests": ["TCP_CRR"], "group_by": ["os"], "recipe": {"test": "x"}},
        {"tests": ["TCP_CRR"], "group_by": ["os"], "colour": "red"},
    ],
)
def test_wrong_parameters_are_refused_with_a_sentence(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        ChartParams.from_dict(wrong)


def test_a_title_names_the_tests_that_are_drawn() -> None:
    asked = "TCP_CRR, TCP_RR, UDP_RR by kernel"
    assert spec(row(), title=asked).title == "TCP_CRR by kernel"
    assert spec(title=asked).title == asked
