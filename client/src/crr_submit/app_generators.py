"""What makes the load for `crr-submit app`: ab or wrk where one is on PATH, else our own processes.

Each takes a `Job` and gives a `Load`. ab and wrk are read by the few lines that count; what they
printed is kept beside. Called by `crr_submit.app`.
"""

from __future__ import annotations

import functools
import math
import re
import resource
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Optional, Tuple, Union

from crr_submit import __version__, app_load
from crr_submit.app_load import Job
from crr_submit.app_output import AB, OWN, WRK
from crr_submit.app_process import Children
from crr_submit.host import Host
from crr_submit.programs import CannotMeasure, end_group, held, start

# A run that is slower than this many requests a second is given up after the grace time.
LEAST_RATE = 100
GRACE_S = 60.0
WRK_FIRST_RATE = 10_000.0
_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Load:
    """What a generator did. `command` is how it was called, `text` what it printed."""

    requests: int
    errors: int
    elapsed_s: float
    cpu_s: Tuple[float, ...]
    command: str = ""
    text: str = ""


class Own:
    """Our own generator, in several processes."""

    name, version = OWN, __version__

    def __init__(self, processes: int) -> None:
        self.processes = processes

    def run(self, job: Job, rate: Optional[float]) -> Load:
        until_s = _deadline(job)
        with Children() as children:
            for part in _parts(job, self.processes):
                children.start("generator", functools.partial(app_load.work, part))
            for child in children.running:
                child.tell()
            said = [child.answer(until_s) for child in children.running]
        started_s = min(each["started_s"] for each in said)
        return Load(
            requests=sum(each["requests"] for each in said),
            errors=sum(each["errors"] for each in said),
            elapsed_s=max(each["ended_s"] for each in said) - started_s,
            cpu_s=tuple(each["cpu_s"] for each in said),
        )


@dataclass(frozen=True)
class Ab:
    """ApacheBench, one process."""

    path: str
    version: str
    name = AB

    def run(self, job: Job, rate: Optional[float]) -> Load:
        counts = ["-n", str(job.requests), "-c", str(min(job.concurrency, job.requests))]
        kept = ["-k"] if job.keep_alive else []
        text, cpu_s = _printed([self.path, "-q", *counts, *kept, _url(job)], _deadline(job))
        done = _number(r"^Complete requests:\s+(\d+)$", text, AB)
        failed = _number(r"^Failed requests:\s+(\d+)$", text, AB)
        elapsed_s = _number(r"^Time taken for tests:\s+(\d+\.\d+) seconds$", text, AB)
        command = " ".join([AB, "-q", *counts, *kept, _url(job)])
        return Load(int(done - failed), int(failed), elapsed_s, (cpu_s,), command, text)


@dataclass(frozen=True)
class Wrk:
    """wrk, one thread. It counts seconds and not requests, so the time is chosen by the rate."""

    path: str
    version: str
    name = WRK

    def run(self, job: Job, rate: Optional[float]) -> Load:
        seconds = max(1, math.ceil(job.requests / (rate or WRK_FIRST_RATE)))
        how = ["-t", "1", "-c", str(job.concurrency), "-d", "%ds" % seconds]
        closed = [] if job.keep_alive else ["-H", "Connection: close"]
        text, cpu_s = _printed([self.path, *how, *closed, _url(job)], _deadline(job) + seconds)
        done = _number(r"^\s*(\d+) requests in ", text, WRK)
        elapsed_s = _number(r" requests in (\d+\.\d+)(?:us|ms|s|m|h),", text, WRK)
        unit = re.search(r" requests in [\d.]+([a-z]+),", text)
        elapsed_s *= _UNITS_S[unit.group(1)] if unit else 1.0
        command = " ".join(
            [WRK, *how, *(["-H", "'Connection: close'"] if closed else []), _url(job)]
        )
        return Load(int(done), _wrk_errors(text), elapsed_s, (cpu_s,), command, text)


Generator = Union[Own, Ab, Wrk]


def choose(wanted: str, host: Host, processes: int) -> Generator:
    """The generator asked for; `auto` is ab, else wrk, else our own. CannotMeasure without it."""
    if wanted in ("auto", AB):
        path = shutil.which("ab")
        if path:
            return Ab(path, _version(host.output(path, "-V")))
    if wanted in ("auto", WRK):
        path = shutil.which("wrk")
        if path:
            return Wrk(path, _version(host.output(path, "-v")))
    if wanted in (AB, WRK):
        text = "%s is not on PATH; --generator own needs nothing else"
        raise CannotMeasure(text % wanted)
    return Own(processes)


def _parts(job: Job, processes: int) -> List[Job]:
    """The job shared out: every process has at least one connection, and a request for it."""
    count = max(1, min(processes, job.concurrency, job.requests))
    return [
        replace(
            job,
            requests=job.requests // count + (number < job.requests % count),
            concurrency=job.concurrency // count + (number < job.concurrency % count),
        )
        for number in range(count)
    ]


def _printed(command: List[str], until_s: float) -> Tuple[str, float]:
    """(what the program printed, the CPU seconds it used); raises CannotMeasure when it failed."""
    before_s = _children_cpu_s()
    with tempfile.TemporaryFile() as file:
        with held():
            process = start(command, file)
        try:
            while process.poll() is None and time.monotonic() < until_s:
                time.sleep(0.01)
            is_late = process.poll() is None
        finally:
            with held():
                end_group(process)
        file.seek(0)
        text = file.read().decode("utf-8", "replace")
    if is_late or process.returncode != 0:
        reason = "does not get on" if is_late else "failed (exit code %d)" % process.returncode
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        raise CannotMeasure(
            "%s %s: %s"
            % (Path(command[0]).name, reason, " / ".join(lines[-3:]) or "it printed nothing")
        )
    return text, _children_cpu_s() - before_s


def _children_cpu_s() -> float:
    """CPU time of the processes that we have waited for, so of no server that still runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _number(pattern: str, text: str, name: str) -> float:
    found = re.search(pattern, text, re.MULTILINE | re.ASCII)
    if not found:
        raise CannotMeasure("this %s prints another text than the one known here" % name)
    return float(found.group(1))


def _wrk_errors(text: str) -> int:
    """wrk says something of errors only when there were some."""
    sockets = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    answers = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    counts = [*(sockets.groups() if sockets else ()), *(answers.groups() if answers else ())]
    return sum(map(int, counts))


def _version(line: Optional[str]) -> str:
    found = re.search(r"(\d+\.\d+[0-9A-Za-z.+-]{0,24})", line or "", re.ASCII)
    return found.group(1) if found else "unknown"


def _url(job: Job) -> str:
    return "http://%s:%d/" % ("[%s]" % job.address if ":" in job.address else job.address, job.port)


def _deadline(job: Job) -> float:
    return time.monotonic() + GRACE_S + job.requests / LEAST_RATE
