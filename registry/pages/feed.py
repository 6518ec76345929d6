"""Feeds of the newest reports, of all and of any leaderboard, for readers and robots that would
crawl otherwise. A report that is the fastest of its recipe is called a record.
"""

import math
import re
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, set_response_etag
from django.utils.feedgenerator import Atom1Feed

from registry.evidence.ratio import LEAST_HOSTS
from registry.leaderboard import Query, ask, cells_of
from registry.models import RawReport
from registry.pages import words
from registry.pages.boards import address_of
from registry.pages.headlines import Headline, headlines
from registry.pages.leaderboard import clean
from registry.refusal import Refused
from registry.standing import HEADLINE, voters

ENTRIES = 50
ROUNDING = 1e-9  # of the same mean found by the database and by us
# What XML cannot hold, and what turns the direction of the rest of a title round.
_NOT_PLAIN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class _Entries(Feed):
    """An entry a listed report: its headline figure and what it was measured on."""

    feed_type = Atom1Feed

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """With an ETag, to HEAD as well."""
        response = super().__call__(request, *args, **kwargs)
        set_response_etag(response)
        found = get_conditional_response(request, response["ETag"], response=response)
        return cast(HttpResponse, found)

    def item_title(self, item: Headline) -> str:
        if item.figure is None:
            return f"Report {item.public_id}"
        system = _plain(" ".join(part for part in (item.kernel, item.hypervisor) if part))
        record = "Record: " if is_record(item) else ""
        figure = f"{record}{item.figure.test} {item.figure.told}"
        return f"{figure}, {system}" if system else figure

    def item_description(self, item: Headline) -> str:
        flags = f"{item.n_flags} flags" if item.n_flags else ""
        load = item.figure.load if item.figure else "no figure"
        source = "imported" if item.imported else ""
        return "; ".join(part for part in (load, _plain(item.cpu or ""), source, flags) if part)

    def item_categories(self, item: Headline) -> tuple[str, ...]:
        return ("record",) if is_record(item) else ()

    def item_link(self, item: Headline) -> str:
        return f"{settings.PUBLIC_URL}/r/{item.public_id}"

    def item_guid(self, item: Headline) -> str:
        return self.item_link(item)

    def item_pubdate(self, item: Headline) -> datetime:
        return item.received_at

    def item_updateddate(self, item: Headline) -> datetime:
        return item.received_at


class NewReports(_Entries):
    title = "CRR registry: new reports"
    subtitle = "netperf TCP_CRR: how many new TCP connections a second a host accepts"
    link = "/reports/"
    feed_url = "/feed.atom"

    def items(self) -> list[Headline]:
        return headlines(RawReport.objects.listed().newest()[:ENTRIES])


class LeaderboardFeed(_Entries):
    """The same, of the reports that are in a leaderboard: its address with `feed.atom` in it."""

    subtitle = "The newest reports in one leaderboard"

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Query:
        try:
            return ask(clean(request))
        except Refused as refused:
            raise BadRequest(refused.message) from refused

    def title(self, query: Query) -> str:
        only = words.group({name: str(value) for name, value in query.system})
        test = dict(query.recipe).get("test", "any test")
        return f"CRR registry: {', '.join(part for part in (test, _plain(only)) if part)}"

    def link(self, query: Query) -> str:
        return f"/leaderboard/?{address_of(query)}"

    def feed_url(self, query: Query) -> str:
        return f"/leaderboard/feed.atom?{address_of(query)}"

    def items(self, query: Query) -> list[Headline]:
        newest = (
            cells_of(query).order_by("-last_report_id").values_list("last_report_id", flat=True)
        )
        ids = newest.distinct()[:ENTRIES]
        return headlines(RawReport.objects.listed().filter(pk__in=list(ids)).newest())


def is_record(item: Headline) -> bool:
    """Whether no host does better under the very same recipe, of those that give it a spread."""
    figure = item.figure
    if figure is None or figure.test != HEADLINE["test"] or figure.bound:
        return False
    hosts = voters(figure.recipe_id)
    is_eligible = not item.imported and not item.n_flags and hosts.n >= LEAST_HOSTS
    return is_eligible and math.log(figure.rate) >= hosts.logs[-1] - ROUNDING


def _plain(text: str) -> str:
    """Text that XML can hold and that is read in one direction."""
    return _NOT_PLAIN.sub(" ", text)
