"""The pages that people browse: what each shows, what it never shows, and how few queries a list
takes.
"""

import hashlib
import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client, RequestFactory

from registry import errors
from registry.models import RawReport, Reading, Result
from registry.models.summary import summarise
from registry.pages import boards
from registry.pages.numbers import as_printed, figure, three_digits, unit_in_words
from submissions import seed
from tests import reports
from tests.registry.test_effects import send_experiment

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted(path for path in ROOT.glob("*/templates/**/*.html"))
PAGES = (
    *("/", "/leaderboard/", "/costs/", "/effects/", "/compare/"),
    *(
        "/reports/",
        "/contribute/",
        "/method/",
        "/platform/",
        "/status/",
        "/data/",
        "/kernels/",
        "/api/docs/",
    ),
)
MARKUP = "<script>alert(1)</script>"


def send(client: Client, *rates: float, **more: Any) -> str:
    """One envelope with a run a rate; returns its public id."""
    return send_runs(client, *(reports.run(rate) for rate in rates), **more)


def send_runs(client: Client, *runs: dict[str, Any], **more: Any) -> str:
    body = reports.as_bytes(reports.envelope(*runs, **more))
    address = reports.address_of(more.get("machine_id"))
    answer = client.post(
        "/api/v1/reports/", body, content_type="application/json", REMOTE_ADDR=address
    )
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def send_host(client: Client, number: int, hypervisor: str, rate: float) -> str:
    return send(
        client,
        rate,
        machine_id=f"{number:032x}",
        environment=reports.environment(virtualization={"type": hypervisor}),
    )


def text_of(client: Client, address: str, status: int = 200) -> str:
    """The page as a reader sees it: no tags, one blank between words."""
    answer = client.get(address)
    assert answer.status_code == status
    body = re.sub(r"<head>.*?</head>", "", answer.content.decode(), flags=re.DOTALL)
    without_tags = re.sub(r"<[^>]+>", " ", re.sub(r"</?bdi>", "", body))
    return " ".join(unescape(without_tags).split())


def change(public_id: str, **values: Any) -> RawReport:
    RawReport.objects.filter(public_id=public_id).update(**values)
    return RawReport.objects.get(public_id=public_id)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (12345.6, "12,300"),
        (999.9, "1,000"),
        (7, "7.00"),
        (0.012345, "0.0123"),
        (0, "0"),
        (1e14, "100,000,000,000,000"),
        (float("inf"), "–"),
    ],
)
def test_computed_figures_have_three_digits(value: float, printed: str) -> None:
    assert three_digits(value) == printed


def test_bits_are_printed_in_millions() -> None:
    assert (figure(9.41e9, "bit/s"), unit_in_words("bit/s")) == ("9,410", "Mbit/s")
    assert as_printed([9_414_320_000.0], "bit/s") == ["9,414.32"]


def test_netperfs_own_figures_keep_their_digits() -> None:
    assert as_printed([6494.0, 24134.0], "trans/s") == ["6,494", "24,134"]
    assert as_printed([6494.0, 29279.62], "trans/s") == ["6,494.00", "29,279.62"]


