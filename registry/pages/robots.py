"""What crawlers ask for: /robots.txt, and a map of the pages and the listed reports."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from django.conf import settings
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from registry.models import RawReport

REPORTS_A_PART = 10_000  # numbers of reports, so at most as many reports
PAGES = (
    *("", "leaderboard/", "costs/", "effects/", "kernels/", "platform/", "compare/", "reports/"),
    *("contribute/", "method/", "data/", "status/", "submit/"),
    *("c/xen-users", "c/virtualization-cost", "c/does-it-help"),
)
_ROBOTS = """# Everything is at {url}/dump/ in a few files: there is no need to crawl.
User-agent: *
Disallow: /admin/
Disallow: /api/v1/
Disallow: /search/
Sitemap: {url}/sitemap.xml
"""
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_ROBOTS.format(url=settings.PUBLIC_URL), content_type="text/plain")


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """`/sitemap.xml`: the parts."""
    parts = ["/sitemap-pages.xml", *(f"/sitemap-{n}.xml" for n in range(_n_parts()))]
    return _xml("sitemapindex", "sitemap", (settings.PUBLIC_URL + part for part in parts))


@require_safe
def pages(request: HttpRequest) -> HttpResponse:
    return _xml("urlset", "url", (f"{settings.PUBLIC_URL}/{page}" for page in PAGES))


@require_safe
def reports(request: HttpRequest, part: str) -> HttpResponse:
    """The listed reports of one range of numbers."""
    number = int(part)
    if number >= _n_parts():
        raise Http404
    start = number * REPORTS_A_PART
    found = RawReport.objects.listed().filter(pk__gte=start, pk__lt=start + REPORTS_A_PART)
    ids = found.order_by("pk").values_list("public_id", flat=True)
    return _xml("urlset", "url", (f"{settings.PUBLIC_URL}/r/{public_id}" for public_id in ids))


def _n_parts() -> int:
    return (RawReport.objects.aggregate(last=Max("pk"))["last"] or 0) // REPORTS_A_PART + 1


def _xml(root: str, child: str, addresses: Iterator[str]) -> HttpResponse:
    rows = "".join(f"<{child}><loc>{escape(each)}</loc></{child}>\n" for each in addresses)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_SCHEMA}">\n{rows}</{root}>\n'
    headers = {"Cache-Control": "public, max-age=3600"}
    return HttpResponse(body, content_type="application/xml", headers=headers)
