"""Middleware of ours: a content security policy that lets nothing run that is not ours, and no
redirect that loses a body.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware

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
