"""Every page as a reader has it: on a phone and on a screen, light and dark, with and without
JavaScript, by keyboard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.test import Client
from django.urls import resolve

from charts.models import Chart
from charts.pipeline import draw, ensure_defaults
from registry.models import RawReport
from registry.models.summary import summarise
from registry.pages.urls import urlpatterns as page_urls
from submissions import seed
from tests import reports
from tests.browser.reader import FAINT, SIDEWAYS, Reader

pytestmark = pytest.mark.usefixtures("registry")

Read = Callable[..., Reader]
ANY_KERNEL = (
    "/leaderboard/?placement=any&streams=any&group_by=virtualization,kernel_release,cpu_model"
)
LONG = "An unreasonably long name of a processor " * 6
CPUS = [
    {"cpu": 0, "busy_percent": 97.6, "softirq_percent": 41.2, "steal_percent": 0.0},
    {"cpu": 1, "busy_percent": 3.2, "softirq_percent": 1.0, "steal_percent": 0.5},
]


@dataclass(frozen=True)
class Registry:
    """Public ids of reports in a state that a page has words for."""

    url: str
    measured: str
    flagged: str
    long: str


@pytest.fixture
def registry(site: str) -> Registry:
    seed.load()
    client = Client()
    for number, rate in enumerate((22000, 23000, 24000, 35000, 35500, 36000)):
        kind = "kvm" if rate < 30000 else "none"
        runs = [reports.run(rate + more, telemetry={"cpu": CPUS}) for more in (0, 100, 200)]
        last = _send(client, *runs, virtualization={"type": kind}, number=number + 1)
    found = Registry(
        url=site,
        measured=last,
        flagged=_send(client, reports.run(900_000), number=90),
        long=_send(client, reports.run(20_000), cpu={"model": LONG}, number=91),
    )
    summarise()
    ensure_defaults()
    draw(Chart.objects.get(slug="xen-users").pk)
    return found


def _send(client: Client, *runs: dict[str, Any], number: int, **environment: Any) -> str:
    report = reports.envelope(
        *runs,
        machine_id=f"{number:032x}",
        environment=reports.environment(**environment),
        notes="x" * 300,
    )
    answer = client.post(
        "/api/v1/reports/", reports.as_bytes(report), content_type="application/json"
    )
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def addresses(registry: Registry) -> list[str]:
    ids = (registry.measured, registry.flagged, registry.long)
    reports = [f"/r/{public_id}{more}" for public_id in ids for more in ("", "/read")]
    pages = ["/", "/leaderboard/", ANY_KERNEL, "/leaderboard/?streams=x", "/reports/"]
    platforms = ["", "cpu_model/", "virtualization/kvm/", "cpu_model/Test%20CPU%203000/"]
    others = ["/costs/", "/effects/", "/kernels/", "/compare/", "/search/", "/search/?q=kvm+nope"]
    return [
        *(*pages, *reports, f"/r/{registry.measured}/manage", *others),
        *(f"/platform/{rest}" for rest in platforms),
        *("/contribute/", "/submit/", "/method/", "/data/", "/status/", "/api/docs/"),
        *("/c/xen-users", "/nowhere"),
    ]


def test_every_page_of_the_site_is_looked_at(registry: Registry) -> None:
    """A page that is added must be looked at, too; what is no page is named here."""
    no_pages = {"client", "client-index", "client-project", "client-distribution", "feed", "badge"}
    no_pages |= {"robots", "leaderboard-feed", "dump", "dump-file"}
    seen = {
        resolve(unquote(urlsplit(address).path)).url_name
        for address in addresses(registry)
        if address != "/nowhere"
    }
    names = {each.name for each in page_urls if "sitemap" not in (each.name or "")}
    assert names - no_pages <= seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_fits_is_legible_and_asks_nobody_else(
    read: Read, registry: Registry, width: int, scheme: str
) -> None:
    reader = read(width=width, scheme=scheme)
    for address in addresses(registry):
        page = reader.open(address)
        assert page.locator("h1").count() == 1, address
        assert page.evaluate(SIDEWAYS) <= 0, address
        assert page.evaluate(FAINT) == [], address
        page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        assert page.evaluate(SIDEWAYS) <= 0, address
        assert reader.violations() == [], address
    assert reader.complaints == []


def test_the_two_schemes_differ(read: Read) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = (read(scheme=scheme).open("/").evaluate(colour) for scheme in ("light", "dark"))
    assert light != dark


@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_stands_without_javascript(read: Read, registry: Registry, width: int) -> None:
    reader = read(width=width, javascript=False)
    for address in addresses(registry):
        page = reader.open(address)
        assert page.locator("main h1").is_visible(), address
    assert reader.complaints == []


def test_the_chart_is_there_and_large_enough_to_read(read: Read) -> None:
    for width, least in ((360, 300), (1280, 900)):
        picture = read(width=width).open("/").locator("figure.chart img")
        assert picture.evaluate("image => image.complete && image.naturalWidth") == 1200
        assert picture.bounding_box()["width"] >= least


def test_the_leaderboard_is_asked_by_a_plain_form(read: Read) -> None:
    page = read(javascript=False).open("/leaderboard/")
    assert "35,6" in page.locator(".board").inner_text()
    page.locator("select[name=placement]").select_option("unpinned")
    page.locator("summary", has_text="Rows by").click()
    page.locator("input[value=kernel_series]").uncheck()
    page.get_by_role("button", name="Show").click()
    assert page.locator("select[name=placement]").input_value() == "unpinned"
    assert page.locator("summary", has_text="Rows by").inner_text() == "Rows by hypervisor"
    assert "imported, metadata incomplete" in page.locator("caption").inner_text()


def test_a_list_leads_to_the_report_and_its_raw_bytes(read: Read, registry: Registry) -> None:
    page = read(width=360, javascript=False).open("/")
    page.get_by_role("link", name="All reports").click()
    page.locator(f"a[href='/r/{registry.measured}']").click()
    assert "36,100" in page.locator("h1").inner_text()
    page.get_by_role("link", name="as stored").click()
    assert "MIGRATED TCP Connect/Request/Response TEST" in page.locator("body").inner_text()


def test_the_keyboard_skips_to_the_content(read: Read) -> None:
    page = read().open("/")
    page.keyboard.press("Tab")
    skip = page.locator("a.skip")
    assert skip.evaluate("link => link === document.activeElement")
    assert skip.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"


def test_a_block_is_copied_at_a_click(read: Read, registry: Registry) -> None:
    page = read().open("/contribute/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == (
        f"curl -O {registry.url}/crr-submit.pyz && python3 crr-submit.pyz --registry {registry.url}"
    )


@pytest.mark.parametrize("javascript", [True, False])
def test_a_report_appears_when_it_has_been_read(
    read: Read, registry: Registry, javascript: bool
) -> None:
    report = RawReport.objects.filter(public_id=registry.measured)
    report.update(status="received")
    reader = read(javascript=javascript)
    page = reader.open(f"/r/{registry.measured}")
    notice = page.get_by_role("status")
    assert "this page reloads itself" in notice.inner_text()
    report.update(status="published")
    notice.wait_for(state="detached")
    assert "36,100" in page.locator("h1").inner_text()
    assert reader.complaints == []


def test_a_chart_is_frozen_by_a_plain_form(read: Read, registry: Registry) -> None:
    page: Any = read(javascript=False).open("/c/xen-users")
    assert "xen-users.png" in page.locator("section", has_text="For a post").inner_text()
    page.get_by_role("button", name="Freeze this drawing").click()
    assert page.url.startswith(f"{registry.url}/c/xen-users/")
    assert page.locator("figure.chart img").evaluate("image => image.naturalWidth") == 1200
    page.get_by_role("link", name="The live chart").click()
    assert page.get_by_role("heading", name="Frozen before").is_visible()
