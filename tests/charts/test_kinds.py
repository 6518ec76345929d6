"""The kinds of chart: that bars are still what they were, and what each other kind shows."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from charts.kinds import BARS, KINDS
from charts.models import Chart
from charts.params import XEN_USERS, ChartParams, slug_of
from charts.pipeline import forms, spec_of
from charts.render_png_svg import render
from charts.render_text import WIDTH, render_text
from charts.spec import ChartData, ChartSpec, FoundRow, Panel, Value, build
from registry.costs import Costs
from registry.evidence.costs import Cost, CpuStratum
from registry.evidence.ratio import Ratio, StratifiedRatio
from registry.models.summary import summarise
from submissions import sample
from tests import reports
from tests.charts.test_spec import HOSTILE, data, row, value

RECIPE = {"streams": "1", "placement": "same_cpu", "topology": "loopback"}
ONE_TEST = {"tests": ["TCP_CRR"], "recipe": RECIPE}
OTHERS = [kind for kind in KINDS if kind != BARS]


def params(kind: str, **more: Any) -> ChartParams:
    group_by = ["virtualization"] if KINDS[kind].is_grouped else []
    return ChartParams.from_dict({**ONE_TEST, "kind": kind, "group_by": group_by, **more})


def drawn(kind: str, *rows: FoundRow) -> ChartSpec:
    return build(params(kind), data(*rows))


def test_charts_from_before_there_were_kinds_keep_their_slugs_and_digests() -> None:
    """What the code printed that knew bars alone."""
    found = Value(20000.0, 18000.0, 22000.0, (19000.0, 20000.0, 21000.0), 24, 3, 3)
    line = FoundRow("6.12 KVM", "same CPU", "kvm", False, ("a",), 1, {"TCP_CRR": found})
    address = "https://crr.example/c/x"
    old = ChartData([line], {"TCP_CRR": "trans/s"}, "T", "S", address, "2026-11-23")
    asked = ChartParams(("TCP_CRR",), ("virtualization",), {"streams": "1"})
    assert slug_of(asked) == "t6yisy5yjgjh"
    assert slug_of(XEN_USERS) == "pdc6xbqu4bl5"
    assert build(asked, old).digest == (
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
        row(label, n, values={"TCP_CRR": value(0.5 + n, n)}) for n, label in enumerate(HOSTILE, 1)
    ]
    spec = drawn(kind, *rows)
    assert render(spec) == render(spec)
    text = render_text(spec)
    assert text.isascii()
    assert max(map(len, text.split("\n"))) <= WIDTH
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
    ],
)
@pytest.mark.django_db
def test_what_is_no_chart_is_refused(client: Client, asked: dict[str, Any], words: str) -> None:
    answer = client.post("/api/v1/charts/", {**ONE_TEST, **asked}, content_type="application/json")
    assert answer.status_code == 422
    assert words in answer.json()["error"]["details"][0]["message"]


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


@pytest.mark.django_db
def test_each_chart_of_the_gallery_is_made_by_what_it_shows(client: Client) -> None:
    gallery = (Path(__file__).parents[2] / "docs/gallery.md").read_text()
    bodies = re.findall(r"```json\n(.*?)\n```", gallery, re.DOTALL)
    assert [json.loads(body).get("kind", BARS) for body in bodies] == list(KINDS)
    for body in bodies:
        answer = client.post("/api/v1/charts/", body, content_type="application/json")
        assert answer.status_code == 201


def cost(verdict: str) -> Cost:
    stratum = CpuStratum(1, "Sample CPU 1", 4)
    ratio = Ratio(0.5, 0.4, 0.6, 4)
    found = StratifiedRatio(ratio, {str(stratum): ratio}, 3, 3, 90.0, True, 0.5, False)
    return Cost(("xen", "pv"), found, ((stratum, ratio),), 3, verdict, "", {stratum: 3})


@pytest.mark.parametrize(
    ("verdict", "labels"),
    [("slower", ["Xen PV", "on Sample CPU 1"]), ("differs_by_cpu", ["Xen PV on Sample CPU 1"])],
)
@pytest.mark.django_db
def test_no_average_is_drawn_where_cpus_differ(
    monkeypatch: pytest.MonkeyPatch, verdict: str, labels: list[str]
) -> None:
    monkeypatch.setattr("registry.costs.find", lambda query: Costs({}, (cost(verdict),), 6))
    chart, _ = Chart.objects.save_comparison(params("costs"))
    spec = spec_of(chart, 1)
    assert [line.label for line in spec.rows] == labels
    assert {line.cells["TCP_CRR"].n_runs for line in spec.rows} == {None}
