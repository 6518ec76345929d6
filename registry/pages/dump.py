"""The public dump, as the nightly export wrote it: files of one folder, by their names."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import condition, require_safe

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._-]{0,80})")
_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".parquet": "application/vnd.apache.parquet",
    ".sqlite": "application/vnd.sqlite3",
    ".txt": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class DumpFile:
    """One file: its SHA-256, its size, and when it last changed."""

    name: str
    sha256: str
    size_bytes: int
    changed_at: datetime


def files() -> list[DumpFile]:
    """What the newest dump holds, without what is just being removed; nothing before the first."""
    try:
        sums = (settings.DUMP_DIR / SUMS).read_text()
    except FileNotFoundError:
        return []
    found = (_LINE.fullmatch(line) for line in sums.splitlines())
    listed = (_file(match[2], match[1]) for match in found if match)
    return [one for one in listed if one]


def _file(name: str, sha256: str) -> DumpFile | None:
    try:
        stat = Path(settings.DUMP_DIR, name).stat()
    except FileNotFoundError:
        return None
    return DumpFile(name, sha256, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _etag(request: HttpRequest, name: str) -> str | None:
    return next((f'"{one.sha256}"' for one in files() if one.name == name), None)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """`/dump/`: the files as JSON, for programs that follow them."""
    found = [
        {
            "name": one.name,
            "url": f"{settings.PUBLIC_URL}/dump/{one.name}",
            "sha256": one.sha256,
            "size_bytes": one.size_bytes,
        }
        for one in files()
    ]
    body = json.dumps({"files": found}, indent=1) + "\n"
    return HttpResponse(body, content_type="application/json", headers=_CACHED)


@require_safe
@condition(etag_func=_etag)
def file(request: HttpRequest, name: str) -> HttpResponseBase:
    if name != SUMS and name not in {one.name for one in files()}:
        raise Http404
    try:
        opened = open(settings.DUMP_DIR / name, "rb")  # noqa: SIM115 - the response closes it
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(opened, content_type=_TYPES[Path(name).suffix], headers=_CACHED)
    response["Content-Disposition"] = f'inline; filename="{name}"'
    return response


_CACHED = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
