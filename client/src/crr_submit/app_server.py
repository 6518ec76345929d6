"""Processes of our own for `crr-submit app`, forked, with a line to each; and the small HTTP server
made of them: 'Hello world!' on a free loopback port, an epoll loop in each.

A child sees the end of its line when we are gone, whatever ended us, and ends too. The server
closes first, as HTTP/1.0 servers do, unless the client asks to keep the connection.
"""

import contextlib
import functools
import json
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, NoReturn, Tuple

from crr_submit.host import Host
from crr_submit.programs import SIGNALS, CannotMeasure, held

Line = socket.socket
_PIECE_BYTES = 4096

BODY = b"Hello world!"
REQUEST_BYTES = 8192
ANSWER_LIMIT_S = 30.0
# Absent before Linux 4.5, where all processes wake for one connection.
_EXCLUSIVE = getattr(select, "EPOLLEXCLUSIVE", 0)


class Child:
    """A forked process that does `work(line)` and ends."""

    def __init__(self, name: str, work: Callable[[Line], None]) -> None:
        self.name = name
        self._line, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._line.close()
            _be_child(work, theirs)
        theirs.close()

    def tell(self) -> None:
        """Send the one byte that a child waits for."""
        with contextlib.suppress(BrokenPipeError):
            self._line.send(b"?")

    def answer(self, until_s: float) -> Dict[str, Any]:
        """The next answer; raises CannotMeasure when the child ended or the moment of the
        monotonic clock has passed.
        """
        text = b""
        while not text.endswith(b"\n"):
            try:
                self._line.settimeout(max(0.001, until_s - time.monotonic()))
                piece = self._line.recv(_PIECE_BYTES)
            except socket.timeout:
                raise CannotMeasure("the %s does not get on" % self.name) from None
            except ConnectionError:
                piece = b""
            if not piece:
                raise CannotMeasure("the %s ended before its time" % self.name)
            text += piece
        found: Dict[str, Any] = json.loads(text.decode("ascii"))
        if "failure" in found:
            raise CannotMeasure("the %s: %s" % (self.name, found["failure"]))
        return found

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._line.close()


class Children:
    """Processes that are all ended when the `with` block ends."""

    def __init__(self) -> None:
        self.running: List[Child] = []

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *error: object) -> None:
        with held():
            while self.running:
                self.running.pop().end()

    def start(self, name: str, work: Callable[[Line], None]) -> None:
        with held():
            self.running.append(Child(name, work))


def say(line: Line, **answer: Any) -> None:
    """Answer our parent; called in the child."""
    line.sendall(json.dumps(answer).encode("ascii") + b"\n")


def _be_child(work: Callable[[Line], None], line: Line) -> NoReturn:
    code = 1
    try:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()  # a terminal's Ctrl-C reaches only our parent, which ends us
        work(line)
        code = 0
    except OSError as error:
        with contextlib.suppress(OSError):
            say(line, failure=str(error))
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # Nothing of our parent's may be done a second time: its buffers, its with blocks.
        os._exit(code)


def response(keep_alive: bool) -> bytes:
    kept = b"Keep-Alive" if keep_alive else b"close"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s"
    return head % (len(BODY), kept) + b"\r\n\r\n" + BODY


def is_kept(request: bytes) -> bool:
    """Whether the client wants to send another request on this connection."""
    lower = request.lower()
    if b" http/1.1\r\n" in lower:
        return b"\r\nconnection: close" not in lower
    return b"\r\nconnection: keep-alive" in lower


@dataclass(frozen=True)
class Counts:
    """What the server has done since its start; `cpu_s` of each process."""

    connections: int
    requests: int
    cpu_s: Tuple[float, ...]