@pytest.mark.django_db
def test_home_shows_the_chart_the_command_and_the_newest_report(
    client: Client, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://registry.example"
    public_id = send(client, 23000, 23500, 24000)
    body = client.get("/").content.decode()
    chart = re.search(r'<a href="/c/xen-users"><img src="/c/xen-users.png"([^>]+)>', body)
    assert chart
    assert all(name in chart[1] for name in ("alt=", "width=", "height="))
    command = (
        "curl -O https://registry.example/crr-submit.pyz && "
        "python3 crr-submit.pyz --registry https://registry.example"
    )
    assert command in unescape(body)
    assert f'href="/r/{public_id}"' in body
    text = text_of(client, "/")
    assert "6.12.5-amd64 · KVM · 2 × Test CPU 3000" in text
    assert "TCP_CRR 23,500 trans/s 3 runs" in text


@pytest.mark.django_db
def test_the_headline_of_a_list_is_the_ranked_recipe(client: Client) -> None:
    loose = [reports.run(9000, placement="unpinned"), reports.run(9100, placement="unpinned")]
    send_runs(client, *loose, reports.run(20000), reports.run(30000, warm_up=True))
    assert "TCP_CRR 20,000 trans/s 1 run · 1 stream, both ends on one CPU" in text_of(
        client, "/reports/"
    )


@pytest.mark.django_db
def test_lists_say_what_is_imported_and_what_is_flagged(client: Client) -> None:
    seed.load()
    client.post("/api/v1/reports/", reports.text(900_000), content_type="text/plain")
    text = text_of(client, "/reports/")
    assert text.count("imported, metadata incomplete") == RawReport.objects.count() - 1
    assert text.count("flagged") == 1
    assert "at most" in text  # the question's own figures are bounds


@pytest.mark.django_db
@pytest.mark.parametrize("hidden", ["unlisted", "held", "received", "rejected", "withdrawn"])
def test_what_is_not_listed_is_in_no_list(client: Client, hidden: str) -> None:
    column = "visibility" if hidden == "unlisted" else "status"
    public_id = send(client, 23000)
    change(public_id, **{column: hidden})
    assert "No report yet" in text_of(client, "/")
    assert public_id not in client.get("/reports/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("address", "most"), [("/reports/", 6), ("/", 10)])
def test_a_list_takes_few_queries(
    client: Client, django_assert_max_num_queries: Any, address: str, most: int
) -> None:
    for number in range(55):
        send_host(client, number + 1, "kvm", 20000 + number)
    with django_assert_max_num_queries(most):
        assert client.get(address).status_code == 200


@pytest.mark.django_db
def test_paging_shows_every_report_once(client: Client) -> None:
    sent = [send_host(client, number + 1, "kvm", 20000 + number) for number in range(120)]
    seen: list[str] = []
    address = "/reports/"
    while address:
        body = client.get(address).content.decode()
        seen += re.findall(r'href="/r/([a-z2-7]{16})"', body)
        following = re.search(r'href="(/reports/\?before=[a-z2-7]{16})"', body)
        address = following[1] if following else ""
    assert seen == sent[::-1]


@pytest.mark.django_db
@pytest.mark.parametrize("cursor", ["1", "aaaaaaaaaaaaaaaa", "x\0", "'; DROP TABLE", ""])
def test_a_cursor_that_is_no_report_is_404(client: Client, cursor: str) -> None:
    assert client.get("/reports/", {"before": cursor}).status_code == 404


@pytest.mark.django_db
def test_a_row_leads_to_the_reports_behind_it(client: Client) -> None:
    kvm = [send_host(client, number, "kvm", 20_000) for number in (1, 2)]
    send_host(client, 3, "none", 20_000)
    summarise()
    board = client.get("/leaderboard/?group_by=virtualization").content.decode()
    (address,) = re.findall(r'href="(/reports/\?[^"]*virtualization=kvm[^"]*)"', board)
    listed = client.get(unescape(address)).content.decode()
    assert re.findall(r'href="/r/([a-z2-7]{16})"', listed) == kvm[::-1]
    assert "Only with a figure of: test TCP_CRR" in text_of(client, unescape(address))


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/reports/", "/leaderboard/"])
def test_settings_that_hosts_differ_in_are_facets(client: Client, path: str) -> None:
    for number, state in enumerate(("absent", "active", "active"), 1):
        environment = reports.environment(tuning={"conntrack": state, "net.core.somaxconn": 9})
        send(client, 20_000, machine_id=f"{number:032x}", environment=environment)
    summarise()
    page = client.get(path).content.decode()
    assert '<select name="conntrack">' in page
    assert 'name="net.core.somaxconn"' not in page
    listed = client.get("/reports/?conntrack=active&cpu_model=").headers["Location"]
    assert listed == "/reports/?conntrack=active"
    assert client.get(listed).content.decode().count('href="/r/') == 2


@pytest.mark.django_db
def test_a_list_that_cannot_be_asked_names_every_fault(client: Client) -> None:
    assert "colour : unknown factor" in text_of(client, "/reports/?colour=red", 422)
    assert "No report has all of it" in text_of(client, "/reports/?virtualization=xen")


@pytest.mark.django_db
def test_an_experiment_says_what_it_tried_and_what_came_of_it(client: Client) -> None:
    send_experiment(client, 1.2)
    summarise()
    report = RawReport.objects.get()
    text = text_of(client, f"/r/{report.public_id}")
    assert "An experiment: rps.lo 0 → 3" in text
    assert "× 1.20 on this host (3 blocks of four runs)" in text
    assert "2 24,024 5.00 2026-11-22 23:51:53 rps.lo 3" in text
    assert "Test CPU 3000 an experiment" in text_of(client, "/reports/")


@pytest.mark.django_db
def test_the_leaderboard_shows_ranks_ties_intervals_and_what_is_missing(client: Client) -> None:
    for number, (hypervisor, rate) in enumerate(
        [("none", r) for r in (35000, 35500, 36000)]
        + [("kvm", r) for r in (22000, 23000, 24000)]
        + [("xen", r) for r in (22100, 23100, 23900)]
        + [("amazon", 27000)]
    ):
        send_host(client, number + 1, hypervisor, rate)
    summarise()
    text = text_of(client, "/leaderboard/?group_by=virtualization")
    assert "TCP_CRR , 1 stream, both ends on one CPU, loopback" in text
    assert "replicated, 3 senders" in text
    rows = re.search(
        r"Note (1 bare metal .*) On one more machine: crr-submit --registry http", text
    )
    assert rows
    shown = rows[1]
    assert shown.startswith("1 bare metal 35,500")
    assert re.search(r"2–3 Xen 23,000 [\d,–]+ .* 2–3 KVM 23,000", shown)
    assert shown.endswith("– Nitro 27,000 none 1 1 needs 2 more independent machines")


@pytest.mark.django_db
def test_the_page_and_its_json_show_the_same_rows(client: Client) -> None:
    for number, rate in enumerate((22000, 23000, 24000)):
        send_host(client, number + 1, "kvm", rate)
    summarise()
    asked = "/leaderboard/?streams=any&group_by=virtualization&group_by=cpus"
    body = client.get(asked, follow=True).content.decode()
    link = re.search(r'href="(/api/v1/leaderboard/\?[^"]+)"', body)
    assert link
    answer = client.get(unescape(link[1])).json()
    assert [row["group"] for row in answer["rows"]] == [{"virtualization": "kvm", "cpus": "2"}]
    assert answer["rows"][0]["rate"] == pytest.approx((22000 * 23000 * 24000) ** (1 / 3))
    assert "1 KVM 2 23,000" in text_of(client, "/leaderboard/?group_by=virtualization,cpus")


@pytest.mark.django_db
def test_imported_boards_are_marked_and_not_ranked(client: Client) -> None:
    seed.load()
    summarise()
    text = text_of(client, "/leaderboard/?placement=unpinned")
    assert "imported, metadata incomplete: not ranked" in text
    assert "netperf 2.4 or older" in text
    assert "No figures with this recipe yet" in text_of(client, "/leaderboard/")
    assert "test=TCP_CRR&amp;topology=loopback" in client.get("/leaderboard/").content.decode()


@pytest.mark.django_db
def test_a_bad_query_names_every_fault(client: Client) -> None:
    text = text_of(client, "/leaderboard/?streams=x&colour=red&group_by=taste,os", status=422)
    assert "streams : expected a whole number" in text
    assert "colour : unknown factor" in text
    assert "group_by : unknown factor taste" in text


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["test=a%00b", "group_by=", "test=%3Cb%3E", "os=%FF"])
def test_odd_queries_are_answered(client: Client, query: str) -> None:
    assert client.get(f"/leaderboard/?{query}").status_code in {200, 422}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("streams=", ""),
        ("cpu_model=&virtualization=kvm&os=", "?virtualization=kvm"),
        ("group_by=os&group_by=cpus", "?group_by=os,cpus"),
    ],
)
def test_the_address_holds_no_more_than_what_is_asked(
    client: Client, asked: str, said: str
) -> None:
    assert client.get(f"/leaderboard/?{asked}").headers["Location"] == f"/leaderboard/{said}"


