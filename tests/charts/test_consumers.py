"""Other people's programs take in what we give out: readers of feeds, cards and oEmbed, renderers
of Markdown, and a browser that shows our frame on somebody's page.
"""

import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import urlopen

import feedparser
import micawber
import pytest
from bs4 import BeautifulSoup
from linkpreview import link_preview
from markdown_it import MarkdownIt

from charts import artefacts
from charts.embed import embed
from charts.freezing import freeze
from charts.models import Chart
from charts.pipeline import draw, ensure_defaults
from charts.spec import ChartSpec
from registry.models.summary import summarise
from submissions import seed
from tests.charts.test_spec import HOSTILE, row, spec

LIVE = "https://crr.example/c/xen-users"
FROZEN = f"{LIVE}/0123456789ab"
TITLES = [*HOSTILE, "&lt;b&gt;", "a ![b](c) `d`", "a | b ~~c~~", "[url]x[/url]"]


def picture_in(html: str) -> tuple[Any, Any]:
    """The one link, and the one image, which stands in it; nothing else is marked up."""
    page = BeautifulSoup(html, "html.parser")
    (link,), (image,) = page.find_all("a"), page.find_all("img")
    assert image.parent is link
    assert {each.name for each in page.find_all()} <= {"a", "img", "p", "br"}
    return link, image


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("dialect", ["commonmark", "js-default"])
def test_markdown_is_the_picture_with_its_words_literally(title: str, dialect: str) -> None:
    drawn = spec(row(), title=title)
    forms = embed(drawn, LIVE, FROZEN)
    link, image = picture_in(MarkdownIt(dialect).render(forms.markdown))
    assert (link["href"], image["src"]) == (FROZEN, f"{FROZEN}.png")
    _, written = picture_in(forms.html)
    assert image["alt"] == written["alt"]
    assert image["alt"].endswith("6.12 KVM, same CPU has 20.0k trans/s (1 host).")


@pytest.mark.parametrize("title", TITLES)
def test_bbcode_is_the_picture_and_nothing_of_the_title(title: str) -> None:
    """No renderer of it is kept up by anybody, so its two words are compared."""
    wanted = f"[url={FROZEN}][img]{FROZEN}.png[/img][/url]\n"
    assert embed(spec(row(), title=title), LIVE, FROZEN).bbcode == wanted


@pytest.fixture
def site(live_server: Any, settings: Any, tmp_path: Any) -> str:
    """The address of a registry with the seed data and its drawn, frozen chart."""
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": plain}}
    settings.PUBLIC_URL = live_server.url
    settings.MEDIA_ROOT = str(tmp_path)
    artefacts.get.cache_clear()
    seed.load()
    summarise()
    ensure_defaults()
    freeze(draw(Chart.objects.get(slug="xen-users").pk))
    return str(live_server.url)


@pytest.fixture
def addresses(site: str) -> list[str]:
    """The live and the frozen one, without ending."""
    live = f"{site}/c/xen-users"
    return [live, f"{live}/{Chart.objects.get(slug='xen-users').frozen.get().version}"]


def test_a_feed_reader_lists_the_reports(site: str) -> None:
    read = feedparser.parse(f"{site}/feed.atom")
    assert (read.status, read.version, read.bozo) == (200, "atom10", False)
    assert read.feed.title
    assert len(read.entries) == 10
    for entry in read.entries:
        assert entry.link == entry.id
        assert entry.link.startswith(f"{site}/r/")
        assert entry.updated_parsed
        assert "trans/s" in entry.title
    assert any(" at least 35,000 trans/s" in entry.title for entry in read.entries)
    again = feedparser.parse(f"{site}/feed.atom", etag=read.get("etag"), modified=read.modified)
    assert again.status == 304


def test_a_chat_program_shows_the_card_of_a_chart(addresses: list[str]) -> None:
    for address in addresses:
        card = link_preview(address)
        assert card.title.startswith("TCP_CRR, TCP_RR, UDP_RR by kernel and hypervisor")
        assert card.description.startswith("TCP_CRR: 2.6.38 Xen")
        assert card.absolute_image == f"{address}.png"
        assert card.site_name == "CRR registry"
        with urlopen(card.absolute_image) as answer:
            assert answer.headers["Content-Type"] == "image/png"


