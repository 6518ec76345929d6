"""Addresses for those who run a registry: is it alive, can it work, how is it."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from registry import metrics, readiness
from registry.errors import DATABASE_AWAY


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: the process answers. Asks nothing of the database."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when intake can store a report, else 503, and every check with its reason."""
    found = readiness.checks()
    is_ready = all(check.is_ok for check in found if check.is_required)
    body = {"ready": is_ready, "checks": [asdict(check) for check in found]}
    return JsonResponse(body, status=200 if is_ready else 503)


@require_safe
@never_cache
def scrape(request: HttpRequest) -> HttpResponse:
    try:
        return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)
    except DATABASE_AWAY:
        message = "The database does not answer: /readyz says more.\n"
        return HttpResponse(message, status=503, content_type="text/plain; charset=utf-8")
