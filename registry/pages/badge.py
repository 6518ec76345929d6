"""/badge/{id}.svg: a report's headline figure as a picture of one line."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from registry.models import RawReport
from registry.pages.headlines import headlines

LETTER_PX = 6.6  # of the 11 px font, on average
PADDING_PX = 12
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"


@require_safe
def badge(request: HttpRequest, public_id: str) -> HttpResponse:
    """The figure; what was withdrawn or rejected says so, since the address stands in old posts."""
    report = get_object_or_404(RawReport, public_id=public_id)
    label, text = "TCP_CRR", str(RawReport.Status(report.status).label).lower()
    if report.status in RawReport.SHOWN:
        (row,) = headlines([report])
        if row.figure:
            label, text = row.figure.test, row.figure.told
    left, right = (round(len(part) * LETTER_PX) + PADDING_PX for part in (label, text))
    context = {"label": label, "text": text, "left": left, "right": right, "width": left + right}
    content = render_to_string("registry/badge.svg", context)
    etag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    answer = get_conditional_response(request, etag=etag) or HttpResponse(content)
    if answer.status_code == 200:
        answer["Content-Type"] = "image/svg+xml"
    answer["ETag"] = etag
    answer["Cache-Control"] = "public, max-age=300"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer["Content-Security-Policy"] = POLICY
    return answer
