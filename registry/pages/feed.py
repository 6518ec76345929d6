"""/feed.atom: the newest reports, for readers and robots that would crawl otherwise."""

import re
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import HttpRequest
from django.utils.feedgenerator import Atom1Feed

from registry.models import RawReport
from registry.pages.headlines import Headline, headlines

ENTRIES = 50
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class NewReports(Feed):
    """An entry a listed report: its headline figure and what it was measured on."""

    feed_type = Atom1Feed
    title = "CRR registry: new reports"
    subtitle = "netperf TCP_CRR: how many new TCP connections a second a host accepts"
    link = "/reports/"
    feed_url = "/feed.atom"

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        return None

    def items(self) -> list[Headline]:
        return headlines(RawReport.objects.listed().newest()[:ENTRIES])

    def item_title(self, item: Headline) -> str:
        if item.figure is None:
            return f"Report {item.public_id}"
        system = _plain(" ".join(part for part in (item.kernel, item.hypervisor) if part))
        figure = f"{item.figure.test} {item.figure.bound}{item.figure.rate:,.0f} {item.figure.unit}"
        return f"{figure}, {system}" if system else figure

    def item_description(self, item: Headline) -> str:
        flags = f"{item.n_flags} flags" if item.n_flags else ""
        load = item.figure.load if item.figure else "no figure"
        source = "imported" if item.imported else ""
        return "; ".join(part for part in (load, _plain(item.cpu or ""), source, flags) if part)

    def item_link(self, item: Headline) -> str:
        return f"{settings.PUBLIC_URL}/r/{item.public_id}"

    def item_guid(self, item: Headline) -> str:
        return self.item_link(item)

    def item_pubdate(self, item: Headline) -> datetime:
        return item.received_at

    def item_updateddate(self, item: Headline) -> datetime:
        return item.received_at


def _plain(text: str) -> str:
    """Text that XML can hold."""
    return _NOT_IN_XML.sub(" ", text)
