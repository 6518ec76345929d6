"""What was just served, kept whole for a moment: a page or a chart that many look at costs one look
a second, and its readers what bytes in memory cost. Middleware, before all others that an answer
needs only once.

Files of charts are kept for all who ask for them; pages for readers without a cookie, in the form
that their browser asked for. A report's own page is given while the report is what it was: who
withdraws it sees it gone.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from registry.models import RawReport
from registry.models.written_once import WrittenOnce

FILE = re.compile(r"/c/[a-z0-9-]{1,64}(?:/[0-9a-f]{1,64})?\.[a-z.]{1,10}")
REPORT = re.compile(r"/r/([a-z2-7]{16})")
PAGE = re.compile(
    r"/(?:r/[a-z2-7]{16}|platform/.{0,300}"
    r"|(?:leaderboard|reports|costs|effects|kernels|compare|search|method|data|contribute)/)?"
)
LONGEST_QUERY = 500
KEPT = 64  # answers, of some 100 KB
# What a reader may ask of a version beside not to get it again; rare, and left to the view.
CONDITIONS = {"HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE"}
KNOWN = "HTTP_IF_NONE_MATCH"
# What a page may differ by beside its address.
FORMS = ("HTTP_HOST", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_HX_REQUEST", "wsgi.url_scheme")


@dataclass(frozen=True)
class Kept:
    """An answer without what belongs to one request, until when it may be given, by our clock."""

    content: bytes
    headers: dict[str, str]
    until_s: float
    state: tuple[str, ...] | None = None  # of the report whose page it is

    @cached_property
    def headers_of_known(self) -> dict[str, str]:
        """Of a 304: all but what tells of a body."""
        told = {"Content-Length", "Content-Type"}
        return {name: value for name, value in self.headers.items() if name not in told}

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, or 304 where the reader has it."""
        known, etag = request.META.get(KNOWN, ""), self.headers.get("ETag")
        if known and etag and (known == etag or _is_among(request, etag)):
            return HttpResponseNotModified(headers=self.headers_of_known)
        return HttpResponse(self.content, headers=self.headers)


def _is_among(request: HttpRequest, etag: str) -> bool:
    """Whether a reader who has several versions, or any, has this one."""
    response = get_conditional_response(request, etag=etag)
    return response is not None and response.status_code == 304


class HotAnswers:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._kept: dict[str, Kept] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        key = _key(request)
        if key is None:
            return self.get_response(request)
        kept = self._kept.get(key)
        if kept is None or kept.until_s < time.monotonic() or kept.state != _state(request):
            return self._fetched(request, key)
        request.get_host()  # refuses a name that is not ours
        return kept.answer(request)

    def _fetched(self, request: HttpRequest, key: str) -> HttpResponseBase:
        """The view's answer, kept where it is for everybody; asked for whole, so that it can be."""
        known = request.META.pop(KNOWN, None)
        response = self.get_response(request)
        if known is not None:
            request.META[KNOWN] = known
        is_for_all = response.status_code == 200 and not response.cookies
        if not is_for_all or not isinstance(response, HttpResponse):
            return response
        until_s = time.monotonic() + settings.HOT_SECONDS
        state = getattr(response, "state", None)
        kept = Kept(response.content, dict(response.items()), until_s, state)
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[key] = kept
        return kept.answer(request)


def _state(request: HttpRequest) -> tuple[str, ...] | None:
    """Of the report whose page is asked for, as its view says it; None for other pages, and for
    no state that a view says.
    """
    asked = REPORT.fullmatch(request.path_info)
    if asked is None:
        return None
    with suppress(DatabaseError):  # the view meets it too, and has the words for it
        return _states.first(asked[1]) or ()
    return ()


_states = WrittenOnce(
    lambda name: RawReport.objects.filter(public_id=name).values_list(*RawReport.STATE)
)


def _key(request: HttpRequest) -> str | None:
    """What an answer to this request is kept under; None where it is the reader's own."""
    path, asked = request.path_info, request.META
    if request.method not in {"GET", "HEAD"} or not CONDITIONS.isdisjoint(asked):
        return None
    if FILE.fullmatch(path):
        return path
    query = asked.get("QUERY_STRING", "")
    is_own = asked.get("HTTP_COOKIE") or asked.get("HTTP_AUTHORIZATION")
    if is_own or len(query) > LONGEST_QUERY or not PAGE.fullmatch(path):
        return None
    return repr((path, query, *(asked.get(name) for name in FORMS)))
