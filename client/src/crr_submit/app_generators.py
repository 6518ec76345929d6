"""What makes the load for `crr-submit app`: ab or wrk where one is on PATH, else our own processes.

Each takes a `Job` and gives a `Load`. Ours keeps a number of requests under way from each process,
with epoll, and checks every answer byte for byte.
"""

import contextlib
import errno
import functools
import math
import os
import re
import resource
import select
import shlex
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Type, Union

from crr_submit import __version__
from crr_submit.app_output import AB, OWN, WRK
from crr_submit.app_server import Children, Line, response, say
from crr_submit.host import Host
from crr_submit.programs import CannotMeasure, end_group, held, last_lines, start, wait

_BEGUN = (0, errno.EINPROGRESS)
# A run that is slower than this many requests a second is given up after the grace time.
LEAST_RATE = 100
GRACE_S = 60.0
WRK_FIRST_RATE = 10_000.0
_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Job:
    """What one process has to do. `concurrency` is how many requests are under way at once."""

    address: str
    port: int
    requests: int
    concurrency: int
    keep_alive: bool


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
                children.start("generator", functools.partial(_work, part))
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
        options = ["-q", "-n", str(job.requests), "-c", str(min(job.concurrency, job.requests))]
        options += [*(["-k"] if job.keep_alive else []), _url(job)]
        text, cpu_s = _printed([self.path, *options], _deadline(job))
        done = _number(r"^Complete requests:\s+(\d+)$", text, AB)
        failed = _number(r"^Failed requests:\s+(\d+)$", text, AB)
        elapsed_s = _number(r"^Time taken for tests:\s+(\d+\.\d+) seconds$", text, AB)
        command = " ".join([AB, *options])
        return Load(int(done - failed), int(failed), elapsed_s, (cpu_s,), command, text)


@dataclass(frozen=True)
class Wrk:
    """wrk, one thread. It counts seconds and not requests, so the time is chosen by the rate."""

    path: str
    version: str
    name = WRK

    def run(self, job: Job, rate: Optional[float]) -> Load:
        seconds = max(1, math.ceil(job.requests / (rate or WRK_FIRST_RATE)))
        options = ["-t", "1", "-c", str(job.concurrency), "-d", "%ds" % seconds]
        options += [*([] if job.keep_alive else ["-H", "Connection: close"]), _url(job)]
        text, cpu_s = _printed([self.path, *options], _deadline(job) + seconds)
        done = _number(r"^\s*(\d+) requests in ", text, WRK)
        elapsed_s = _number(r" requests in (\d+\.\d+)(?:us|ms|s|m|h),", text, WRK)
        unit = re.search(r" requests in [\d.]+([a-z]+),", text)
        elapsed_s *= _UNITS_S[unit.group(1)] if unit else 1.0
        command = " ".join(map(shlex.quote, [WRK, *options]))
        return Load(int(done), _wrk_errors(text), elapsed_s, (cpu_s,), command, text)


Generator = Union[Own, Ab, Wrk]


def choose(wanted: str, host: Host, processes: int) -> Generator:
    """The generator asked for; `auto` is ab, else wrk, else our own. CannotMeasure without it."""
    kinds: Tuple[Tuple[Type[Union[Ab, Wrk]], str], ...] = ((Ab, "-V"), (Wrk, "-v"))
    for kind, flag in kinds:
        path = shutil.which(kind.name) if wanted in ("auto", kind.name) else None
        if path:
            return kind(path, _version(host.output(path, flag)))
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
            is_late = not wait(process, until_s)
        finally:
            with held():
                end_group(process)
        file.seek(0)
        text = file.read().decode("utf-8", "replace")
    if is_late or process.returncode != 0:
        reason = "does not get on" if is_late else "failed (exit code %d)" % process.returncode
        raise CannotMeasure("%s %s: %s" % (Path(command[0]).name, reason, last_lines(text)))
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


def _work(job: Job, line: Line) -> None:
    """Wait for the sign to begin, do the job, tell what came of it."""
    load = _Requests(job, line)
    if not line.recv(1):
        return
    started_s = time.monotonic()
    if load.run():
        ended_s, spent_s = time.monotonic(), time.process_time()
        say(
            line,
            started_s=started_s,
            ended_s=ended_s,
            cpu_s=spent_s - load.cpu_before_s,
            requests=load.done,
            errors=load.errors,
        )


class _Requests:
    """The connections that are open, and how many requests are left to begin."""

    def __init__(self, job: Job, line: Line) -> None:
        self.job, self.line = job, line
        self.family = socket.AF_INET6 if ":" in job.address else socket.AF_INET
        kept = b"keep-alive" if job.keep_alive else b"close"
        self.request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n\r\n" % kept
        self.expected = response(job.keep_alive)
        self.open: Dict[int, socket.socket] = {}
        self.got: Dict[int, bytes] = {}
        self.left = job.requests
        self.done = self.errors = 0
        self.cpu_before_s = time.process_time()
        self.poll = select.epoll()
        self.poll.register(line, select.EPOLLIN)

    def run(self) -> bool:
        """All requests; False when our parent has gone."""
        for _ in range(self.job.concurrency):
            self._connect()
        while self.open:
            for number, events in self.poll.poll():
                if number == self.line.fileno():
                    return False
                self._go_on(self.open[number], events)
        return True

    def _connect(self) -> None:
        """Begin a request on a new connection, if one is left."""
        while self.left:
            self.left -= 1
            connection = socket.socket(self.family, socket.SOCK_STREAM)
            connection.setblocking(False)
            code = connection.connect_ex((self.job.address, self.job.port))
            if code in _BEGUN:
                self._begin(connection)
                return
            connection.close()
            if code != errno.ECONNREFUSED:
                raise OSError(code, "cannot connect: " + os.strerror(code))
            self.errors += 1

    def _begin(self, connection: socket.socket) -> None:
        """Over loopback the connection stands when connect returns, unless the backlog is full."""
        number = connection.fileno()
        self.open[number] = connection
        self.got[number] = b""
        wanted = select.EPOLLIN if self._ask(connection) else select.EPOLLOUT
        self.poll.register(connection, wanted)

    def _ask(self, connection: socket.socket) -> bool:
        """Send the request; False when the connection does not stand yet. A connection that failed
        shows it when it is read.
        """
        try:
            connection.send(self.request)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def _go_on(self, connection: socket.socket, events: int) -> None:
        if events & select.EPOLLOUT:
            if self._ask(connection):
                self.poll.modify(connection, select.EPOLLIN)
            return
        try:
            is_over = self._read(connection)
        except OSError:
            is_over = True
        if is_over:
            self._finish(connection)

    def _read(self, connection: socket.socket) -> bool:
        """Take what is there; True when no more will come or is wanted."""
        number = connection.fileno()
        with contextlib.suppress(BlockingIOError):
            while True:
                piece = connection.recv(4096)
                self.got[number] += piece
                if not piece:
                    return True
                if self.job.keep_alive and len(self.got[number]) >= len(self.expected):
                    return True
        return False

    def _finish(self, connection: socket.socket) -> None:
        number = connection.fileno()
        is_right = self.got[number] == self.expected
        self.done += is_right
        self.errors += not is_right
        if is_right and self.job.keep_alive and self.left:
            self.left -= 1
            self.got[number] = b""
            self._ask(connection)
            return
        del self.open[number], self.got[number]
        connection.close()
        self._connect()
