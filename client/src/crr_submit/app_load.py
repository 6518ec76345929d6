"""Our own load generator for `crr-submit app`: keeps a number of requests under way from one
process, with epoll, and checks every answer byte for byte.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from dataclasses import dataclass
from typing import Dict

from crr_submit.app_process import Line, say
from crr_submit.app_server import response

_BEGUN = (0, errno.EINPROGRESS)


@dataclass(frozen=True)
class Job:
    """What one process has to do. `concurrency` is how many requests are under way at once."""

    address: str
    port: int
    requests: int
    concurrency: int
    keep_alive: bool


def work(job: Job, line: Line) -> None:
    """Wait for the sign to begin, do the job, tell what came of it."""
    load = _Load(job, line)
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


class _Load:
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
        if events & select.EPOLLOUT and not self._ask(connection):
            return
        if events & select.EPOLLOUT:
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
