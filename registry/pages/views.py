"""The pages that people browse. Each view turns HTTP into plain arguments, makes one call and
renders a template.
"""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry.models import RawReport
from registry.models.written_once import WrittenOnce
from registry.pages import dump
from registry.pages.answers import answers
from registry.pages.headlines import headlines
from registry.pages.report_page import report_page
from registry.pages.worked import worked
from registry.trail import state_of

NEWEST_ON_HOME = 10


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    newest = RawReport.objects.listed().newest()[:NEWEST_ON_HOME]
    context = {"reports": headlines(newest), "answers": answers()}
    return render(request, "registry/home.html", context)


_reports = WrittenOnce(
    lambda name: RawReport.objects.filter(public_id=name).select_related("machine")
)


@require_safe
def report(request: HttpRequest, public_id: str) -> HttpResponse:
    """The report; a tombstone with 410 where it was withdrawn or rejected."""
    found = _reports.first(public_id)
    if found is None:
        raise Http404
    context: dict[str, Any] = {"report": found, "state": state_of(found)}
    if found.status not in RawReport.SHOWN:
        return render(request, "registry/report_gone.html", context, status=410)
    context["page"] = report_page(found)
    response = render(request, "registry/report.html", context)
    # For `registry.hot`, which keeps the page while it holds.
    response.state = tuple(getattr(found, name) for name in RawReport.STATE)  # type: ignore[attr-defined]
    return response


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """What programs can read, each with an address to try."""
    newest = RawReport.objects.listed().newest().values_list("public_id", flat=True).first()
    return render(request, "registry/data.html", {"newest": newest, "dump": dump.files()})


@require_safe
def contribute(request: HttpRequest) -> HttpResponse:
    return render(
        request, "registry/contribute.html", {"body_limit_kb": settings.BODY_LIMIT_BYTES // 1024}
    )


@require_safe
def method(request: HttpRequest) -> HttpResponse:
    return render(request, "registry/method.html", {"worked": worked()})
