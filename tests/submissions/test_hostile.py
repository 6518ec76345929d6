"""What strangers send to break the registry: the right refusal, nothing half-stored, nothing run.

Each case went through the real servers first. All touch the database, since PostgreSQL refuses
what SQLite takes: NUL, text longer than its column, numbers beyond their type.
"""

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.core.handlers.wsgi import LimitedStream
from django.test import Client, RequestFactory

from charts import artefacts
from charts.models import Chart
from charts.pipeline import draw
from registry.body import read_body
from registry.models import RawReport, Reading
from registry.models.summary import summarise
from registry.refusal import Refused
from tests import reports

pytestmark = pytest.mark.django_db
REPORTS, PARSE, CHARTS = "/api/v1/reports/", "/api/v1/parse/", "/api/v1/charts/"
TOKEN = "crrc_" + "t" * 43

SHORT_TEXTS = (
    ("client", "name"),
    ("environment", "kernel", "release"),
    ("environment", "os", "id"),
    ("environment", "virtualization", "type"),
    ("environment", "cloud", "instance_type"),
    ("environment", "cpu", "model"),
    ("environment", "nic", "driver"),
    ("environment", "clocksource"),
)
TEXTS = (*SHORT_TEXTS, ("runs", 0, "command"), ("runs", 0, "started_at"), ("notes",))
WRONG_TYPES: tuple[tuple[tuple[str | int, ...], Any], ...] = (
    (("report_version",), True),
    (("report_version",), "1"),
    (("machine_id",), 7),
    (("environment",), []),
    (("environment", "cpu", "online"), 2.5),
    (("environment", "cpu", "online"), True),
    (("environment", "memory_bytes"), "4096"),
    (("environment", "memory_bytes"), -1),
    (("environment", "tuning"), {"conntrack": ["absent"]}),
    (("runs",), {}),
    (("runs", 0), None),
    (("runs", 0, "outputs"), "text"),
    (("runs", 0, "outputs", 0), None),
    (("runs", 0, "streams"), 0),
    (("runs", 0, "telemetry"), {"cpu": [None]}),
    (("experiment",), "ABBA"),
    (("visibility",), "secret"),
)
# Markup, mathtext, formulas, bidi and marks: each is a name, and stays one.
LABELS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title><svg onload=alert(1)>",
    "$x^2$ \\frac{1}{0}",
    "$$",
    "_hidden",
    "%s {0} {{7*7}}",
    "=HYPERLINK(1)",
    "@SUM(A1)",
    "\u202eevil\u202c",
    "a" + "\u0301" * 50,
    "\U0001f4a3 \u4e2d\u6587 \u05d0",
    "W" * 64,
)


