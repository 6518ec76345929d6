"""`/submit/`: paste or drop a report, see line by line how it is read, fill in what is missing,
send it.

One form holds everything, so that it works as two plain POSTs; with JavaScript the same view
answers htmx with the reading alone. What is sent goes through the same intake as the API.
"""

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from registry.body import content_length, drain, require_size, sender_address
from registry.errors import DATABASE_AWAY, retry_after, unavailable
from registry.models import RawReport
from registry.refusal import Refused
from submissions import as_read, filled_in
from submissions.answer import sent, url_of
from submissions.decode import Document, decode, in_utf8
from submissions.intake import Sender, refuse_flagged, submit
from submissions.models import Refusal
from submissions.parsing import parse
from submissions.read import read_document
from submissions.redact import redacted, stored_bytes
from submissions.validate import validate

TEXT = "text/plain"
NOTES_LENGTH = 10_000


# Django looks for the token in the form, so it would take in a form of any size first: the length
# is looked at before, and the token then.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    size_bytes = content_length(request) or 0
    if size_bytes <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return _page(request)
    drain(request)
    message = (
        f"A report is at most {settings.BODY_LIMIT_BYTES:,} bytes; this form is {size_bytes:,}."
    )
    return _form(request, {"refused": Refused(413, "too_large", message)})


@csrf_protect
def _page(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _form(request, {})
    body = _pasted(request)
    text = body.decode("utf-8", "replace")
    is_sent = request.POST.get("do") == "send"
    try:
        if not text.strip():
            raise Refused(422, "empty", "Paste what netperf printed, or choose a file.")
        require_size(len(body))
        if is_sent:
            return _sent(request, body)
        return _form(request, {"text": text, **_reading(body, request.POST.dict())})
    except DATABASE_AWAY as error:
        refused = unavailable(error)
    except Refused as error:
        refused = error
        if is_sent:
            with suppress(DatabaseError):  # the refusal is answered all the same
                Refusal.add(refused.code)
    return _form(request, {"text": text, "refused": refused, **_attempt(body)})


def _pasted(request: HttpRequest) -> bytes:
    """The chosen file, else the pasted text. Browsers send the line ends of a form as CRLF."""
    chosen: Any = request.FILES.get("file")
    if chosen is not None and chosen.size:
        return in_utf8(bytes(chosen.read()))
    return request.POST.get("text", "").replace("\r\n", "\n").encode()


def _reading(body: bytes, form: dict[str, str]) -> dict[str, Any]:
    """How the report is read, and what of it would be stored. Raises Refused."""
    document = decode(body, TEXT)
    form = filled_in.with_suggestions(form, document.text or "")
    is_envelope = document.envelope is not None
    clean, warnings = _clean(body if is_envelope else filled_in.report_of(body, form))
    content = read_document(clean)
    refuse_flagged(content)
    parts = as_read.parts_of(parse(clean))
    is_seen = clean.envelope is None and all(part.is_whole for part in parts)
    stored = stored_bytes(clean)
    return {
        **_lines(parts),
        "results": content.results,
        "warnings": [*warnings, *content.warnings],
        "flags": content.flags,
        "is_envelope": is_envelope,
        "inputs": filled_in.inputs(form, content.runs),
        "stored": "" if is_seen else as_read.visible_whole(stored.decode()),
        "stored_bytes": len(stored),
    }


def _attempt(body: bytes) -> dict[str, Any]:
    """The lines of what was refused, where it could be taken apart at all."""
    try:
        require_size(len(body))
        clean, _ = _clean(body)
    except Refused:
        return {}
    return _lines(as_read.parts_of(parse(clean)))


def _lines(parts: list[as_read.Part]) -> dict[str, Any]:
    return {"parts": parts, "counts": dict(as_read.counts(parts))}


def _clean(body: bytes) -> tuple[Document, list[str]]:
    """The document as it would be stored. Raises Refused."""
    require_size(len(body))
    document = decode(body, TEXT)
    warnings = validate(document.envelope) if document.envelope is not None else []
    return redacted(document), warnings


@sensitive_variables("receipt", "context")
def _sent(request: HttpRequest, body: bytes) -> HttpResponse:
    """Store the report and show its address and, this once, its claim token. Raises Refused."""
    if decode(body, TEXT).envelope is None:
        body = filled_in.report_of(body, request.POST.dict())
    require_size(len(body))
    sender = Sender(address=sender_address(request))
    receipt = submit(body, TEXT, sender, RawReport.Source.PASTE)
    context = {
        "answer": sent(receipt),
        "created": receipt.created,
        "token": receipt.claim_token,
        "address": url_of(receipt.report),
    }
    unread = receipt.report.status == RawReport.Status.RECEIVED
    status = 202 if unread else 201 if receipt.created else 200
    return render(request, "submissions/sent.html", context, status=status)


def _form(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    given, refused = request.POST.dict(), context.get("refused")
    context = {
        "inputs": filled_in.inputs(given),
        "is_filled_in": filled_in.is_filled_in(given),
        "may_send": not refused or given.get("do") == "send",
        "notes": given.get("notes", ""),
        "visibility": given.get("visibility", "public"),
        "notes_length": NOTES_LENGTH,
        "body_limit_bytes": settings.BODY_LIMIT_BYTES,
        **context,
    }
    # htmx asks while somebody types; it swaps the reading alone, whatever the status.
    is_part = bool(getattr(request, "htmx", False))
    template = "submissions/_reading.html" if is_part else "submissions/submit.html"
    response = render(request, template, context, status=refused.status if refused else 200)
    for name, value in (retry_after(refused) if refused else {}).items():
        response[name] = value
    return response
