"""Every page as a reader has it: on a phone and on a screen, light and dark, with and without
JavaScript, by keyboard.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.db import OperationalError
from django.urls import URLPattern, get_resolver, resolve

from charts.models import Chart
from charts.pipeline import draw
from registry.models import RawReport
from tests import reports
from tests.browser.places import Registry, addresses, filled, own_addresses
from tests.browser.reader import Reader

pytestmark = pytest.mark.usefixtures("registry")

Read = Callable[..., Reader]
# What is no page: files, feeds, calls of programs, and forms that lead back to a page.
NO_PAGES = """client client-index client-project client-distribution feed badge robots
    leaderboard-feed dump dump-file sitemap sitemap-pages sitemap-reports chart-file
    chart-frozen-file oembed schema
    healthz readyz metrics chart-save chart-freeze-page account-claim account-machine account-token
    account-token-revoke account-export account_login mfa_index mfa_login_webauthn
    mfa_reauthenticate_webauthn mfa_edit_webauthn mfa_remove_webauthn account_inactive
    account_confirm_login_code account_email_verification_sent account_reauthenticate
    account_confirm_reauthentication_code account_request_reauthentication_code""".split()


@pytest.fixture
def registry(site: str) -> Registry:
    return filled(site)


def patterns(urls: Any, prefix: str = "") -> dict[str, str]:
    """Names of all addresses of the site but those of the API and of Django's admin."""
    found = {}
    for each in urls:
        path = f"{prefix}{each.pattern}"
        if isinstance(each, URLPattern):
            found[each.name or ""] = path
        elif not path.startswith(("api/v1", "admin/")):
            found |= patterns(each.url_patterns, path)
    return found


def test_every_page_of_the_site_is_looked_at(registry: Registry) -> None:
    """A page that is added must be looked at, too; what is no page is named here."""
    looked_at = {*addresses(registry), *own_addresses(registry)} - {"/nowhere"}
    seen = {resolve(unquote(urlsplit(address).path)).url_name for address in looked_at}
    assert patterns(get_resolver().url_patterns).keys() - seen == set(NO_PAGES)


@pytest.mark.parametrize("javascript", [True, False])
def test_every_page_fits_is_legible_complains_of_nothing_and_is_reached_by_keyboard(
    read: Read, registry: Registry, javascript: bool
) -> None:
    """At both widths and in both schemes; the pages of who is signed in, too."""
    found: dict[str, list[str]] = {}
    reader = read(javascript=javascript)

    def look(address: str) -> None:
        reader.open(address)
        faults = reader.faults(with_axe=javascript)
        faults += reader.missed() if javascript else []
        found.update({address: faults} if faults else {})

    for address in addresses(registry):
        look(address)
    reader.page.context.add_cookies([registry.session])
    for address in own_addresses(registry):
        look(address)
    assert found == {}


def test_every_error_is_a_page_of_ours(
    read: Read, registry: Registry, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("the server closed the connection")

    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("registry.pages.views.dump.files", broken)
    monkeypatch.setattr("registry.pages.status.render", away)
    reader = read()
    statuses = []
    for address in ("/search/?" + "a&" * 1001, "/nowhere", "/data/", "/status/"):
        statuses.append(reader.page.goto(registry.url + address).status)
        assert reader.faults() == [], address
    settings.REPORTS_PER_DAY = 1
    for status in (403, 429):
        page = reader.open("/submit/")
        page.get_by_label("Report", exact=True).fill(reports.text())
        send = page.get_by_role("button", name="Send it")
        send.wait_for()
        if status == 403:
            page.context.clear_cookies()
        with page.expect_navigation() as sent:
            send.click()
        statuses.append(sent.value.status)
        assert reader.faults() == [], status
    assert statuses == [400, 404, 500, 503, 403, 429]


def test_the_two_schemes_differ(read: Read) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = (read(scheme=scheme).open("/").evaluate(colour) for scheme in ("light", "dark"))
    assert light != dark


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


@pytest.mark.parametrize("javascript", [True, False])
def test_a_chart_appears_when_it_has_been_drawn(
    read: Read, registry: Registry, javascript: bool
) -> None:
    parameters = {"group_by": ["kernel_series"], "tests": ["TCP_CRR"]}
    chart = Chart.objects.create(slug="new", name="New", params=parameters)
    reader = read(javascript=javascript)
    page = reader.open("/c/new")
    notice = page.get_by_role("status")
    assert "the page reloads itself" in notice.inner_text()
    assert draw(chart.pk)
    notice.wait_for(state="detached")
    assert page.locator("figure.chart img").is_visible()
    assert reader.complaints == []


def test_a_chart_is_frozen_by_a_plain_form(read: Read, registry: Registry) -> None:
    page: Any = read(javascript=False).open("/c/xen-users")
    assert "xen-users.png" in page.locator("section", has_text="For a post").inner_text()
    page.get_by_role("button", name="Freeze this drawing").click()
    assert page.url.startswith(f"{registry.url}/c/xen-users/")
    assert page.locator("figure.chart img").evaluate("image => image.naturalWidth") == 1200
    page.get_by_role("link", name="The live chart").click()
    assert page.get_by_role("heading", name="Frozen before").is_visible()
