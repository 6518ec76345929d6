"""A TCP proxy that breaks: it cuts, it swallows without a word (a black hole), it delays."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HANG_UP_HARD = struct.pack("ii", 1, 0)  # SO_LINGER 0: the peer sees a reset, no polite end


class Proxy:
    """Passes bytes between those who connect to `port` of `address` and the loopback port
    `upstream`, as long as it is told to.
    """

    def __init__(self, upstream: int, address: str = "127.0.0.1") -> None:
        self._upstream = upstream
        self._server = socket.create_server((address, 0), backlog=100)
        self.port = int(self._server.getsockname()[1])
        self._passes, self._answers = threading.Event(), threading.Event()
        self.mend()
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Reset what is open, and whatever comes."""
        self._is_cut = True
        for each in list(self._open):
            _reset(each)

    def swallow(self) -> None:
        """A black hole: everybody may connect and send, nobody hears a word."""
        self._passes.clear()

    def swallow_answers(self) -> None:
        """What is sent arrives, and nobody hears that it did."""
        self._answers.clear()

    def mend(self) -> None:
        self._is_cut, self.delay_s = False, 0.0
        self._passes.set()
        self._answers.set()

    def close(self) -> None:
        self._ended.set()
        self._server.close()
        self.cut()
        self._passes.set()
        self._answers.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        if self._is_cut:
            _reset(peer)
            return
        try:
            far = socket.create_connection(("127.0.0.1", self._upstream), timeout=5)
        except OSError:
            _reset(peer)
            return
        far.settimeout(None)
        self._open |= {peer, far}
        back = threading.Thread(target=self._pass, args=(far, peer, self._answers), daemon=True)
        back.start()
        self._pass(peer, far, self._passes)
        back.join()
        self._open -= {peer, far}
        peer.close()
        far.close()

    def _pass(self, source: socket.socket, sink: socket.socket, allowed: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._passes.wait()
                allowed.wait()
                self._ended.wait(self.delay_s)
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP_HARD)
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()


@contextmanager
def between(upstream: int) -> Iterator[Proxy]:
    """A proxy before a loopback port, until the block ends."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
