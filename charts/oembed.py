"""/oembed: what a site needs to show one of our charts beside a link to it (oembed.com 1.0)."""

import re
import struct
from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from charts import artefacts
from charts.models import Drawing, FrozenChart
from registry.errors import shape

_PATH = re.compile(
    r"/c/(?P<slug>[a-z0-9-]{1,64})(?:/(?P<version>[0-9a-f]{12}))?(?:\.[a-z.]{1,9})?/?"
)
_LEAST_PX, _MOST_PX = 16, 10_000
CACHE_S = 300


@require_safe
def oembed(request: HttpRequest) -> JsonResponse:
    """The picture of the chart at `url`, live or frozen, no larger than `maxwidth` and
    `maxheight`; it scales without loss of meaning.
    """
    if request.GET.get("format", "json") != "json":
        return _refused(501, "not_implemented", "Only format=json is there.")
    limits = [request.GET.get(name) for name in ("maxwidth", "maxheight")]
    if any(limit is not None and not _is_size(limit) for limit in limits):
        return _refused(400, "invalid", "maxwidth and maxheight are whole numbers of pixels.")
    found = _drawing(request.GET.get("url", ""))
    if found is None:
        return _refused(404, "not_found", "This url is no drawn chart of this registry.")
    drawing, address = found
    width, height = size_of(artefacts.get(drawing.files["png"]["digest"], "png"))
    scale = min(
        [1.0] + [int(most) / own for own, most in zip((width, height), limits, strict=True) if most]
    )
    answer = JsonResponse(
        {
            "version": "1.0",
            "type": "photo",
            "title": drawing.spec["title"],
            "url": f"{address}.png",
            "width": max(1, int(width * scale)),
            "height": max(1, int(height * scale)),
            "provider_name": "CRR registry",
            "provider_url": settings.PUBLIC_URL,
            "cache_age": CACHE_S,
        }
    )
    answer["Cache-Control"] = f"public, max-age={CACHE_S}"
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def _drawing(url: str) -> tuple[Drawing | FrozenChart, str] | None:
    """The chart at an address of ours, and its address without ending."""
    if not url.startswith(settings.PUBLIC_URL):
        return None
    found = _PATH.fullmatch(url.removeprefix(settings.PUBLIC_URL).partition("?")[0])
    if found is None:
        return None
    slug, version = found["slug"], found["version"]
    address = f"{settings.PUBLIC_URL}/c/{slug}" + (f"/{version}" if version else "")
    drawing: Drawing | FrozenChart | None
    if version:
        drawing = FrozenChart.objects.filter(chart__slug=slug, version=version).first()
    else:
        drawing = Drawing.objects.filter(chart__slug=slug).first()
    return (drawing, address) if drawing else None


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and _LEAST_PX <= int(text[:6]) <= _MOST_PX


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG in pixels: the first two numbers of its header."""
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def _refused(status: int, code: str, message: str) -> JsonResponse:
    body: dict[str, Any] = shape(code, message)
    return JsonResponse(body, status=status)