def changed(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A good envelope with one field set to `value`."""
    report = reports.envelope(reports.run())
    report["environment"]["nic"], report["environment"]["cloud"] = {}, {}
    part: Any = report
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    return report


def path_of(place: tuple[str | int, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).lstrip(".")


def send(client: Client, body: Any, address: str = REPORTS, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(address, content, content_type="application/json", headers=headers)


def error_of(answer: Any) -> dict[str, Any]:
    """The error of an answer, which has the one shape and no word of our insides."""
    assert answer.headers["Content-Type"] == "application/json"
    assert b"Traceback" not in answer.content
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"code", "message", "details"}
    return error


def paths_in(answer: Any) -> list[str]:
    return [fault["path"] for fault in error_of(answer)["details"]]


@pytest.mark.parametrize(("place", "value"), WRONG_TYPES)
@pytest.mark.parametrize("address", [REPORTS, PARSE])
def test_a_wrong_type_is_named(
    client: Client, address: str, place: tuple[str | int, ...], value: Any
) -> None:
    answer = send(client, changed(place, value), address)
    assert answer.status_code == 422
    assert any(path.startswith(path_of(place)) for path in paths_in(answer))
    assert not RawReport.objects.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"environment": reports.environment(kernel={"release": 186 * "6"})},
            "than 128 characters",
        ),
        ({"notes": 20_000 * "n"}, "is longer than 10000 characters"),
        ({"runs": 2_001 * [{}]}, "has more than 2000 items"),
    ],
)
def test_a_long_value_does_not_hide_why_it_is_refused(
    client: Client, change: dict[str, Any], reason: str
) -> None:
    answer = send(client, {**reports.envelope(), **change})
    assert answer.status_code == 422
    told = [fault["message"] for fault in error_of(answer)["details"]]
    assert [message for message in told if message.endswith(reason)]
    assert max(map(len, told)) <= 200


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "\x1b[31m", "a\x85b"])
def test_what_is_no_text_is_refused_in_every_field(client: Client, text: str) -> None:
    for place in TEXTS:
        answer = send(client, changed(place, text))
        assert (answer.status_code, paths_in(answer)) == (422, [path_of(place)])
    assert not RawReport.objects.exists()


@pytest.mark.parametrize("key", ["a\0b", "\x1b[31m"])
def test_a_key_that_is_no_text_is_refused(client: Client, key: str) -> None:
    for place in ((key,), ("environment", key), ("environment", "tuning", key)):
        assert send(client, changed(place, 1)).status_code == 422
    assert not RawReport.objects.exists()


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 4000, "9" * 5000, "NaN", "-Infinity"])
@pytest.mark.parametrize("name", ["memory_bytes", "unknown_here"])
def test_a_number_that_is_none_is_refused_wherever_it_stands(
    client: Client, name: str, number: str
) -> None:
    run = json.dumps(reports.run())
    body = f'{{"report_version":1,"environment":{{"{name}":{number}}},"runs":[{run}]}}'
    answer = send(client, body.encode())
    assert answer.status_code == (422 if number[-1] == "0" or len(number) == 4000 else 400)
    assert error_of(answer)["code"] in {"invalid", "not_json"}
    assert not RawReport.objects.exists()


@pytest.mark.parametrize("depth", [33, 1_000, 80_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("address", [REPORTS, PARSE, CHARTS])
def test_deep_nesting_is_400(
    client: Client, address: str, opened: str, closed: str, depth: int
) -> None:
    body = '{"report_version":1,"x":' + opened * depth + "1" + closed * depth + "}"
    answer = send(client, body.encode(), address)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "too_deep")


def test_the_size_limit_is_exact(client: Client) -> None:
    text = reports.text().encode()
    body = text + b"\n" * (settings.BODY_LIMIT_BYTES - len(text))
    assert client.post(REPORTS, body, content_type="text/plain").status_code == 201
    over = client.post(REPORTS, body + b"\n", content_type="text/plain")
    assert (over.status_code, error_of(over)["code"]) == (413, "too_large")


@pytest.mark.parametrize(("n_runs", "status"), [(2_000, 201), (2_001, 422)])
def test_the_most_runs_of_a_report(client: Client, n_runs: int, status: int) -> None:
    lines = "THROUGHPUT={}\nTHROUGHPUT_UNITS=Trans/s\nPROTOCOL=TCP\nDIRECTION=Connect|Send|Recv\n"
    runs = [{"outputs": [lines.format(rate)], "streams": 1} for rate in range(1, n_runs + 1)]
    assert send(client, {"report_version": 1, "runs": runs}).status_code == status


@pytest.mark.parametrize("rate", ["nan", "inf", "1e400", "-1.00", "1" + "0" * 15, "\u0661"])
@pytest.mark.parametrize("form", ["CLASSIC", "KEYVAL"])
def test_a_rate_that_netperf_cannot_print_is_no_result(
    client: Client, form: str, rate: str
) -> None:
    text = getattr(reports, form).replace("{rate:.2f}", rate).format(elapsed=10)
    answer = client.post(REPORTS, text, content_type="text/plain")
    assert (answer.status_code, error_of(answer)["code"]) == (422, "not_netperf")


@pytest.mark.parametrize(
    "instant",
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "\u0662"],
)
def test_an_impossible_start_costs_no_report(client: Client, instant: str) -> None:
    answer = send(client, changed(("runs", 0, "started_at"), instant))
    assert (answer.status_code, answer.json()["status"]) == (201, "published")
    assert client.get(f"/r/{answer.json()['id']}").status_code == 200


@pytest.mark.parametrize("header", ["Idempotency-Key", "Claim-Token"])
@pytest.mark.parametrize("value", ["", "short", "x" * 201, "\xff" * 10])
def test_a_secret_that_is_none_is_refused(client: Client, header: str, value: str) -> None:
    answer = send(client, reports.envelope(), **{header: value})
    assert (answer.status_code, paths_in(answer)) == (422, [header])
    assert not RawReport.objects.exists()


@pytest.mark.parametrize(
    "claim", ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff", "Bearer " * 99]
)
@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_wrong_token_looks_like_a_wrong_id(client: Client, method: str, claim: str) -> None:
    public_id = send(client, reports.envelope(), **{"Claim-Token": TOKEN}).json()["id"]
    call: Callable[..., Any] = getattr(client, method)
    answers = [
        call(f"{REPORTS}{name}/", b"{}", "application/json", headers={"Authorization": claim})
        for name in (public_id, "a" * 16)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert error_of(answers[0]) == error_of(answers[1])
    assert RawReport.objects.get().status == RawReport.Status.PUBLISHED


@pytest.mark.parametrize(
    "change",
    [
        {"notes": 1},
        {"notes": ["x"]},
        {"notes": "a\0b"},
        {"notes": "\ud800"},
        {"notes": "x" * 10_001},
        {"visibility": None},
        {"visibility": ["public"]},
        {"visibility": {}},
        {"status": "published"},
        {"\0": 1},
    ],
)
def test_an_edit_of_a_wrong_kind_changes_nothing(client: Client, change: dict[str, Any]) -> None:
    public_id = send(client, reports.envelope(), **{"Claim-Token": TOKEN}).json()["id"]
    answer = client.patch(
        f"{REPORTS}{public_id}/",
        json.dumps({"notes": "new", **change}).encode(),
        "application/json",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    assert (answer.status_code, error_of(answer)["code"]) == (422, "invalid")
    assert RawReport.objects.get().notes == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tests", "TCP_CRR"),
        ("tests", [None]),
        ("tests", [["TCP_CRR"]]),
        ("tests", ["TCP_CRR"] * 5),
        ("tests", ["TCP_CRR\0"]),
        ("group_by", "os"),
        ("group_by", ["os", "os"]),
        ("group_by", ["os__in"]),
        ("group_by", [{}] * 100_000),
        ("recipe", ["streams"]),
        ("recipe", {"streams": 1}),
        ("recipe", {"streams": "1e3"}),
        ("recipe", {"topology": "a\0b"}),
        ("recipe", {"test": "TCP_RR"}),
        ("limit", True),
        ("limit", 1.5),
        ("limit", 0),
        ("limit", 41),
        ("\0", 1),
    ],
)
def test_a_chart_of_a_wrong_kind_is_422(client: Client, name: str, value: Any) -> None:
    chart = {"tests": ["TCP_CRR"], "group_by": ["os"], name: value}
    answer = send(client, chart, CHARTS)
    assert (answer.status_code, error_of(answer)["code"]) == (422, "invalid")
    assert not Chart.objects.exists()


@pytest.mark.parametrize("address", ["/leaderboard/", "/api/v1/leaderboard/"])
@pytest.mark.parametrize(
    "query",
    [
        "test=a%00",
        "cpu_model=%00",
        "streams=1e3",
        "streams=%D9%A1",
        f"cpus={'9' * 5000}",
        "cpus=-1",
        "group_by=settings",
        "group_by=cpu_model__startswith",
        "cpu_model__in=x",
        "%3Cscript%3E=1",
        "group_by=%00",
    ],
)
def test_a_hostile_query_is_422(client: Client, address: str, query: str) -> None:
    answer = client.get(f"{address}?{query}")
    assert answer.status_code == 422
    assert "html" not in answer.headers["Content-Type"] or b"<script>" not in answer.content


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "a_b\xff", ""])
@pytest.mark.parametrize("address", ["/", "/leaderboard", "/api/v1/leaderboard/", REPORTS])
def test_another_host_name_gets_nothing(client: Client, host: str, address: str) -> None:
    answer = client.get(address, headers={"Host": host})
    assert answer.status_code == 400
    assert b"evil" not in answer.content


def test_the_api_has_one_shape_for_what_is_not_there(client: Client) -> None:
    for method, address, status in (
        ("GET", "/api/", 404),
        ("GET", "/api/v1/no-such-thing/", 404),
        ("GET", f"{REPORTS}no-such-report/", 404),
        ("GET", f"{CHARTS}no-such-chart/", 404),
        ("PUT", REPORTS, 405),
        ("TRACE", "/api/v1/leaderboard/", 405),
    ):
        answer = client.generic(method, address)
        assert (method, address, answer.status_code) == (method, address, status)
        assert error_of(answer)["message"]


@pytest.mark.parametrize("group_by", [["cpu_model"], ["kernel_release", "os", "virtualization"]])
def test_hostile_names_stay_names_in_every_form_of_a_chart(
    client: Client, group_by: list[str], settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    artefacts.get.cache_clear()
    for number, label in enumerate(LABELS):
        report = reports.envelope(reports.run(20_000 + number))
        report["environment"] |= {"nic": {}, "cloud": {}}
        for *above, name in SHORT_TEXTS:
            part = report
            for step in above:
                part = part[step]
            part[name] = label[:64]
        assert send(client, report).status_code == 201
    assert Reading.objects.filter(active=True).count() == len(LABELS)
    summarise()
    slug = send(client, {"tests": ["TCP_CRR"], "group_by": group_by, "limit": 40}, CHARTS).json()
    drawing = draw(Chart.objects.get(slug=slug["slug"]).pk)
    form = {name: artefacts.get(file["digest"], name) for name, file in drawing.files.items()}

    assert len(drawing.spec["rows"]) == len(LABELS)
    for name in ("txt", "post.txt", "md", "bbcode", "eml"):
        form[name].decode("ascii")
    assert max(len(line) for line in form["post.txt"].splitlines()) <= 72
    tags = {
        element.tag.rpartition("}")[2] for element in ElementTree.fromstring(form["svg"]).iter()
    }
    assert not tags & {"script", "foreignObject", "a"}
    assert b"<script" not in form["html"]
    assert b"<img src=x" not in form["html"]
    cells = [cell for row in csv.reader(io.StringIO(form["csv"].decode())) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell]
    assert form["png"].startswith(b"\x89PNG")
    assert form["png"].endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize("label", LABELS)
def test_hostile_names_stay_text_on_every_page(client: Client, label: str) -> None:
    report = reports.envelope(reports.run(), notes=label)
    report["environment"]["cpu"]["model"] = report["environment"]["kernel"]["release"] = label
    report["environment"]["tuning"][label] = label
    report["runs"][0]["outputs"][0] += label
    public_id = send(client, report).json()["id"]
    summarise()
    for address in (f"/r/{public_id}", "/", "/reports/", "/leaderboard/?group_by=cpu_model"):
        page = client.get(address)
        assert page.status_code == 200
        assert not [
            mark
            for mark in (b"<script>alert", b"<img src=x", b"<svg onload")
            if mark in page.content
        ]
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    raw = client.get(f"{REPORTS}{public_id}/raw/")
    assert raw.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert raw.headers["X-Content-Type-Options"] == "nosniff"
    assert raw.headers["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize("method", ["post", "delete", "put"])
def test_an_address_without_its_slash_says_so(client: Client, method: str) -> None:
    answer = getattr(client, method)("/api/v1/reports", "text", content_type="text/plain")
    assert answer.status_code == 404
    assert "/api/v1/reports/" in answer.json()["error"]["message"]
    assert client.get("/leaderboard").status_code == 301


def test_a_body_that_is_too_large_is_read_before_it_is_refused() -> None:
    body = io.BytesIO(b"x" * 600_000)
    request = RequestFactory().generic("POST", "/api/v1/reports/", content_type="text/plain")
    request.META["CONTENT_LENGTH"] = "600000"
    vars(request)["_stream"] = LimitedStream(body, 600_000)
    with pytest.raises(Refused) as refused:
        read_body(request)
    assert refused.value.status == 413
    assert body.tell() == 600_000