def test_a_site_that_is_given_a_link_asks_oembed_for_the_picture(addresses: list[str]) -> None:
    """As a provider that is known, and as one that the page itself names."""
    for address in addresses:
        page = BeautifulSoup(urlopen(address).read(), "html.parser")
        (link,) = page.find_all("link", type="application/json+oembed")
        registry = micawber.ProviderRegistry()
        endpoint = f"{address.partition('/c/')[0]}/oembed"
        registry.register(r"http://\S+/c/\S+", micawber.Provider(endpoint))
        found = registry.request(address, maxwidth=600)
        assert (found["type"], found["url"], found["width"]) == ("photo", f"{address}.png", 600)
        assert micawber.Provider(endpoint).request(address)["width"] == 1200
        with urlopen(urljoin(address, str(link["href"]))) as told:
            assert f"{address}.png".encode() in told.read()
        html = micawber.parse_text(f"See\n{address}\n", registry)
        assert f'src="{address}.png"' in html


class _Page(http.server.BaseHTTPRequestHandler):
    """Somebody's page: one document under one policy, whatever is asked for."""

    def __init__(self, body: str, policy: str, *arguments: Any) -> None:
        self.body, self.policy = body.encode(), policy
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", self.policy)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def foreign() -> Iterator[Callable[[str, str], str]]:
    """Serves a page under a policy, on a port of its own: another origin."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def serve(body: str, policy: str) -> str:
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(_Page, f"<!doctype html><title>x</title>{body}", policy)
        )
        servers.append(server)
        threading.Thread(target=server.serve_forever).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[[str], tuple[Any, list[str]]]]:
    """Opens a page; what the browser complains of comes with it."""
    context = browser.new_context(viewport={"width": 700, "height": 900})

    def open_page(address: str) -> tuple[Any, list[str]]:
        page: Any = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(address)
        return page, complaints

    yield open_page
    context.close()


def test_the_frame_shows_the_chart_on_a_page_of_a_strict_policy(
    addresses: list[str],
    site: str,
    foreign: Callable[[str, str], str],
    visit: Callable[[str], tuple[Any, list[str]]],
) -> None:
    for address in addresses:
        drawing = Chart.objects.get(slug="xen-users").drawing
        pasted = embed(ChartSpec.from_dict(drawing.spec), f"{site}/c/xen-users", address).iframe
        page, complaints = visit(foreign(pasted, f"default-src 'none'; frame-src {site}"))
        (frame,) = page.frames[1:]
        image = frame.locator("img")
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        assert image.get_attribute("src") == f"{address}.svg"
        assert frame.locator("a").get_attribute("href") == address
        frame.locator("summary").click()
        assert "TCP_CRR, trans/s" in frame.locator("pre").inner_text()
        assert frame.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
        assert complaints == []


def test_a_page_that_allows_no_frames_shows_none(
    addresses: list[str],
    foreign: Callable[[str, str], str],
    visit: Callable[[str], tuple[Any, list[str]]],
) -> None:
    """So the page above shows it because its policy names us."""
    frame = f'<iframe src="{addresses[0]}.html"></iframe>'
    page, complaints = visit(foreign(frame, "default-src 'none'"))
    assert any("Content Security Policy" in told for told in complaints)
    assert not any(one.url.startswith(addresses[0]) for one in page.frames)


def test_what_is_no_frame_cannot_be_framed(
    addresses: list[str],
    site: str,
    foreign: Callable[[str, str], str],
    visit: Callable[[str], tuple[Any, list[str]]],
) -> None:
    """Pages with buttons: nobody has them pressed under a page of theirs."""
    for address in (*addresses, f"{site}/compare/", f"{site}/submit/"):
        _, complaints = visit(foreign(f'<iframe src="{address}"></iframe>', f"frame-src {site}"))
        assert any("frame" in told.lower() for told in complaints), address


def test_a_frame_runs_nothing_whatever_stands_in_it(
    addresses: list[str], visit: Callable[[str], tuple[Any, list[str]]]
) -> None:
    page, complaints = visit(f"{addresses[0]}.html")
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')"
    )
    assert page.evaluate("document.title") != "1"
    assert any("script" in told for told in complaints)


def test_a_page_elsewhere_shows_the_picture(
    addresses: list[str],
    site: str,
    foreign: Callable[[str, str], str],
    visit: Callable[[str], tuple[Any, list[str]]],
) -> None:
    """Under a policy that isolates its page, too: the picture says that it may stand anywhere."""
    for ending in ("png", "svg"):
        body = f'<img src="{addresses[1]}.{ending}">'
        page, complaints = visit(foreign(body, f"default-src 'none'; img-src {site}"))
        width = page.locator("img").evaluate("image => image.decode().then(() => image.width)")
        assert (width > 100, complaints) == (True, [])
        with urlopen(f"{addresses[1]}.{ending}") as answer:
            assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_an_unknown_link_is_no_chart(site: str) -> None:
    with pytest.raises(micawber.ProviderException):
        micawber.Provider(f"{site}/oembed").request(f"{site}/c/nothing-here")
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{site}/c/nothing-here.png")
