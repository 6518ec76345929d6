"""Pages of an account: what it holds, and the forms that change it. Each needs who is signed in,
and none is kept by anybody on the way.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from registry.models.identity import PUBLIC_ID
from registry.refusal import Refused
from submissions.accounts import holdings
from submissions.accounts.models import NOTE_LENGTH, Account, ApiToken

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, Account, P], HttpResponseBase]


def _of_account(page: Page[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """A page of who is signed in; a refusal is shown on the overview."""

    @never_cache
    @login_required
    @wraps(page)
    def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        account = Account.of(request.user)
        try:
            return page(request, account, *args, **kwargs)
        except Refused as refused:
            return _overview(request, account, refused=refused)

    return wrapped


@require_safe
@_of_account
def overview(request: HttpRequest, account: Account) -> HttpResponse:
    return _overview(request, account)


@sensitive_post_parameters("token")
@require_POST
@_of_account
def claim(request: HttpRequest, account: Account) -> HttpResponse:
    found = PUBLIC_ID.search(request.POST.get("report", ""))
    holdings.claim(account, found[0] if found else "", request.POST.get("token", "").strip())
    return redirect("account")


@require_POST
@_of_account
def note(request: HttpRequest, account: Account) -> HttpResponse:
    holdings.note(account, request.POST.get("machine", ""), request.POST.get("note", ""))
    return redirect("account")


@require_POST
@_of_account
def make_token(request: HttpRequest, account: Account) -> HttpResponse:
    """The token stands in this answer and nowhere afterwards."""
    name, scopes = request.POST.get("name", "").strip(), request.POST.getlist("scope")
    made, text = holdings.make_token(account, name, scopes)
    return _overview(request, account, made=made, text=text)


@require_POST
@_of_account
def revoke_token(request: HttpRequest, account: Account) -> HttpResponse:
    holdings.revoke_token(account, request.POST.get("token", ""))
    return redirect("account")


@require_safe
@_of_account
def export(request: HttpRequest, account: Account) -> StreamingHttpResponse:
    lines = (json.dumps(record) + "\n" for record in holdings.export(account))
    response = StreamingHttpResponse(lines, content_type="application/jsonl")
    response["Content-Disposition"] = 'attachment; filename="crr-registry-account.jsonl"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@_of_account
def delete(request: HttpRequest, account: Account) -> HttpResponse:
    if request.method != "POST" or request.POST.get("sure") != "yes":
        context = {"n_reports": account.claims.count(), "is_unsure": request.method == "POST"}
        return render(request, "accounts/delete.html", context)
    holdings.delete(account, with_reports=request.POST.get("reports") == "withdraw")
    request.session.flush()
    return render(request, "accounts/deleted.html")


def _overview(
    request: HttpRequest, account: Account, refused: Refused | None = None, **more: Any
) -> HttpResponse:
    context = {
        "account": account,
        "refused": refused,
        "reports": account.claims.newest()[: holdings.REPORTS_LISTED],
        "n_reports": account.claims.count(),
        "machines": holdings.machines_of(account),
        "tokens": holdings.tokens_of(account),
        "passkeys": holdings.passkeys_of(account),
        "scopes": ApiToken.Scope.choices,
        "note_length": NOTE_LENGTH,
        "public_url": settings.PUBLIC_URL,
        **more,
    }
    status = refused.status if refused else 200
    return render(request, "accounts/overview.html", context, status=status)
