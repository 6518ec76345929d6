"""Hosts of their own on one machine: network namespaces with addresses on one bridge.

Whoever enters `network` is its hub, at HUB, and so is what it starts; `Host` is one of the others.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

HUB = "10.77.0.1"
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of <sched.h>; Python has it from 3.12 on
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def network() -> Iterator[None]:
    """This thread, and every process and thread that it starts, in a network without a way out."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if _libc.unshare(_NEW_NETWORK):
        os.close(before)
        pytest.skip("needs the right to make a network namespace")
    try:
        _ip("link set lo up")
        _ip("link add crr type bridge")
        _ip(f"addr add {HUB}/24 dev crr")
        _ip("link set crr up")
        yield
    finally:
        _libc.setns(before, _NEW_NETWORK)
        os.close(before)


@dataclass(frozen=True)
class Host:
    """A host: `via` before a command runs it there."""

    number: int
    holder: int  # process id

    @property
    def via(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.holder}/ns/net")

    def unplug(self) -> None:
        _ip(f"link set host{self.number} down")

    def plug_in(self) -> None:
        _ip(f"link set host{self.number} up")


@contextmanager
def host(number: int) -> Iterator[Host]:
    """A host on the bridge of the network that we are in; it ends with whatever runs there."""
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None
            holder.stdout.readline()
            made = Host(number, holder.pid)
            _ip(f"link add host{number} type veth peer name eth0 netns {holder.pid}")
            _ip(f"link set host{number} master crr up")
            inside = f"-n -t {holder.pid} ip"
            for words in ("link set lo up", f"addr add 10.77.0.{10 + number}/24 dev eth0"):
                subprocess.run(["nsenter", *inside.split(), *words.split()], check=True)
            subprocess.run(["nsenter", *inside.split(), "link", "set", "eth0", "up"], check=True)
            yield made
        finally:
            holder.kill()


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)
