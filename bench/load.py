"""A bounded load on one loopback address: one request after the other on each of a few connections.

Sockets and threads alone, so that the generator takes little of the two cores it shares with the
server.
"""

import itertools
import socket
import statistics
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

# Where a body holds this, each request has digits of its own, so that no two of a process are the
# same bytes; they are a count written from its end, so that figures they are the fraction of differ
# in what is significant.
NUMBERED = b"000000000"
_NUMBERS = itertools.count(1)  # next() is atomic, so threads share it


@dataclass(frozen=True)
class Load:
    """What `run` measured; `errors` are answers that are not wanted, and connections that broke."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int


def run(
    url: str, body: bytes, clients: int, duration_s: float, headers: str = "", wanted: bytes = b"2"
) -> Load:
    """POSTs `body` from `clients` connections for `duration_s`; `wanted` is how a good answer's
    status begins. Refuses to leave this machine.
    """
    address = urlsplit(url)
    if address.hostname != "127.0.0.1" or address.port is None:
        raise ValueError(f"{url} is not a port of 127.0.0.1")
    place = (address.hostname, address.port)
    request = (
        f"POST {address.path or '/'} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    ).encode() + body
    latencies_s: list[list[float]] = [[] for _ in range(clients)]
    errors = [0] * clients
    until = time.perf_counter() + duration_s

    def client(index: int) -> None:
        errors[index] = _repeat(place, request, wanted, until, latencies_s[index])

    threads = [threading.Thread(target=client, args=(index,)) for index in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = sorted(latency for own in latencies_s for latency in own)
    if len(every) < 2:
        raise RuntimeError(f"{url} did not answer; {sum(errors)} errors")
    cuts = statistics.quantiles(every, n=100)
    return Load(len(every) / duration_s, cuts[49] * 1000, cuts[98] * 1000, sum(errors))


def _repeat(
    address: tuple[str, int],
    request: bytes,
    wanted: bytes,
    until: float,
    latencies_s: list[float],
) -> int:
    """Fills `latencies_s` of wanted answers until the clock says `until`; the number of others."""
    errors = 0
    connection = socket.create_connection(address, timeout=30)
    while (started := time.perf_counter()) < until:
        try:
            connection.sendall(request.replace(NUMBERED, (b"%09d" % next(_NUMBERS))[::-1]))
            good = _answer(connection).startswith(wanted)
        except OSError:
            connection.close()
            connection = socket.create_connection(address, timeout=30)
            good = False
        if good:
            latencies_s.append(time.perf_counter() - started)
        else:
            errors += 1
    connection.close()
    return errors


def _answer(connection: socket.socket) -> bytes:
    """Reads one answer with a Content-Length; its status."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _more(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    _, found, after = head.lower().partition(b"content-length:")
    if not found:
        raise RuntimeError("an answer without Content-Length: this load cannot tell where it ends")
    missing = int(after.split(b"\r\n", 1)[0]) - len(body)
    while missing > 0:
        missing -= len(_more(connection))
    return head[9:12]


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(65536)
    if not part:
        raise ConnectionError("closed by the server")
    return part