@pytest.mark.django_db
def test_a_long_board_is_paged_by_its_last_row(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        model = f"CPU {number}"
        environment = reports.environment(cpu={"model": model, "online": 2})
        send(client, 20_000 - number, machine_id=f"{number + 1:032x}", environment=environment)
    summarise()
    monkeypatch.setattr(boards, "ROWS_SHOWN", 3)
    address, seen = "?group_by=cpu_model", []
    while address:
        page = client.get(f"/leaderboard/{address}").content.decode()
        seen += re.findall(r"<td><bdi>(CPU \d)</bdi></td>", page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = unescape(following[1]) if following else ""
    assert seen == [f"CPU {number}" for number in range(7)]


@pytest.mark.django_db
def test_a_page_that_follows_no_row_is_the_first(client: Client) -> None:
    answer = client.get("/leaderboard/?streams=1&after=0123456789abcdef")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/leaderboard/?streams=1")


@pytest.mark.django_db
def test_a_board_is_narrowed_by_any_factor(client: Client) -> None:
    send_host(client, 1, "kvm", 20_000)
    send_host(client, 2, "xen", 9_000)
    summarise()
    page = client.get("/leaderboard/?virtualization=xen").content.decode()
    assert '<option value="xen" selected>Xen</option>' in page
    assert '<select name="cpu_model">' in page
    assert '<select name="provider">' not in page  # no host has one
    assert "9,000" in page
    assert "20,000" not in page


@pytest.mark.django_db
def test_a_report_shows_every_run_and_counts_the_right_ones(client: Client) -> None:
    streams = [reports.KEYVAL.format(rate=rate, elapsed=5) for rate in (10000.25, 20000.5)]
    public_id = send_runs(
        client,
        reports.run(1234.5, warm_up=True),
        reports.run(20000),
        reports.run(21000),
        reports.run(22000),
        reports.run(placement="unpinned", streams=2, outputs=streams),
    )
    text = text_of(client, f"/r/{public_id}")
    assert "21,000 trans/s 95 % interval 18,600–23,600 (3 runs, cv 4.8 %)" in text
    assert "1 1,234.50 5.00 2026-11-22 23:51:53 warm-up, not counted" in text
    assert "5 30,000.75 5.00 2026-11-22 23:51:53 10,000.25 + 20,000.50" in text
    assert "As many streams as CPUs: what the whole host can take." in text


@pytest.mark.django_db
def test_a_report_says_how_few_runs_it_has(client: Client) -> None:
    assert "(one run, no interval)" in text_of(client, f"/r/{send(client, 20000)}")
    assert "(2 runs, no interval below 3)" in text_of(client, f"/r/{send(client, 20000, 21000)}")


@pytest.mark.django_db
def test_a_bound_is_no_figure(client: Client) -> None:
    seed.load()
    result = Result.objects.filter(bound="at_most").select_related("reading__report").get()
    text = text_of(client, f"/r/{result.reading.report.public_id}")
    assert "at most 7,000 trans/s (a bound, in no statistics) HTTP_ACCEPT" in text


@pytest.mark.django_db
def test_a_report_shows_load_environment_and_notes(client: Client) -> None:
    rows = [
        {"cpu": 0, "busy_percent": 97.6, "softirq_percent": 41.2, "steal_percent": 0.0},
        {"cpu": 1, "busy_percent": 3.2},
    ]
    run = reports.run(20000, telemetry={"cpu": rows})
    public_id = send_runs(client, run, notes="A cupboard.\nTwo fans.")
    text = text_of(client, f"/r/{public_id}")
    assert "0 98 % 41 % 0 % 1 3 % " in text
    for shown in ("release 6.12.5-amd64", "memory 4.3 GB", "type KVM", "conntrack absent"):
        assert shown in text
    assert "A cupboard. Two fans." in text
    assert "version" in text


@pytest.mark.django_db
def test_a_report_says_where_it_stands_and_among_which_hosts(client: Client) -> None:
    rates = (20_000, 22_000, 24_000, 21_000)
    sent = [send_host(client, number, "kvm", rate) for number, rate in enumerate(rates, 1)]
    summarise()
    where = "the very same recipe: TCP_CRR, 1 stream, both ends on one CPU, loopback."
    text = text_of(client, f"/r/{sent[-1]}")
    assert f"Faster than 1 of the 3 other hosts measured with {where}" in text
    assert "That is percentile 33 among hosts of any CPU and platform." in text
    assert "Faster than 3 of the 3" in text_of(client, f"/r/{sent[2]}")


@pytest.mark.django_db
def test_a_report_links_to_its_bytes_and_its_json(client: Client) -> None:
    public_id = send(client, 20000)
    body = client.get(f"/r/{public_id}").content.decode()
    for address in (f"/api/v1/reports/{public_id}/raw/", f"/api/v1/reports/{public_id}/"):
        assert f'href="{address}"' in body
        assert client.get(address).status_code == 200


@pytest.mark.django_db
def test_a_flag_is_shown_with_its_reason(client: Client) -> None:
    public_id = send(client, 900_000)
    text = text_of(client, f"/r/{public_id}")
    assert "Flagged runs[0]: 900,000 trans/s of TCP_CRR is more than 150,000" in text
    assert "impossible_rate" in text


@pytest.mark.django_db
def test_a_report_not_yet_read_says_so_and_reloads(client: Client) -> None:
    public_id = send(client, 20000)
    Reading.objects.all().delete()
    change(public_id, status="received")
    body = client.get(f"/r/{public_id}").content.decode()
    assert "Received, not yet read" in body
    assert '<noscript><meta http-equiv="refresh"' in body
    change(public_id, status="published")
    assert "refresh" not in client.get(f"/r/{public_id}").content.decode()


@pytest.mark.django_db
def test_a_held_report_says_why(client: Client) -> None:
    public_id = send(client, 20000)
    held = RawReport.objects.get(public_id=public_id)
    held.move_to(RawReport.Status.HELD, actor="moderator", reason="looks like a paste of a paste")
    text = text_of(client, f"/r/{public_id}")
    assert re.search(r"Held since [-\d: ]+ UTC : looks like a paste of a paste", text)
    assert "A person will look at it." in text


@pytest.mark.django_db
@pytest.mark.parametrize("status", [RawReport.Status.WITHDRAWN, RawReport.Status.REJECTED])
def test_a_report_that_is_gone_leaves_a_tombstone(client: Client, status: RawReport.Status) -> None:
    public_id = send(client, 23456, notes="my secret cupboard")
    RawReport.objects.get(public_id=public_id).move_to(status, actor="sender", reason="a mistake")
    text = text_of(client, f"/r/{public_id}", status=410)
    assert f"This report was {status}" in text
    assert "Reason: a mistake" in text
    assert "23,4" not in text
    assert "cupboard" not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/r/aaaaaaaaaaaaaaaa", "/r/short", "/r/", "/nowhere", "/r/a%00"]
)
def test_unknown_addresses_are_404_in_words(client: Client, address: str) -> None:
    assert "There is nothing at this address." in text_of(client, address, status=404)


@pytest.mark.django_db
def test_no_search_engine_keeps_what_is_unlisted(client: Client) -> None:
    public_id = send(client, 20000, visibility="unlisted")
    body = client.get(f"/r/{public_id}").content.decode()
    assert '<meta name="robots" content="noindex">' in body
    assert "unlisted: in no list, chart or ranking" in body


@pytest.mark.django_db
def test_markup_in_a_report_stays_text(client: Client) -> None:
    environment = reports.environment(
        kernel={"release": MARKUP, "version": MARKUP, "architecture": MARKUP[:32]},
        os={"id": MARKUP},
        virtualization={"type": MARKUP, "signals": {MARKUP: MARKUP}},
        cloud={"provider": MARKUP, "instance_type": MARKUP},
        cpu={"model": MARKUP, "mitigations": {MARKUP: MARKUP}},
        tuning={MARKUP: MARKUP},
    )
    public_id = send(client, 20000, environment=environment, notes=MARKUP)
    RawReport.objects.get(public_id=public_id).record("received", actor=MARKUP, reason=MARKUP)
    summarise()
    factors = "virtualization,kernel_release,os,provider,instance_type,cpu_model"
    for address in ("/", "/reports/", f"/r/{public_id}", f"/leaderboard/?group_by={factors}"):
        body = client.get(address).content.decode()
        assert "alert(1)" in body
        assert MARKUP not in body
    body = client.get("/leaderboard/", {"test": MARKUP, MARKUP: "x"}).content.decode()
    assert MARKUP not in body


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES)
def test_pages_stand_under_the_content_security_policy(client: Client, address: str) -> None:
    answer = client.get(address)
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    body = answer.content.decode()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", body)
    assert not re.search(r"<script(?![^>]*\ssrc=)", body)
    loaded = re.findall(r'<(?:img|script|link)[^>]*\s(?:src|href)="([^"]+)"', body)
    assert loaded
    assert not [one for one in loaded if urlsplit(one).netloc]


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES)
def test_pages_are_made_for_readers_and_machines(client: Client, address: str) -> None:
    body = client.get(address).content.decode()
    assert '<html lang="en-GB">' in body
    assert re.search(r'<meta name="description" content="[^"]{40,}"', body)
    assert re.search(r"<title>[^<]{10,}</title>", body)
    assert body.count("<h1") == 1
    assert 'href="#main"' in body
    assert 'rel="icon"' in body


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_escape_everything(template: Path) -> None:
    source = template.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe|autoescape\s+off|mark_safe|safeseq", source)


