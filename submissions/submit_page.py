"""`/submit/`: paste or drop a report, see line by line how it is read, fill in what is missing,
send it.

One form holds everything, so that it works as two plain POSTs; with JavaScript the same view
answers htmx with the reading alone. What is sent goes through the same intake as the API.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from registry.body import require_size, sender_address
from registry.models import RawReport
from registry.refusal import Refused
from registry.vocabulary import clouds, virtualization
from submissions import as_read
from submissions.answer import sent, url_of
from submissions.decode import Document, decode
from submissions.intake import Sender, submit
from submissions.parsing import parse
from submissions.read import read_document
from submissions.redact import redacted
from submissions.validate import validate

TEXT = "text/plain"
NOTES_LENGTH = 10_000


@dataclass(frozen=True)
class Field:
    """An input for what raw text does not say: its place in the envelope, and words for it."""

    path: str
    label: str
    example: str = ""
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    is_number: bool = False

    @property
    def name(self) -> str:
        return self.path.replace(".", "-")


FIELDS = (
    Field("environment.kernel.release", "Kernel release", "6.1.0-18-amd64"),
    Field("environment.os.id", "Distribution", "debian"),
    Field("environment.os.version_id", "Its version", "12"),
    Field(
        "environment.virtualization.type",
        "Runs on",
        "none is bare metal",
        suggestions=tuple(virtualization.HYPERVISORS),
    ),
    Field(
        "environment.virtualization.mode",
        "Xen mode",
        choices=("pv", "hvm", "pvhvm", "pvh", "dom0"),
    ),
    Field("environment.cloud.provider", "Cloud", "aws", suggestions=tuple(clouds.PROVIDERS)),
    Field("environment.cloud.instance_type", "Instance type", "c5.xlarge"),
    Field("environment.cpu.model", "CPU model", "as /proc/cpuinfo prints it"),
    Field("environment.cpu.online", "CPUs", "2", is_number=True),
    Field(
        "run.topology",
        "The two ends",
        choices=("loopback", "same_host", "same_lan", "same_zone", "cross_zone", "wan"),
    ),
    Field("run.placement", "CPUs of the ends", choices=("unpinned", "same_cpu", "cross_cpu")),
)


@never_cache
@sensitive_variables("receipt")
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _form(request, {})
    try:
        text = _text(request)
    except (RequestDataTooBig, TooManyFilesSent):
        refused = Refused(413, "too_large", "The form is too large: a report is at most 512 KiB.")
        return _form(request, {"refused": refused}, 413)
    if not text.strip():
        refused = Refused(422, "empty", "Paste what netperf printed, or choose a file.")
        return _form(request, {"refused": refused}, 422)
    try:
        if request.POST.get("do") == "send":
            return _sent(request, text)
        return _form(request, {"text": text, **_reading(text)})
    except Refused as refused:
        return _form(request, {"text": text, "refused": refused, **_attempt(text)}, refused.status)


def _text(request: HttpRequest) -> str:
    """The chosen file, else the pasted text. Browsers send the line ends of a form as CRLF."""
    chosen: Any = request.FILES.get("file")
    pasted = request.POST.get("text", "").replace("\r\n", "\n")
    if chosen is None or not chosen.size:
        return pasted
    return str(chosen.read().decode("utf-8", "replace"))


def _reading(text: str) -> dict[str, Any]:
    """How the text is read, and what it says. Raises Refused."""
    clean, warnings = _clean(text)
    content = read_document(clean)
    parts = as_read.parts_of(parse(clean))
    return {
        "parts": parts,
        "counts": dict(as_read.counts(parts)),
        "results": content.results,
        "warnings": [*warnings, *content.warnings],
        "flags": content.flags,
        "recipes": content.runs,
        "is_envelope": clean.envelope is not None,
    }


def _attempt(text: str) -> dict[str, Any]:
    """The lines of what was refused, where it could be taken apart at all."""
    try:
        clean, _ = _clean(text)
    except Refused:
        return {}
    parts = as_read.parts_of(parse(clean))
    return {"parts": parts, "counts": dict(as_read.counts(parts))}


def _clean(text: str) -> tuple[Document, list[str]]:
    """The document as it would be stored. Raises Refused."""
    document = decode(_limited(text.encode()), TEXT)
    warnings = validate(document.envelope) if document.envelope is not None else []
    return redacted(document), warnings


def _limited(body: bytes) -> bytes:
    require_size(len(body))
    return body


def _sent(request: HttpRequest, text: str) -> HttpResponse:
    """Store the report and show its address and, this once, its claim token. Raises Refused."""
    body = _limited(_body(text, request.POST.dict()))
    sender = Sender(address=sender_address(request))
    receipt = submit(body, TEXT, sender, RawReport.Source.PASTE)
    context = {
        "answer": sent(receipt),
        "created": receipt.created,
        "token": receipt.claim_token,
        "address": url_of(receipt.report),
    }
    status = 201 if receipt.created else 200
    return render(request, "submissions/sent.html", context, status=status)


def _body(text: str, form: dict[str, str]) -> bytes:
    """The text as it is, or an envelope around it when the form says more. Raises Refused."""
    if decode(text.encode(), TEXT).envelope is not None:
        return text.encode()
    said = {field: value for field in FIELDS if (value := form.get(field.name, "").strip())}
    notes = form.get("notes", "").replace("\r\n", "\n").strip()
    unlisted = form.get("visibility") == RawReport.Visibility.UNLISTED
    if not said and not notes and not unlisted:
        return text.encode()
    tree: dict[str, Any] = {"run": {"outputs": [text]}, "environment": {}}
    for field, value in said.items():
        *folders, name = field.path.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = _number(field, value) if field.is_number else value
    envelope = {"report_version": 1, "environment": tree["environment"], "runs": [tree["run"]]}
    envelope |= {"notes": notes or None, "visibility": "unlisted" if unlisted else "public"}
    return json.dumps(envelope).encode()


def _number(field: Field, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 5:
        fault = {"path": field.label, "message": "expected a whole number"}
        raise Refused(422, "invalid", "The form has a fault.", [fault])
    return int(value)


def _form(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    given = request.POST if "refused" not in context or status != 413 else {}
    context |= {
        "fields": [(field, given.get(field.name, "")) for field in FIELDS],
        "notes": given.get("notes", ""),
        "visibility": given.get("visibility", "public"),
        "notes_length": NOTES_LENGTH,
    }
    # htmx asks while somebody types; it swaps the reading alone, whatever the status.
    is_part = bool(getattr(request, "htmx", False))
    template = "submissions/_reading.html" if is_part else "submissions/submit.html"
    return render(request, template, context, status=status)
