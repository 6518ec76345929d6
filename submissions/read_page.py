"""`/r/{id}/read`: the stored text of a report, line by line, with what the reader made of each."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from registry.models import RawReport
from submissions import as_read
from submissions.read import parsed

PARTS_SHOWN = 100  # outputs; a report of the usual plan has some twenty


@require_safe
def page(request: HttpRequest, public_id: str) -> HttpResponse:
    """As today's parser reads it, which a report that waits to be read again may differ from."""
    report = get_object_or_404(RawReport, public_id=public_id)
    if report.status not in RawReport.SHOWN or report.body is None:
        return redirect("report", public_id)
    found = parsed(bytes(report.body), report.format)
    parts = as_read.parts_of(found) if found else []
    context = {
        "report": report,
        "parts": parts[:PARTS_SHOWN],
        "n_more": max(0, len(parts) - PARTS_SHOWN),
        "counts": dict(as_read.counts(parts)),
    }
    return render(request, "submissions/read.html", context)