@pytest.mark.parametrize("address", ["/leaderboard/", "/reports/", "/r/aaaaaaaaaaaaaaaa"])
def test_pages_are_only_read(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


def test_the_page_of_a_fault_needs_no_database() -> None:
    """Without the mark of pytest-django, any query here fails."""
    answer = errors.server_error(RequestFactory().get("/leaderboard/"))
    assert answer.status_code == 500
    assert "nothing that was stored is lost" in answer.content.decode()


@pytest.mark.parametrize("method", ["post", "put"])
def test_the_api_reference_takes_no_other_method(client: Client, method: str) -> None:
    answer = getattr(client, method)("/api/docs/")
    assert answer.status_code == 405


@pytest.mark.django_db
def test_the_api_reference_has_every_call_of_the_description(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    described = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    paths = json.loads(described.content)["paths"]
    assert len(paths) > 10
    for path, operations in paths.items():
        for method, operation in operations.items():
            assert f"<code>{method.upper()} {path}</code>" in page
            for parameter in operation.get("parameters", ()):
                assert f"<dt><code>{parameter['name']}</code>" in page


@pytest.mark.django_db
def test_the_api_reference_publishes_the_limits_that_are_held(
    client: Client, settings: Any
) -> None:
    settings.REPORTS_PER_DAY = 2
    assert "2 reports a day from one address" in text_of(client, "/api/docs/")
    address = "10.9.9.9"
    for rate in (20_000, 21_000):
        body = reports.text(rate)
        client.post("/api/v1/reports/", body, "text/plain", REMOTE_ADDR=address)
    refused = client.post("/api/v1/reports/", reports.text(1), "text/plain", REMOTE_ADDR=address)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "quota_reached")
    assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/json"])
@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/api/v1/schema/report/1/", "application/json"),
        ("/api/schema/", "application/"),
        pytest.param("/api/docs/", "text/html", marks=pytest.mark.django_db),
    ],
)
def test_an_accept_header_is_a_wish(client: Client, path: str, given: str, accept: str) -> None:
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(given)


