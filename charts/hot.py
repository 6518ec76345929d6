"""Files of charts that were just served, kept whole for a second: a chart that many look at costs
its database one look a second, and its readers what bytes in memory cost. Middleware, before all
others that a file needs only once.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

FILE = re.compile(r"/c/[a-z0-9-]{1,64}(?:/[0-9a-f]{1,64})?\.[a-z.]{1,10}")
KEPT = 64  # files, of some 100 KB
# What a reader may ask of a version beside not to get it again; rare, and left to the view.
CONDITIONS = {"HTTP_IF_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE"}
KNOWN = "HTTP_IF_NONE_MATCH"


@dataclass(frozen=True)
class Kept:
    """An answer without what belongs to one request, until when it may be given, by our clock."""

    content: bytes
    headers: dict[str, str]
    until_s: float

    @cached_property
    def headers_of_known(self) -> dict[str, str]:
        """Of a 304: all but what tells of a body."""
        told = {"Content-Length", "Content-Type"}
        return {name: value for name, value in self.headers.items() if name not in told}

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """The file, or 304 where the reader has it."""
        known = request.META.get(KNOWN, "")
        etag = self.headers["ETag"]
        if known == etag or (known and _is_among(request, etag)):
            return HttpResponseNotModified(headers=self.headers_of_known)
        return HttpResponse(self.content, headers=self.headers)


def _is_among(request: HttpRequest, etag: str) -> bool:
    """Whether a reader who has several versions, or any, has this one."""
    response = get_conditional_response(request, etag=etag)
    return response is not None and response.status_code == 304


class HotFiles:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._kept: dict[str, Kept] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        is_plain = request.method in {"GET", "HEAD"} and CONDITIONS.isdisjoint(request.META)
        if not is_plain or not FILE.fullmatch(path):
            return self.get_response(request)
        kept = self._kept.get(path)
        if kept is None or kept.until_s < time.monotonic():
            return self._fetched(request)
        request.get_host()  # refuses a name that is not ours
        return kept.answer(request)

    def _fetched(self, request: HttpRequest) -> HttpResponseBase:
        """The view's answer, kept where it is a file; asked for whole, so that it can be."""
        known = request.META.pop(KNOWN, None)
        response = self.get_response(request)
        if known is not None:
            request.META[KNOWN] = known
        if response.status_code != 200 or not isinstance(response, HttpResponse):
            return response
        until_s = time.monotonic() + settings.CHART_HOT_SECONDS
        kept = Kept(response.content, dict(response.items()), until_s)
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[request.path_info] = kept
        return kept.answer(request)
