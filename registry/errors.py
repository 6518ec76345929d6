"""One shape for every error: `{"error": {"code", "message", "details"}}`, for the API, for
Django's handlers and for DRF's.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import is_valid_path
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import exception_handler

from registry.refusal import Refused
from registry.request_id import current

log = logging.getLogger(__name__)

RETRY_AFTER_S = {429: 3600, 503: 5}
DATABASE_AWAY = (OperationalError, InterfaceError)


def retry_after(refused: Refused) -> dict[str, str]:
    """The header that says when to try again, of refusals that pass."""
    seconds = refused.retry_after_s or RETRY_AFTER_S.get(refused.status)
    return {"Retry-After": str(seconds)} if seconds else {}


def shape(code: str, message: str, details: Any = ()) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": list(details)}}


def unavailable(error: Exception) -> Refused:
    """What is answered where the database does not."""
    log.error("the database is away: %s", error)
    return Refused(503, "unavailable", "The registry cannot reach its database: try again soon.")


def api_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. What it does not know stays an exception, and Django's handler
    answers 500.
    """
    if isinstance(error, DATABASE_AWAY):
        error = unavailable(error)
    # An error is JSON, whatever form was asked for: that form may be what is wrong.
    context["request"].accepted_renderer = JSONRenderer()
    context["request"].accepted_media_type = JSONRenderer.media_type
    if isinstance(error, Refused):
        return _refusal(error)
    response = exception_handler(error, context)
    if response is None:
        return None
    code = getattr(error, "default_code", None) or "not_found"
    message = str(getattr(error, "detail", "") or "There is nothing at this address.")
    if isinstance(error, exceptions.ValidationError):
        message = "The request is not valid."
    response.data = shape(code, message)
    return response


def _refusal(refused: Refused) -> Response:
    body = shape(refused.code, refused.message, refused.details)
    return Response(body, status=refused.status, headers=retry_after(refused))


_PAGES = {
    400: ("bad_request", "The request could not be understood."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    500: (
        "internal_error",
        "Something broke on our side. It has been logged; nothing that was stored is lost.",
    ),
    503: ("unavailable", "The registry cannot reach its database: try again in a few seconds."),
}


class DatabaseAway:
    """Middleware: a page that could not ask the database is 503 and asks to come back, not a fault
    of ours.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DATABASE_AWAY):
            return None
        log.error("the database is away: %s", error)
        response = _page(request, 503)
        response["Retry-After"] = str(RETRY_AFTER_S[503])
        response["Cache-Control"] = "no-store"
        return response


def _page(request: HttpRequest, status: int, message: str = "") -> HttpResponse:
    code, usual = _PAGES[status]
    message = message or usual
    if request.path.startswith("/api/"):
        return JsonResponse(shape(code, message), status=status)
    return render(
        request, "registry/error.html", {"status": status, "message": message}, status=status
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = (
        "The form came without its token: load its page anew, with cookies, and send it again."
    )
    return _page(request, 403, message)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    path = f"{request.path_info}/"
    if is_valid_path(path):  # only a GET is redirected there: anything else would lose its body
        return _page(
            request, 404, f"There is nothing at this address: it ends with a slash, {path}"
        )
    return _page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Names the request, so that whoever tells of it can be helped."""
    return _page(request, 500, f"{_PAGES[500][1]} If you tell us, name request {current()}.")
