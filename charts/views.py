"""Addresses of charts: the page, and every form of it, live and frozen.

A GET never draws. The live address serves the newest drawing with an ETag and a short life; the
frozen one serves bytes that never change. Query strings are ignored, so that a proxy's tail on an
address does no harm.
"""

import logging
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from charts import artefacts, changes, sentence, tasks
from charts.embedding import forms_to_copy
from charts.freezing import freeze
from charts.kinds import COMPARE, REPORT
from charts.models import Chart, Drawing, FrozenChart
from charts.oembed import size_of
from charts.params import ChartParams
from charts.pipeline import address_of
from charts.saving import save
from charts.spec import ChartSpec
from charts.taken_out import taken_out_since
from registry import hints
from registry.body import sender_address
from registry.errors import shape
from registry.refusal import Refused

log = logging.getLogger(__name__)

MEDIA_TYPES = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "post.txt": "text/plain; charset=utf-8",
    "md": "text/plain; charset=utf-8",
    "bbcode": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "eml": "message/rfc822",
    "html": "text/html; charset=utf-8",
}
TAKEN_OUT_SHOWN = 20
VERSIONS_SHOWN = 50
LIVE = "public, max-age=5, must-revalidate"
FROZEN = "public, max-age=31536000, immutable"
FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
# A frame may stand on anybody's page; it shows a picture, opens one link, and runs nothing.
FRAME_POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'none'"


@require_safe
def live_page(request: HttpRequest, slug: str) -> HttpResponse:
    chart = get_object_or_404(Chart, slug=slug)
    tasks.asked(slug)
    drawing = Drawing.objects.filter(chart=chart).first()
    context: dict[str, Any] = {
        "chart": chart,
        "slug": slug,
        "address": address_of(slug),
        "drawing": drawing,
        "frozen": _versions(chart, drawing),
        "embed": {},
        "text": "",
    }
    if drawing:
        context["embed"] = forms_to_copy(drawing.spec, address_of(slug))
        context["text"] = artefacts.get(drawing.files["txt"]["digest"], "txt").decode()
        context["remarks"] = ChartSpec.from_dict(drawing.spec).remarks
        context |= _told(drawing)
    return render(request, "charts/chart.html", context)


def _told(drawing: Drawing | FrozenChart) -> dict[str, Any]:
    """For those who see a card, or no picture: its finding, its figures, its size in pixels."""
    spec = ChartSpec.from_dict(drawing.spec)
    size = size_of(artefacts.get(drawing.files["png"]["digest"], "png"))
    return {"sentence": sentence.headline(spec), "words": sentence.alternative(spec), "size": size}


def _versions(chart: Chart, drawing: Drawing | None) -> list[dict[str, Any]]:
    """Frozen drawings, the newest first, each with what changed from it to the next newer one."""
    found: list[dict[str, Any]] = []
    newer = ChartSpec.from_dict(drawing.spec) if drawing else None
    for frozen in chart.frozen.order_by("-frozen_at")[:VERSIONS_SHOWN]:
        spec = ChartSpec.from_dict(frozen.spec)
        until = "until the next version" if found else "since then"
        changed = f"{until} {changes.between(spec, newer)}" if newer else ""
        found.append({"frozen": frozen, "changed": changed})
        newer = spec
    return found


@require_safe
def live_file(request: HttpRequest, slug: str, ending: str) -> HttpResponse:
    drawing = Drawing.objects.filter(chart__slug=slug).only("files").first()
    if drawing is None:
        return _not_drawn_yet(slug)
    tasks.asked(slug)
    try:
        return _file(request, drawing.files, ending, LIVE)
    except FileNotFoundError:  # a newer drawing took its place between our two looks
        drawing.refresh_from_db()
    try:
        return _file(request, drawing.files, ending, LIVE)
    except FileNotFoundError:
        log.error("a file of chart %s is lost, it is drawn anew", slug)
        Chart.objects.filter(slug=slug).redraw()
        return _not_drawn_yet(slug)


def _not_drawn_yet(slug: str) -> HttpResponse:
    """A chart that was just saved: ask for it, and ask the reader to come back."""
    chart = get_object_or_404(Chart, slug=slug)
    hints.send(tasks.draw_chart, chart.pk)
    body = shape("not_drawn_yet", "This chart is being drawn: ask again in a few seconds.")
    return JsonResponse(body, status=503, headers={"Retry-After": "3", "Cache-Control": "no-store"})


@require_safe
def frozen_page(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    frozen = get_object_or_404(
        FrozenChart.objects.select_related("chart"), chart__slug=slug, version=version
    )
    address = f"{address_of(slug)}/{version}"
    taken_out = taken_out_since(ChartParams.from_dict(frozen.chart.params), frozen.drawn_at)
    context = {
        "frozen": frozen,
        "chart": frozen.chart,
        "address": address,
        "embed": forms_to_copy(frozen.spec, address_of(slug), address),
        "text": artefacts.get(frozen.files["txt"]["digest"], "txt").decode(),
        "n_taken_out": taken_out.count(),
        "taken_out": taken_out[:TAKEN_OUT_SHOWN],
        "n_more": max(0, taken_out.count() - TAKEN_OUT_SHOWN),
        **_told(frozen),
    }
    return render(request, "charts/frozen.html", context)


@require_safe
def frozen_file(request: HttpRequest, slug: str, version: str, ending: str) -> HttpResponse:
    frozen = get_object_or_404(FrozenChart.objects.only("files"), chart__slug=slug, version=version)
    return _file(request, frozen.files, ending, FROZEN)


@csrf_exempt  # nobody is signed in for it, and the same parameters are the same chart
@require_POST
def save_page(request: HttpRequest) -> HttpResponse:
    """Save what a form says, `kind` and either `report` or the query of `/compare/`."""
    asked = request.POST.dict()
    value: dict[str, Any] = {"kind": asked.pop("kind", "")}
    if REPORT in asked:
        value |= asked
    else:
        value[COMPARE] = asked
    try:
        chart, _ = save(value, sender_address(request))
    except Refused as refused:
        return _refusal(request, refused)
    return redirect("chart", slug=chart.slug)


@require_POST
def freeze_page(request: HttpRequest, slug: str) -> HttpResponse:
    drawing = get_object_or_404(Drawing, chart__slug=slug)
    tasks.asked(slug)
    try:
        frozen = freeze(drawing, sender_address(request))
    except Refused as refused:
        return _refusal(request, refused)
    return redirect("chart-frozen", slug=slug, version=frozen.version)


def _refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    told = "; ".join(detail["message"] for detail in refused.details)
    context = {"status": refused.status, "message": told or refused.message}
    return render(request, "registry/error.html", context, status=refused.status)


def _file(
    request: HttpRequest, files: dict[str, dict[str, Any]], ending: str, policy: str
) -> HttpResponse:
    """One form of a drawing, or 304 when the reader has it."""
    if ending not in files:
        raise Http404
    etag = f'"{files[ending]["digest"]}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        content = artefacts.get(files[ending]["digest"], ending)
        response = HttpResponse(content, content_type=MEDIA_TYPES[ending])
        response["Content-Length"] = str(len(content))
    response["ETag"] = etag
    response["Cache-Control"] = policy if response.status_code in {200, 304} else "no-store"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Content-Security-Policy"] = FRAME_POLICY if ending == "html" else FILE_POLICY
    if ending == "html":
        response.xframe_options_exempt = True
    return response
