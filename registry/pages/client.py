"""This registry's own client: an index that pip reads (PEP 503 and 691), its files, and the single
file that any Python 3.8 or later runs. All of them are built from the commit the registry runs.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

SINGLE_FILE = "crr-submit.pyz"
PROJECT = "crr-submit"
REQUIRES_PYTHON = ">=3.8"
API_VERSION = "1.0"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
JSON_TYPE = "application/vnd.pypi.simple.v1+json"
_DISTRIBUTION = re.compile(r"crr_submit-[0-9A-Za-z.+]+(?:-py3-none-any\.whl|\.tar\.gz)")
_TYPES = {".pyz": "application/zip", ".whl": "application/zip", ".gz": "application/gzip"}


@dataclass(frozen=True)
class Distribution:
    name: str
    sha256: str
    size_bytes: int


@require_safe
def single_file(request: HttpRequest) -> FileResponse:
    """`/crr-submit.pyz`; 404 before `make setup`."""
    return _file(SINGLE_FILE)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """`/simple/`: the one project there is."""
    if _wants_json(request):
        return _json({"projects": [{"name": PROJECT}]})
    return _html(request, [(f"{PROJECT}/", PROJECT)])


@require_safe
def project(request: HttpRequest) -> HttpResponse:
    """`/simple/crr-submit/`: its wheel and source distribution, with their digests."""
    found = distributions()
    if _wants_json(request):
        files = [
            {
                "filename": one.name,
                "url": one.name,
                "hashes": {"sha256": one.sha256},
                "requires-python": REQUIRES_PYTHON,
                "size": one.size_bytes,
            }
            for one in found
        ]
        return _json({"name": PROJECT, "files": files})
    return _html(request, [(f"{one.name}#sha256={one.sha256}", one.name) for one in found])


@require_safe
def distribution(request: HttpRequest, name: str) -> FileResponse:
    if _DISTRIBUTION.fullmatch(name) is None:
        raise Http404
    return _file(name)


def distributions() -> list[Distribution]:
    """What `make setup` built; nothing before it."""
    paths = sorted(settings.CLIENT_DIR.glob("crr_submit-*"))
    return [
        _described(path, path.stat().st_mtime_ns)
        for path in paths
        if _DISTRIBUTION.fullmatch(path.name)
    ]


@lru_cache(maxsize=8)
def _described(path: Path, changed_ns: int) -> Distribution:
    content = path.read_bytes()
    return Distribution(path.name, hashlib.sha256(content).hexdigest(), len(content))


def _wants_json(request: HttpRequest) -> bool:
    """The best of what the reader accepts; HTML where it does not mind, as browsers do not."""
    return request.get_preferred_type([HTML_TYPE, "text/html", JSON_TYPE]) == JSON_TYPE


def _json(content: dict[str, object]) -> HttpResponse:
    response = JsonResponse({"meta": {"api-version": API_VERSION}, **content})
    response["Content-Type"] = JSON_TYPE
    return _revalidated(response)


def _html(request: HttpRequest, links: list[tuple[str, str]]) -> HttpResponse:
    context = {"links": links, "requires_python": REQUIRES_PYTHON, "api_version": API_VERSION}
    return _revalidated(render(request, "registry/simple.html", context))


def _revalidated(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-cache"
    response["Vary"] = "Accept"
    return response


def _file(name: str) -> FileResponse:
    try:
        file = open(settings.CLIENT_DIR / name, "rb")  # noqa: SIM115 - the response closes it
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(file, as_attachment=True, filename=name)
    response["Content-Type"] = _TYPES[Path(name).suffix]
    response["Cache-Control"] = "no-cache"
    return response
