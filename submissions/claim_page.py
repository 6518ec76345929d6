"""The page on which a report's sender edits its notes, lists or unlists it, or withdraws it: with
the claim token pasted into a plain form, or signed in to the account that claimed it.

The token comes in the body of a POST and goes nowhere: no address, no log, no page shows it, so
after a fault it is pasted again.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from registry.models import RawReport
from registry.refusal import Refused
from registry.trail import state_of
from submissions import withdrawal
from submissions.accounts import holdings
from submissions.intake import claimed_by


@never_cache
@sensitive_post_parameters("token")
@require_http_methods(["GET", "HEAD", "POST"])
def manage(request: HttpRequest, public_id: str) -> HttpResponse:
    report = get_object_or_404(RawReport, public_id=public_id)
    if report.status == RawReport.Status.WITHDRAWN:
        return redirect("report", public_id)
    if request.method != "POST":
        return _form(request, report)
    try:
        return _done(report, request.POST.dict(), holdings.owns(request.user, report))
    except Refused as refused:
        return _form(request, report, refused)


def _done(report: RawReport, form: dict[str, str], is_owner: bool) -> HttpResponse:
    """Do what the form says and show the report. Raises Refused."""
    if not is_owner and not claimed_by(report, form.get("token", "").strip()):
        message = "This is not the claim token of this report. Nothing was changed."
        raise Refused(403, "wrong_claim_token", message)
    if form.get("do") == "withdraw":
        if form.get("sure") != "yes":
            message = "Tick the box beside the button to withdraw it. Nothing was changed."
            raise Refused(422, "not_sure", message)
        withdrawal.withdraw(report)
    else:
        # Browsers send the line ends of a form as CRLF, whatever was typed.
        notes = form.get("notes", "").replace("\r\n", "\n")
        withdrawal.edit(report, {"notes": notes, "visibility": form.get("visibility", "")})
    return HttpResponseRedirect(reverse("report", args=[report.public_id]))


def _form(request: HttpRequest, report: RawReport, refused: Refused | None = None) -> HttpResponse:
    context: dict[str, Any] = {
        "report": report,
        "state": state_of(report),
        "refused": refused,
        "is_owner": holdings.owns(request.user, report),
        "notes": request.POST.get("notes", report.notes),
        "visibility": request.POST.get("visibility", report.visibility),
        "may_edit": report.status in RawReport.SHOWN,
        "notes_length": withdrawal.NOTES_LENGTH,
    }
    status = refused.status if refused else 200
    return render(request, "submissions/manage.html", context, status=status)
