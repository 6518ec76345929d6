"""How many requests were answered, with what, and how fast: counters of Prometheus, which each
process keeps in files of its own, and whoever is scraped adds up those of this host.

What never reached a process is in the log of the proxy in front.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

log = logging.getLogger(__name__)

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
# Of each file, taken when it is made: into a hole of a full disk a mapped file cannot be written,
# and whoever tries is killed. A figure takes a hundred bytes.
FILE_BYTES = 1024**2
# Descriptors of the files of this process, locked for as long as it lives: neither a clock that
# jumps nor another process of the same number says whether it is gone.
_held: dict[Path, int] = {}

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
    """Counts each request with its answer, where there is room to count."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.has_room = _begin(settings.METRICS_DIR)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began_s = time.perf_counter()
        response = self.get_response(request)
        if self.has_room:
            kind = KINDS.get(request.path.split("/", 2)[1], OTHER)
            _requests.labels(kind, response.status_code).inc()
            _seconds.labels(kind).observe(time.perf_counter() - began_s)
        return response


def add_to(registry: CollectorRegistry) -> None:
    """Have the counters of all processes of this host in an exposition."""
    MultiProcessCollector(registry, settings.METRICS_DIR)


def _begin(folder: Path) -> bool:
    """Remove what processes that are gone counted, since a counter begins anew where its service
    does, and make the files of this one; False where they cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            for path in folder.glob("*.db"):
                _forget_the_gone(path)
            for name in ("counter", "histogram"):
                _hold(folder / f"{name}_{os.getpid()}.db")
    except OSError as error:
        log.warning("requests are not counted, since %s cannot be written: %s", folder, error)
        return False
    return True


def _hold(path: Path) -> None:
    if path not in _held:
        _held[path] = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        fcntl.flock(_held[path], fcntl.LOCK_SH)
    os.posix_fallocate(_held[path], 0, FILE_BYTES)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process begins meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _forget_the_gone(path: Path) -> None:
    """Remove a file that nobody holds any more."""
    with path.open("ab") as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
