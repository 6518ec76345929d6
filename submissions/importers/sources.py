"""Opening what is to be imported: regular files and standard input, packed with gzip or not.

In: a path. Out: a buffered stream that gives bounded reads, so that neither a huge file nor a small
one that unpacks to one fills the memory. No Django.
"""

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from registry.refusal import Refused

HEAD_BYTES = 64 * 1024
UNPACKED_LIMIT_BYTES = 2 * 1024**3
# The intake takes no more from anybody.
REPORT_LIMIT_BYTES = 512 * 1024


class _Unpacked(io.RawIOBase):
    """A gzip stream that refuses to become endless. Raises Refused 400 or 413."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed, self._file = packed, gzip.GzipFile(fileobj=packed)
        self._left = UNPACKED_LIMIT_BYTES

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        self._packed.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        try:
            data = self._file.read(len(view))
        except (EOFError, OSError, zlib.error) as error:
            raise Refused(400, "bad_gzip", f"The gzip stream is broken: {error}.") from None
        self._left -= len(data)
        if self._left < 0:
            limit = f"{UNPACKED_LIMIT_BYTES:,} bytes"
            raise Refused(413, "too_large", f"It unpacks to more than {limit}: split it.")
        view[: len(data)] = data
        return len(data)


def opened(path: str) -> BinaryIO:
    """The bytes of `path`, unpacked; - is standard input. Raises OSError, and Refused for what is
    no file.
    """
    stream = sys.stdin.buffer if path == "-" else _file(path)
    packed = io.BufferedReader(cast(io.RawIOBase, stream), HEAD_BYTES)
    if packed.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(_Unpacked(packed), HEAD_BYTES)
    return packed


def _file(path: str) -> BinaryIO:
    """A FIFO would wait for a writer for ever, so nothing but a file is opened."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refused(422, "no_file", "This is neither a file nor a directory.")
    return open(handle, "rb", buffering=0)


def head_of(stream: BinaryIO) -> bytes:
    """Its first bytes, unread: up to HEAD_BYTES, less where the stream is shorter."""
    return cast(io.BufferedReader, stream).peek(HEAD_BYTES)


def whole(stream: BinaryIO, limit: int = REPORT_LIMIT_BYTES) -> bytes:
    """All that is left of the stream. Raises Refused 413 beyond `limit` bytes."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise Refused(413, "too_large", f"It is larger than {limit:,} bytes: split it.")
    return body


def lines(stream: BinaryIO, limit: int = REPORT_LIMIT_BYTES) -> Iterator[tuple[int, bytes | None]]:
    """(number, line) of each line; None for one of more than `limit` bytes, read past unkept."""
    number = 0
    while line := stream.readline(limit + 1):
        number += 1
        if len(line) <= limit:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(HEAD_BYTES)
        yield number, None


def walked(path: str) -> Iterator[tuple[str, str | None]]:
    """(path, fault) of every file below a directory in the order of names, hidden ones left out.
    Links to directories are not followed: they may lead back up.
    """
    waiting = [path]
    while waiting:
        found = waiting.pop()
        if os.path.islink(found) and os.path.isdir(found) and found != path:
            yield found, "a link to a directory, not followed"
        elif os.path.isdir(found):
            try:
                names = sorted(os.listdir(found), reverse=True)
            except OSError as error:
                yield found, error.strerror or str(error)
                continue
            waiting += [os.path.join(found, name) for name in names if not name.startswith(".")]
        else:
            yield found, None
