"""The kinds of chart: that bars are still what they were, and what each other kind shows."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from charts.build import build
from charts.found import FoundRow
from charts.kinds import BARS, DOT, KINDS, SWARM
from charts.labels import clean, two_decimals
from charts.models import Chart
from charts.params import XEN_USERS, ChartParams, slug_of
from charts.pipeline import forms, spec_of
from charts.render_png_svg import render
from charts.render_text import WIDTH, ascii_text, bar, render_csv, render_text
from charts.sentence import headline
from charts.spec import ChartSpec, Panel
from registry.costs import Costs
from registry.evidence.costs import Cost, CpuStratum, Matched
from registry.evidence.ratio import Ratio, StratifiedRatio
from registry.kept import answer
from registry.models import RawReport, Run
from registry.models.summary import summarise
from submissions import sample
from tests import reports
from tests.charts.test_spec import HOSTILE, data, row, value

RECIPE = {"streams": "1", "placement": "same_cpu", "topology": "loopback"}
ONE_TEST = {"tests": ["TCP_CRR"], "recipe": RECIPE}
OTHERS = [kind for kind in KINDS if kind != BARS]


ABOUT: dict[str, dict[str, Any]] = {
    "comparison": {"compare": {"a.virtualization": "none", "b.virtualization": "xen"}},
    "cpus": {"report": "abcdefghij234567"},
}


def params(kind: str, **more: Any) -> ChartParams:
    if kind in ABOUT:
        return ChartParams.from_dict({"kind": kind, **ABOUT[kind]})
    group_by = ["virtualization", "os"][: KINDS[kind].least_groups]
    group_by = group_by if KINDS[kind].is_grouped else []
    return ChartParams.from_dict({**ONE_TEST, "kind": kind, "group_by": group_by, **more})


def drawn(kind: str, *rows: FoundRow) -> ChartSpec:
    return build(params(kind), replace(data(*rows), panels=("TCP_CRR",)))


def test_charts_from_before_there_were_kinds_keep_their_slugs_and_digests() -> None:
    """What the code printed that knew bars alone."""
    cell = {"rate": 20000.0, "ci_low": 18000.0, "ci_high": 22000.0, "text": "20.0k"}
    cell |= {"dots": [19000.0, 20000.0, 21000.0], "bound": "exact"}
    cell |= {"n_runs": 24, "n_machines": 3, "n_submitters": 3}
    line: dict[str, Any] = {
        "label": "6.12 KVM",
        "recipe": "same CPU",
        "hosts": "3 hosts",
        "family": "kvm",
    }
    line |= {"group": "6.12", "hollow": False, "imported": False, "cells": {"TCP_CRR": cell}}
    note = "bar: geometric mean of hosts; whisker: 95 % interval from 3 hosts on; dots: hosts"
    old = {
        "title": "T",
        "subtitle": "S",
        "panels": [{"test": "TCP_CRR", "unit": "trans/s", "top": 22000.0}],
        "rows": [line],
        "notes": [note, "24 runs in all"],
        "date": "2026-11-23",
        "address": "https://crr.example/c/x",
    }
    asked = ChartParams(("TCP_CRR",), ("virtualization",), {"streams": "1"})
    assert slug_of(asked) == "t6yisy5yjgjh"
    assert slug_of(XEN_USERS) == "pdc6xbqu4bl5"
    assert ChartSpec.from_dict(old).digest == (
        "4c91262e38c6c6aa8533bb85c93df71452ed967a8437e89fe06f5f1f56e2a646"
    )


@pytest.mark.parametrize("kind", OTHERS)
def test_another_kind_of_the_same_question_is_another_chart(kind: str) -> None:
    asked = params(kind)
    assert ChartParams.from_dict(asked.as_dict()) == asked
    assert len({slug_of(params(each)) for each in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_spec_survives_being_stored(kind: str) -> None:
    spec = drawn(kind, row(values={"TCP_CRR": value(1.2, hosts=5)}), row("b"))
    again = ChartSpec.from_dict(json.loads(json.dumps(spec.as_dict())))
    assert (again, again.digest) == (spec, spec.digest)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_anything_and_twice_the_same(kind: str) -> None:
    rows = [
        row(label, n, group=label, values={"TCP_CRR": value(0.5 + n, n)})
        for n, label in enumerate(HOSTILE, 1)
    ]
    spec = drawn(kind, *rows)
    assert render(spec) == render(spec)
    text = render_text(spec)
    assert text.isascii()
    assert all(line.isprintable() and len(line) <= WIDTH for line in text.splitlines())
    assert render(drawn(kind)).png.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"kind": "pie", "group_by": ["os"]}, "kind"),
        ({"kind": ["bars"], "group_by": ["os"]}, "kind"),
        ({"kind": "bars"}, "group_by"),
        ({"kind": "ranked"}, "group_by"),
        ({"kind": "costs", "group_by": ["os"]}, "group_by"),
        ({"kind": "ranked", "group_by": ["os"], "tests": ["TCP_CRR", "TCP_RR"]}, "shows one"),
        ({"kind": "multiples", "group_by": ["os"]}, "2 factors"),
        ({"kind": "cpus", "report": "abcdefghij234567"}, "nothing else"),
    ],
)
@pytest.mark.django_db
def test_what_is_no_chart_is_refused(client: Client, asked: dict[str, Any], words: str) -> None:
    answer = client.post("/api/v1/charts/", {**ONE_TEST, **asked}, content_type="application/json")
    assert answer.status_code == 422
    assert words in answer.json()["error"]["details"][0]["message"]


@pytest.mark.django_db
def test_a_chart_groups_by_whatever_a_leaderboard_groups_by(client: Client) -> None:
    """Settings, and factors by the names that experiments have for them."""
    for number, state in enumerate(["absent", "active"] * 2):
        environment = reports.environment(
            tuning={"conntrack": state, "net.ipv4.tcp_syncookies": "1"}
        )
        report = reports.envelope(
            reports.run(20_000 + number), machine_id=f"{number:032x}", environment=environment
        )
        answer = client.post(
            "/api/v1/reports/", reports.as_bytes(report), content_type="application/json"
        )
        assert answer.status_code == 201
    summarise()
    group_by = ["hypervisor", "conntrack", "net.ipv4.tcp_syncookies"]
    asked = params(BARS, group_by=group_by)
    assert asked == params(BARS, group_by=["virtualization", *group_by[1:]])
    chart, _ = Chart.objects.save_comparison(asked)
    assert [row.label for row in spec_of(chart, 1).rows] == [
        f"KVM conntrack {state} net.ipv4.tcp_syncookies 1" for state in ("absent", "active")
    ]


@given(st.floats(1e-3, 1e15), st.floats(1.001, 1e6), st.floats(0, 1e18), st.booleans())
def test_a_place_on_an_axis_lies_on_it(
    low: float, span: float, figure: float, is_log: bool
) -> None:
    panel = Panel("TCP_CRR", "trans/s", low * span, low, is_log=is_log)
    assert 0 <= panel.share(figure) <= 1
    assert math.isclose(panel.share(panel.top), 1)
    assert panel.share(low) == 0


@pytest.fixture
def world(client: Client) -> None:
    for each in sample.samples(140, seed=5):
        answer = client.post(
            "/api/v1/reports/",
            reports.as_bytes(each.envelope),
            content_type="application/json",
            REMOTE_ADDR=f"10.7.{each.sender >> 8}.{each.sender & 255}",
        )
        assert answer.status_code == 201
    while summarise():
        pass


@pytest.mark.django_db
@pytest.mark.usefixtures("world")
def test_each_kind_shows_what_the_registry_says(client: Client) -> None:
    def found(kind: str, **more: Any) -> ChartSpec:
        chart, _ = Chart.objects.save_comparison(params(kind, limit=40, **more))
        assert set(forms(spec_of(chart, 1), "https://crr.example/c/x"))
        return spec_of(chart, 1)

    ranked = [line.label for line in found("ranked").rows]
    board = client.get("/api/v1/leaderboard/?group_by=virtualization").json()["rows"]
    assert len(ranked) == sum(line["ranked"] for line in board) > 3
    assert ranked[0].startswith(f"{board[0]['rank_low']}-{board[0]['rank_high']}. ")

    every = found("distribution")
    assert {len(line.cells["TCP_CRR"].dots) for line in every.rows} == {
        line.cells["TCP_CRR"].n_machines for line in every.rows
    }
    assert every.panels[0].is_log

    series = [line.label for line in found("kernels", group_by=["kernel_series"]).rows]
    assert series == ["4.19", "5.10", "6.1"]

    costs = found("costs")
    answer = client.get("/api/v1/costs/").json()["rows"]
    assert costs.rows[0].cells["TCP_CRR"].rate == pytest.approx(answer[0]["ratio"])
    assert costs.rows[1].label.startswith("on Sample CPU")

    effects = found("effects")
    kinds = [line.group for line in effects.rows]
    assert kinds == sorted(kinds, key=["experiment", "pairs of one machine", "association"].index)
    experiment = next(line for line in effects.rows if line.label == "rps.lo off \u2192 on")
    assert experiment.cells["TCP_CRR"].rate == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"kind": "comparison", "compare": {}}, 422, "expected an object"),
        ({"kind": "comparison", "compare": {"a.os": "\u00e9", "b.os": "x"}}, 422, "short text"),
        ({"kind": "comparison", "compare": {"a b": "x"}}, 422, "no factor"),
        ({"kind": "comparison", "compare": {"a.os": "x", "c": "y"}}, 422, "unknown factor"),
        ({"kind": "comparison", "compare": {"a.os": "x", "b.os": "y"}}, 404, "no figure"),
        ({"kind": "comparison"}, 422, "compare"),
        ({"kind": "cpus", "report": "../../etc/passwd"}, 422, "the id of a report"),
        ({"kind": "cpus", "report": "abcdefghij234567"}, 404, "no listed report"),
    ],
)
@pytest.mark.django_db
def test_what_a_chart_is_about_must_be_there(
    client: Client, asked: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post("/api/v1/charts/", asked, content_type="application/json")
    assert answer.status_code == status
    assert words in json.dumps(answer.json())
    assert not Chart.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("world")
def test_streams_show_whole_curves_and_the_price_of_waking_a_cpu() -> None:
    asked = ChartParams.from_dict(
        {**ONE_TEST, "kind": "streams", "group_by": ["virtualization"], "recipe": {}, "limit": 11}
    )
    chart, _ = Chart.objects.save_comparison(asked)
    spec = spec_of(chart, 1)
    assert 0 < len(spec.rows) <= 11
    curves: dict[str, dict[tuple[str, str], float]] = {}
    for line in spec.rows:
        key = line.label.removeprefix(f"{line.group}, "), line.recipe
        curves.setdefault(line.group, {})[key] = line.cells["TCP_CRR"].rate
    for rates in curves.values():
        assert rates["1 stream", "unpinned"] < rates["1 stream", "same CPU"]
        assert rates["1 stream", "unpinned"] < rates["2 streams", "unpinned"]
    assert any(note.endswith("more groups not drawn") for note in spec.notes)
    text = render_text(spec)
    assert all(f"\n{group}\n" in text for group in curves)
    assert "\n  1 stream, unpinned " in text


@pytest.mark.django_db
@pytest.mark.usefixtures("world")
def test_small_multiples_share_one_axis() -> None:
    chart, _ = Chart.objects.save_comparison(
        params("multiples", group_by=["cpu_model", "virtualization"])
    )
    spec = spec_of(chart, 1)
    assert [panel.test for panel in spec.panels] == [f"Sample CPU {n}" for n in (1, 2, 3)]
    assert len({panel.top for panel in spec.panels}) == 1
    one = Chart.objects.save_comparison(params(BARS, group_by=["cpu_model", "virtualization"]))[0]
    bars = {line.label: line.cells["TCP_CRR"] for line in spec_of(one, 1).rows}
    for line in spec.rows:
        for panel, cell in line.cells.items():
            known = bars.get(f"{line.label} {panel}") or bars.get(f"{panel} {line.label}")
            assert known is None or replace(known, beside=cell.beside) == cell
    assert sum(len(line.cells) for line in spec.rows) >= len(bars)


@pytest.mark.django_db
@pytest.mark.usefixtures("world")
def test_a_saved_comparison_says_what_differs_and_the_ratio_of_the_page(client: Client) -> None:
    query = {"a.virtualization": "none", "b.virtualization": "xen"}
    answer = client.post("/c/", {"kind": "comparison", **query})
    assert answer.status_code == 302
    chart = Chart.objects.get()
    assert answer["Location"] == f"/c/{chart.slug}"
    spec = spec_of(chart, 1)
    compared = client.get("/api/v1/compare/", query).json()
    assert spec.rows[1].cells["B / A"].rate == pytest.approx(compared["ratio"])
    assert compared["verdict"] in spec.subtitle
    assert "hypervisor" in spec.subtitle
    assert [line.label for line in spec.rows] == ["A: bare metal", "B: Xen"]
    page = client.get("/compare/", query).content.decode()
    assert '<form method="post" action="/c/">' in page

    empty = client.post("/c/", {"kind": "comparison", "a.os": "x", "b.os": "y"})
    assert empty.status_code == 404
    assert "no figure of this group" in empty.content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("world")
def test_the_load_of_each_cpu_is_that_of_the_report_until_it_is_withdrawn(client: Client) -> None:
    run = Run.objects.filter(recipe__placement="unpinned", recipe__streams=2).first()
    assert run is not None
    report = run.reading.report
    page = client.get(f"/r/{report.public_id}").content.decode()
    assert 'name="report" value="' + report.public_id in page
    client.post("/c/", {"kind": "cpus", "report": report.public_id})
    chart = Chart.objects.get()
    spec = spec_of(chart, 1)
    panels = ["1 stream, same CPU", "1 stream, unpinned", "2 streams, unpinned"]
    assert [panel.test for panel in spec.panels] == panels
    assert {panel.top for panel in spec.panels} == {100.0}
    hot, second, idle, *_ = spec.rows
    assert [hot.family, second.family, idle.family] == ["hot", "", ""]
    assert [hot.cells[panel].text for panel in panels] == ["97 (32)", "55 (18)", "88 (29)"]
    assert [second.cells[panel].rate for panel in panels] == [2.0, 2.0, 88.0]

    report.visibility = report.Visibility.UNLISTED
    report.save()
    assert spec_of(chart, 1).rows == ()


@pytest.mark.django_db
@pytest.mark.usefixtures("world")
def test_each_chart_of_the_gallery_is_made_by_what_it_shows(client: Client) -> None:
    gallery = (Path(__file__).parents[2] / "docs/gallery.md").read_text()
    bodies = list(map(json.loads, re.findall(r"```json\n(.*?)\n```", gallery, re.DOTALL)))
    assert [body.get("kind", BARS) for body in bodies] == list(KINDS)
    for body in bodies:
        if "report" in body:
            body["report"] = RawReport.objects.newest()[0].public_id
        answer = client.post("/api/v1/charts/", body, content_type="application/json")
        assert answer.status_code == 201


@pytest.mark.django_db
def test_costs_name_the_workload_that_they_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = {"test": "TCP_CRR", "streams": 4, "placement": "unpinned", "unit": "trans/s"}
    found = Costs(workload, (cost("slower"),), 6)
    monkeypatch.setattr("registry.costs.find", answer(lambda query: found))
    chart, _ = Chart.objects.save_comparison(params("costs"))
    assert "4 streams, unpinned" in spec_of(chart, 1).subtitle


def test_another_hosts_ratio_is_expected_beyond_the_interval() -> None:
    found = value(1.2, 5, ci_low=1.15, ci_high=1.25, prediction=(0.9, 1.6))
    spec = drawn("effects", row(values={"TCP_CRR": found}))
    assert ChartSpec.from_dict(spec.as_dict()) == spec
    assert spec.panels[0].top >= 1.6
    assert re.search(r"\.+-+\|-*\.+", render_text(spec))
    assert ",0.9,1.6" in render_csv(spec)


def cost(verdict: str) -> Cost:
    stratum = CpuStratum("Sample CPU 1", 4)
    ratio = Ratio(0.5, 0.4, 0.6, 4)
    found = StratifiedRatio(ratio, {str(stratum): ratio}, 3, 3, 90.0, True, 0.5, False)
    return Cost(
        ("xen", "pv"), found, ((stratum, ratio),), 3, verdict, "", Matched(3, 3, 1), {stratum: 3}
    )


@pytest.mark.parametrize(
    ("verdict", "labels"),
    [("slower", ["Xen PV", "on Sample CPU 1"]), ("differs_by_cpu", ["Xen PV on Sample CPU 1"])],
)
@pytest.mark.django_db
def test_no_average_is_drawn_where_cpus_differ(
    monkeypatch: pytest.MonkeyPatch, verdict: str, labels: list[str]
) -> None:
    found = answer(lambda query: Costs({}, (cost(verdict),), 6))
    monkeypatch.setattr("registry.costs.find", found)
    chart, _ = Chart.objects.save_comparison(params("costs"))
    spec = spec_of(chart, 1)
    assert [line.label for line in spec.rows] == labels
    assert {line.cells["TCP_CRR"].n_runs for line in spec.rows} == {None}


@pytest.mark.parametrize(("ratio", "told"), [(0.0043, "0.0043"), (0.0207, "0.0207"), (40, "40.00")])
@pytest.mark.django_db
def test_a_sentence_rounds_as_the_table_does(
    monkeypatch: pytest.MonkeyPatch, ratio: float, told: str
) -> None:
    known = cost("slower")
    assert known.found
    one = Ratio(ratio, ratio * 0.9, ratio * 1.1, 4)
    found = replace(known, found=replace(known.found, overall=one), strata=())
    monkeypatch.setattr("registry.costs.find", answer(lambda query: Costs({}, (found,), 6)))
    chart, _ = Chart.objects.save_comparison(params("costs"))
    spec = spec_of(chart, 1)
    low, high = two_decimals(one.ci_low or 0), two_decimals(one.ci_high or 0)
    assert f"Xen PV {told} (95 % interval {low} to {high})" in headline(spec)
    assert f"{told} " in render_text(spec)
    assert f"{low}-{high}" in render_text(spec)


def ratio_row(label: str, ratio: float) -> FoundRow:
    interval = {"ci_low": ratio * 0.8, "ci_high": ratio * 1.2}
    return row(label, group=label, values={"TCP_CRR": value(ratio, 5, host_rates=(), **interval)})


def test_an_axis_of_ratios_holds_what_is_drawn_on_it() -> None:
    spec = drawn("costs", *(ratio_row(name, at) for name, at in (("a", 0.004), ("b", 40.0))))
    (panel,) = spec.panels
    assert (panel.low, panel.top) == pytest.approx((0.0032 / 1.05, 48))
    places = [panel.share(line.cells["TCP_CRR"].rate) for line in spec.rows]
    assert 0 < places[0] < places[1] < 1
    assert "arrow: beyond the axis" not in spec.notes
    assert "beyond" not in render_text(spec)


def test_a_ratio_beyond_the_axis_is_an_arrow_at_its_edge() -> None:
    rows = [("a", 0.0002), ("b", 1.1), ("c", 4000.0)]
    spec = drawn("costs", *(ratio_row(name, at) for name, at in rows))
    assert (spec.panels[0].low, spec.panels[0].top) == (1e-3, 1e3)
    assert "arrow: beyond the axis" in spec.notes
    text = render_text(spec)
    assert "< > beyond the axis" in text
    ends = [bar(line, line.cells["TCP_CRR"], spec.panels[0], DOT).strip() for line in spec.rows]
    assert [ends[0][0], ends[1][-1], ends[2][-1]] == ["<", "|", ">"]
    assert b"<svg" in render(spec).svg


def test_rows_under_a_long_name_are_told_apart_by_their_streams() -> None:
    group = "bare metal on a rather long CPU name, Intel Xeon E3-1240 v3, 6.12"
    rows = [row(f"{group}, {n} streams", n, group=group, order=(n,)) for n in (2, 4, 8)]
    spec = drawn("streams", *rows)
    assert [line.label.removeprefix(f"{line.group}, ") for line in spec.rows] == [
        *("2 streams", "4 streams", "8 streams"),
    ]
    lines = render_text(spec).splitlines()
    starts = [line[:11] for line in lines if line.startswith("  ")]
    assert starts == ["  2 streams", "  4 streams", "  8 streams"]
    assert lines.count(ascii_text(clean(group))) == 1


def test_the_text_of_small_multiples_is_72_columns_of_ascii() -> None:
    panel = "\u4e2d\u6587 Intel(R) Xeon(R) Platinum 8488C @ 2.40GHz, one of many"
    found = data(row(values={panel: value(hosts=3)}), units={panel: "trans/s"}, panels=(panel,))
    text = render_text(build(params("multiples"), found))
    assert text.isascii()
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert "\\u4e2d\\u6587 Intel(R) Xeon(R) Platinum 8488C" in text


@pytest.mark.parametrize(("hosts", "dots"), [(400, 400), (401, 400), (5_000, 400)])
def test_of_many_hosts_as_many_are_drawn_as_find_room(hosts: int, dots: int) -> None:
    found = value(hosts=hosts)
    spec = drawn("distribution", row(values={"TCP_CRR": found}))
    (line,) = spec.rows
    shown = line.cells["TCP_CRR"].dots
    assert len(shown) == dots
    assert (min(shown), max(shown)) == (min(found.host_rates), max(found.host_rates))
    is_told = "of more than 400 hosts 400 are drawn, evenly by rank" in spec.notes
    assert is_told == (hosts > dots)
    assert "o" in bar(line, line.cells["TCP_CRR"], spec.panels[0], SWARM)
