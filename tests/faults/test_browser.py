"""What strangers wrote, in a real browser: nothing of it runs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from charts.freezing import freeze
from charts.models import Chart, Drawing, FrozenChart
from charts.pipeline import draw, ensure_defaults
from registry.models import RawReport
from registry.models.summary import summarise
from registry.vocabulary.factors import SYSTEM_FACTORS
from submissions import moderation
from submissions.accounts import holdings
from submissions.accounts.models import Account, ApiToken, Claim
from tests import reports
from tests.browser.conftest import read, site  # noqa: F401 - fixtures
from tests.browser.reader import Reader
from tests.faults import WHOLE, times
from tests.faults.hostile import (
    IN_ADDRESSES,
    RUN,
    TEXTS,
    hostile_experiment,
    hostile_report,
    places,
)

Figure = Callable[[str], None]
API = "/api/v1/reports/"
EVERY = times(1, 15)  # which share of the texts begins a report; a report says nearly all
# The window's name; elements and attributes that no page of ours has and a text may want to be.
STRANGE = """() => [name, [...document.querySelectorAll('*')].filter(
  (e) => e.matches('iframe, object, embed, base, frame, script:not([src]), main style')
    || [...e.attributes].some((a) => /^(on|hx-on)/i.test(a.name)
      || /^(href|src|action|formaction|data)$/i.test(a.name) && /^\\s*javascript:/i.test(a.value))
).map((e) => e.outerHTML.slice(0, 200))]"""


@dataclass
class Written:
    """Ids of reports that say everything hostile, and the session of who moderates and owns."""

    ids: list[str]
    session: str


@pytest.fixture
def written(site: str, client: Client) -> Written:  # noqa: F811
    """Reports, experiments, decisions, notes and names by somebody who means no good."""
    ids = []
    for number in range(0, len(TEXTS), EVERY):
        ids.append(sent(client, hostile_report(number), number))
        sent(client, hostile_experiment(number), number)
    boss = User.objects.create_superuser("ada", "ada@example.org")
    client.force_login(boss)
    own(boss, ids)
    judge(ids)
    while summarise():
        pass
    return Written(ids, client.cookies["sessionid"].value)


def sent(client: Client, report: dict[str, Any], number: int) -> str:
    body = reports.as_bytes(report)
    answer = client.post(API, body, "application/json", REMOTE_ADDR=f"10.4.{number}.1")
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def own(user: Any, ids: list[str]) -> None:
    """An account with these reports, a note on each machine, and tokens of such names."""
    account = Account.of(user)
    for number, report in enumerate(in_order(ids)):
        assert report.machine
        Claim.objects.create(account=account, report=report)
        holdings.note(account, report.machine.public_id, text_of(number))
    for number in range(0, len(TEXTS), max(EVERY, 4)):
        ApiToken.make(account, TEXTS[number], ["send"])


def judge(ids: list[str]) -> None:
    """Some are held, some published again, one is rejected, each for such a reason."""
    for number, report in enumerate(in_order(ids[1:])):
        moderation.act(report.pk, "hold", "ada", text_of(number))
        if number % 2 or number > 3:
            moderation.act(report.pk, "publish", "ada", text_of(number + 1))
    moderation.act(in_order(ids)[-1].pk, "reject", "ada", TEXTS[0])


def in_order(ids: list[str]) -> list[RawReport]:
    return list(RawReport.objects.filter(public_id__in=ids).order_by("pk"))


def text_of(number: int) -> str:
    return TEXTS[number * EVERY % len(TEXTS)]


def draw_all(client: Client, ids: list[str]) -> list[str]:
    """Charts of what the reports say, and those that every registry has, live and frozen."""
    models = [hostile_report(number * EVERY)["environment"]["cpu"]["model"] for number in (0, 2)]
    compared = {f"{side}.cpu_model": model for side, model in zip("ab", models, strict=True)}
    asked: list[dict[str, Any]] = [
        {"kind": "cpus", "report": ids[0]},
        {"kind": "comparison", "compare": compared},
        {"tests": ["TCP_CRR"], "group_by": ["cpu_model", "virtualization", "os"], "limit": 40},
    ]
    for spec in asked:
        answer = client.post("/api/v1/charts/", spec, "application/json")
        assert answer.status_code == 201, answer.content
    ensure_defaults()
    charts = Chart.objects.all()
    slugs = [each.slug for each in charts if WHOLE or not each.name or each.slug == "does-it-help"]
    for chart in charts.filter(slug__in=slugs):
        draw(chart.pk)
        freeze(Drawing.objects.get(chart=chart))
    return slugs


def addresses(written: Written, charts: list[str]) -> Iterator[str]:
    """Every page that says something of a report, and every page that says what it was asked."""
    groups = ",".join(SYSTEM_FACTORS)
    yield from ("/", "/reports/", "/costs/", "/effects/", "/kernels/", "/status/", "/method/")
    yield from ("/data/", "/api/docs/", "/contribute/", "/submit/", "/platform/", "/feed.atom")
    yield f"/leaderboard/?placement=any&streams=any&group_by={groups}"
    yield "/leaderboard/?group_by=conntrack,net.core.somaxconn"
    yield f"/compare/?a={written.ids[0]}&b={written.ids[2]}"
    yield "/leaderboard/feed.atom?placement=any"
    for slug in charts:
        yield from (f"/c/{slug}", *(f"/c/{slug}.{ending}" for ending in ("html", "svg", "txt")))
    for frozen in FrozenChart.objects.select_related("chart"):
        base = f"/c/{frozen.chart.slug}/{frozen.version}"
        yield from (base, f"{base}.svg", f"{base}.html")
    for name in written.ids:
        yield from (f"/r/{name}", f"/r/{name}/read", f"/r/{name}/manage", f"/badge/{name}.svg")
    for number in range(0, len(TEXTS), EVERY):
        environment = hostile_report(number)["environment"]
        yield platform("cpu_model", environment["cpu"]["model"])
        yield platform("instance_type", environment["cloud"]["instance_type"])
    for number, text in enumerate(IN_ADDRESSES[::EVERY]):
        asked = list(asking(quote(text, safe="")))
        yield from asked if WHOLE else asked[number % 3 :: 3]
    yield from ("/account/", "/account/delete", "/admin/", "/admin/registry/rawreport/")
    for report in in_order(written.ids):
        yield f"/admin/registry/rawreport/{report.pk}/change/"


def platform(factor: str, value: str) -> str:
    return f"/platform/{factor}/{quote(value, safe='')}/"


def asking(text: str) -> Iterator[str]:
    """Addresses that ask for a text, with and without an answer."""
    yield f"/search/?q={text}"
    yield f"/leaderboard/?cpu_model={text}&streams={text}"
    yield f"/leaderboard/?cpu_model={text}&{text}=x"
    yield f"/compare/?q={text}&a.os={text}&b.cpus={text}"
    yield f"/compare/?a={text}&b={text}"
    yield f"/effects/?factor={text}"
    yield f"/costs/?streams={text}&test={text}"
    yield f"/kernels/?by={text}&cpu_model={text}"
    yield f"/platform/os/?after={text}"
    yield f"/account/sign-in?next={text}"
    yield f"/admin/registry/rawreport/?q={text}"
    yield f"/nowhere/{text}"


@dataclass
class Watch:
    """A reader that may moderate, who notes what ran, or would have if our policy had let it."""

    reader: Reader
    found: list[str] = field(default_factory=list)

    def look(self, address: str) -> None:
        """What the page that is open now shows of it."""
        name, strange = self.reader.page.evaluate(STRANGE)
        ran = ["it ran"] if name else []
        self.found += [f"{address}: {each}" for each in (*ran, *strange, *self.reader.complaints)]
        self.reader.complaints.clear()


@pytest.fixture
def watch(read: Any, site: str, written: Written) -> Watch:  # noqa: F811
    watch = Watch(read())
    page = watch.reader.page
    page.context.add_cookies([{"name": "sessionid", "value": written.session, "url": site}])

    def dismiss(dialog: Any) -> None:
        watch.found.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    return watch


def test_nothing_that_a_stranger_wrote_runs_on_any_page(
    written: Written, watch: Watch, client: Client, figure: Figure
) -> None:
    visited = list(addresses(written, draw_all(client, written.ids)))
    for address in visited:
        watch.reader.open(address)
        watch.look(address)
    assert watch.found == []
    texts = len(TEXTS[::EVERY])
    figure(f"{texts} texts in {len(places())} fields each, {len(visited)} pages, nothing ran")


def test_nothing_that_is_typed_into_a_form_runs(
    written: Written, watch: Watch, figure: Figure
) -> None:
    """Each form that shows again what it was sent, filled with a text in every field."""
    page = watch.reader.page
    forms = ("/submit/", f"/r/{written.ids[0]}/manage", "/compare/", "/account/", "/search/")
    filled = 0
    for number, text in enumerate(TEXTS[:: times(1, 29)]):
        for address in forms:
            watch.reader.open(address)
            if address == "/submit/":
                page.locator("#text").fill(f"{text}\n{reports.text()}{text}")
                page.get_by_text("How it is read").wait_for()
                watch.look(address)
            boxes = page.locator(
                "main input:not([type]), main input[type=text], main textarea:not(#text)"
            )
            for box in boxes.all():
                if box.is_visible():
                    box.fill(text)
                    filled += 1
            buttons = page.locator("main form button")
            buttons.nth(number % buttons.count() if address == "/compare/" else 0).click()
            page.wait_for_load_state()
            watch.look(address)
        page.goto("about:blank")
        page.evaluate("name = ''")
    assert watch.found == []
    figure(f"{filled} fields of {len(forms)} forms filled, nothing ran")


def test_the_texts_do_run_where_nobody_minds(read: Any, figure: Figure) -> None:  # noqa: F811
    """What the other tests look for happens, when a page writes the texts as they are."""
    page = read().page
    chosen = TEXTS[::EVERY]
    ran = 0
    for text in chosen:
        page.goto("about:blank")
        page.evaluate("name = ''")
        page.set_content(
            f"<p class='{text}' title=\"{text}\" lang={text}>{text}<textarea>{text}</textarea>"
            f"<select><option>{text}</select><script>x = '{text}'</script><style>{text}</style>"
        )
        page.wait_for_timeout(20)
        ran += any(page.evaluate(STRANGE))
    assert ran > len(chosen) / 2
    figure(f"{ran} of {len(chosen)} run where nothing is escaped")


def test_raw_report_is_text_whatever_it_says(
    written: Written,
    read: Any,  # noqa: F811
    client: Client,
) -> None:
    reader = read()
    for name in written.ids[:-1]:
        address = f"{API}{name}/raw/"
        answer = client.get(address)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        page = reader.open(address)
        assert page.evaluate("name") == ""
        assert page.evaluate("document.scripts.length") == 0
    assert RUN in json.loads(answer.content)["notes"]
