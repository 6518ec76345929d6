"""Middleware of ours: a content security policy that lets nothing run that is not ours, pages that
are small on the wire, no redirect that loses a body, and an honest answer while files are out of
reach.
"""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.gzip import GZipMiddleware

from registry.errors import RETRY_AFTER_S, shape
from registry.storage import StorageFault

log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Common(CommonMiddleware):
    """Django's, but a POST without the slash at its end is told so: a redirect has no body, and
    those who follow one send it without theirs.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return request.method in {"GET", "HEAD"} and super().should_redirect_with_slash(request)


class Compression(GZipMiddleware):
    """Django's, which pads each answer so that its length tells nothing, for pages alone: pictures
    are compressed already, and what has an ETag is kept as it is by whoever asks again.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if not is_page or response.has_header("ETag"):
            return response
        return super().process_response(request, response)


class ContentSecurityPolicy:
    """Sets the policy where the view has not set a stricter one of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            policy = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
        else:
            policy = POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class StorageFaults:
    """503 where a file cannot be had because the object storage is away."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, StorageFault):
            return None
        log.error("%s", error)
        body = shape("unavailable", "The registry cannot reach its files: try again soon.")
        headers = {"Retry-After": str(RETRY_AFTER_S[503]), "Cache-Control": "no-store"}
        return JsonResponse(body, status=503, headers=headers)