@pytest.mark.django_db
def test_a_report_is_taken_from_a_sender_who_would_rather_have_html(client: Client) -> None:
    headers = {"Accept": "text/html"}
    path = "/api/v1/parse/"
    answer = client.post(path, reports.text(), content_type="text/plain", headers=headers)
    assert (answer.status_code, len(answer.json()["results"])) == (200, 1)
    answer = client.post(
        f"{path}?format=html", reports.text(), content_type="text/plain", headers=headers
    )
    assert answer.status_code == 406
    assert client.get("/api/v1/results/?format=").status_code == 406


@pytest.fixture
def built(settings: Any, tmp_path: Path) -> Path:
    """What `make setup` built of the client, or something like it."""
    settings.CLIENT_DIR = tmp_path
    for name in ("crr_submit-1.0.tar.gz", "crr_submit-1.0-py3-none-any.whl", "crr-submit.pyz"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "crr_submit-secret.txt").write_text("not for others")
    return tmp_path


def test_index_for_pip_as_html_and_as_json(client: Client, built: Path) -> None:
    wheel = hashlib.sha256(b"crr_submit-1.0-py3-none-any.whl").hexdigest()
    assert 'href="crr-submit/"' in client.get("/simple/").content.decode()
    page = client.get("/simple/crr-submit/").content.decode()
    assert f'href="crr_submit-1.0-py3-none-any.whl#sha256={wheel}"' in page
    assert "secret" not in page
    accept = "application/vnd.pypi.simple.v1+json, text/html; q=0.1"
    answer = client.get("/simple/crr-submit/", headers={"Accept": accept})
    assert answer["Content-Type"] == "application/vnd.pypi.simple.v1+json"
    files = answer.json()["files"]
    assert [file["filename"] for file in files] == [
        "crr_submit-1.0-py3-none-any.whl",
        "crr_submit-1.0.tar.gz",
    ]
    assert files[0]["hashes"] == {"sha256": wheel}