class Server:
    """The server's processes, for the length of a `with` block."""

    def __init__(self, host: Host, workers: int, listeners: str, backlog: int) -> None:
        most = host.number("/proc/sys/net/core/somaxconn")
        self.backlog = backlog if most is None else min(backlog, most)
        self._children = Children()
        shared = listeners == "shared"
        self._listeners = _listen(1 if shared else workers, self.backlog, not shared)
        self._workers = workers
        self.address, self.port = self._listeners[0].getsockname()[:2]

    @property
    def family(self) -> str:
        return "inet6" if ":" in self.address else "inet"

    @property
    def pids(self) -> List[int]:
        return [child.pid for child in self._children.running]

    def __enter__(self) -> "Server":
        try:
            for number in range(self._workers):
                own = self._listeners[number % len(self._listeners)]
                others = [each for each in self._listeners if each is not own]
                self._children.start("server", functools.partial(_work, own, others))
        except BaseException:
            self.__exit__()
            raise
        self._close()
        return self

    def __exit__(self, *error: object) -> None:
        self._children.__exit__(*error)
        self._close()

    def counts(self) -> Counts:
        until_s = time.monotonic() + ANSWER_LIMIT_S
        for child in self._children.running:
            child.tell()
        said = [child.answer(until_s) for child in self._children.running]
        return Counts(
            sum(each["connections"] for each in said),
            sum(each["requests"] for each in said),
            tuple(each["cpu_s"] for each in said),
        )

    def _close(self) -> None:
        for listener in self._listeners:
            listener.close()


def _listen(number: int, backlog: int, reuse_port: bool) -> List[socket.socket]:
    """Listening sockets on one free port of a loopback address, IPv4 where there is it."""
    sockets: List[socket.socket] = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            port = 0
            for _ in range(number):
                sockets.append(socket.socket(family, socket.SOCK_STREAM))
                if reuse_port:
                    sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                sockets[-1].bind((address, port))
                sockets[-1].setblocking(False)
                port = sockets[-1].getsockname()[1]
            for each in sockets:
                each.listen(backlog)
            return sockets
        except OSError:
            while sockets:
                sockets.pop().close()
    raise CannotMeasure("no loopback address can be listened on: is the interface lo up?")


def _work(listener: socket.socket, others: List[socket.socket], line: Line) -> None:
    for other in others:
        other.close()
    _Loop(listener, line).run()


class _Loop:
    """One process of the server."""

    def __init__(self, listener: socket.socket, line: Line) -> None:
        self.listener, self.line = listener, line
        self.open: Dict[int, socket.socket] = {}
        self.begun: Dict[int, bytes] = {}
        self.connections = self.requests = 0
        self.answers = {kept: response(kept) for kept in (False, True)}
        self.poll = select.epoll()
        self.poll.register(listener, select.EPOLLIN | _EXCLUSIVE)
        self.poll.register(line, select.EPOLLIN)

    def run(self) -> None:
        accepting, asking = self.listener.fileno(), self.line.fileno()
        while True:
            for number, _ in self.poll.poll():
                if number == accepting:
                    self._accept()
                elif number != asking:
                    self._serve(self.open[number])
                elif not self._tell():
                    return

    def _tell(self) -> bool:
        """Answer our parent; False when it is gone."""
        if not self.line.recv(1):
            return False
        spent_s = time.process_time()
        say(self.line, connections=self.connections, requests=self.requests, cpu_s=spent_s)
        return True

    def _accept(self) -> None:
        """Take all connections that wait; most have sent their request by now."""
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            while True:
                connection, _ = self.listener.accept()
                connection.setblocking(False)
                self.connections += 1
                if self._serve(connection):
                    self.open[connection.fileno()] = connection
                    self.poll.register(connection, select.EPOLLIN)

    def _serve(self, connection: socket.socket) -> bool:
        """Answer if the request is there; False when the connection is closed after it."""
        try:
            piece = connection.recv(REQUEST_BYTES)
            if piece and self._answer(connection, piece):
                return True
        except BlockingIOError:
            return True
        except ConnectionError:
            pass
        self.open.pop(connection.fileno(), None)
        self.begun.pop(connection.fileno(), None)
        connection.close()
        return False

    def _answer(self, connection: socket.socket, piece: bytes) -> bool:
        """Answer a whole request, keep a piece of one; False when nothing more is to come."""
        request = self.begun.pop(connection.fileno(), b"") + piece
        if not request.endswith(b"\r\n\r\n"):
            self.begun[connection.fileno()] = request
            return len(request) < REQUEST_BYTES
        self.requests += 1
        kept = is_kept(request)
        connection.sendall(self.answers[kept])
        return kept
