"""How many requests were answered, with what, and how fast: counters of Prometheus, which each
process keeps in files of its own, and whoever is scraped adds up those of this host.

What never reached a process is in the log of the proxy in front.
"""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from registry import env

# By the first part of the path, so that there are few however many addresses are made up.
KINDS = {
    "api": "api",
    "c": "chart",
    "r": "report",
    "static": "static",
    "dump": "dump",
    "metrics": "own",
    "healthz": "own",
    "readyz": "own",
}
OTHER = "page"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_FILE = re.compile(r"[a-z]+_([0-9]+)\.db")

# Their values are in the files; so they are in no registry of the process.
_requests = Counter(
    "crr_requests", "Requests answered, by what for and status", ["kind", "status"], registry=None
)
_seconds = Histogram(
    "crr_request_seconds",
    "How long until they were",
    ["kind"],
    registry=None,
    buckets=BUCKETS_S,
)


class Counted:
    """Counts each request with its answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        env.folder("DATA_DIR", settings.METRICS_DIR)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began_s = time.perf_counter()
        response = self.get_response(request)
        kind = KINDS.get(request.path.split("/", 2)[1], OTHER)
        _requests.labels(kind, response.status_code).inc()
        _seconds.labels(kind).observe(time.perf_counter() - began_s)
        return response


def add_to(registry: CollectorRegistry) -> None:
    """Have the counters of all processes of this host in an exposition."""
    MultiProcessCollector(registry, settings.METRICS_DIR)


def forget_the_dead(folder: Path) -> None:
    """Remove the files of processes that are gone: a counter begins anew where its service does."""
    for path in folder.glob("*.db"):
        found = _FILE.fullmatch(path.name)
        if found and not _lives(int(found[1])):
            path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, 0)
        return True
    return Path(f"/proc/{pid}").exists()