def test_only_what_was_built_is_handed_out(client: Client, built: Path) -> None:
    sdist = client.get("/simple/crr-submit/crr_submit-1.0.tar.gz")
    assert sdist.getvalue() == b"crr_submit-1.0.tar.gz"
    for name in ("crr_submit-secret.txt", "crr_submit-2.0.tar.gz", "..%2fsettings.py"):
        assert client.get(f"/simple/crr-submit/{name}").status_code == 404


@pytest.mark.django_db
def test_any_leaderboard_has_a_feed_of_what_is_in_it(client: Client) -> None:
    inside = send_host(client, 1, "kvm", 20_000)
    other = send_host(client, 2, "xen", 20_000)
    summarise()
    page = client.get("/leaderboard/?virtualization=kvm").content.decode()
    address = re.search(r'<link rel="alternate"[^>]+href="(/leaderboard/feed\.atom\?[^"]+)"', page)
    assert address
    answer = client.get(unescape(address[1]))
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    assert inside in answer.content.decode()
    assert other not in answer.content.decode()
    assert "TCP_CRR, KVM" in answer.content.decode()


@pytest.mark.django_db
def test_a_feed_of_no_leaderboard_is_refused(client: Client) -> None:
    assert client.get("/leaderboard/feed.atom?streams=x").status_code == 400


@pytest.mark.django_db
def test_the_method_is_worked_out_on_what_is_here(client: Client) -> None:
    assert "Worked out" not in text_of(client, "/method/")
    for number, rate in enumerate((20_000, 22_000, 24_200), 1):
        send_host(client, number, "kvm", rate)
    for number, rate in enumerate((40_000, 44_000, 44_000, 48_400), 11):
        send_host(client, number, "none", rate)
    summarise()
    text = text_of(client, "/method/")
    assert "3 machines with 20,000; 22,000; 24,200 transactions a second" in text
    # the mean of their logarithms is ln 22,000, their standard deviation ln 1.1
    assert "is 9.9988, so the row says e 9.9988 = 22,000" in text
    assert "standard deviation is 0.0953" in text
    assert "KVM beside bare metal, CPU by CPU: Test CPU 3000, 2 CPUs 0.50. Over all" in text
    [row] = client.get("/api/v1/leaderboard/?virtualization=kvm").json()["rows"]
    assert f"{figure(row['ci_low'], 'trans/s')}–{figure(row['ci_high'], 'trans/s')}" in text
