"""netperf and netserver as programs: where they are, how they are installed, started and ended; and
our own netserver, on a free loopback port in its own process group.

Ctrl-C, SIGTERM and SIGHUP are one exception, `Interrupted`, that never falls between a start and
its record: `handled()` stands around the whole measurement, `held()` around the few lines that
start or end a process; a signal that comes there waits.
"""

import contextlib
import functools
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Type, Union

from crr_submit.host import Host, os_release

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXTRA_FOLDERS = (
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/bin",
    "/usr/bin",
    "/opt/netperf/bin",
)
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of unshare(2)
OLDEST_VERSION = (2, 5)  # the first TCP_CRR with output selectors
SOURCE = (
    "from source: https://github.com/HewlettPackard/netperf (./configure --enable-demo && make)"
)

_FEDORA = "sudo dnf install netperf"
_ENTERPRISE = (
    "sudo dnf install epel-release && sudo dnf install netperf (where EPEL has it; else %s)"
    % SOURCE
)
_HINTS = {
    "debian": "add the component non-free to the Debian sources, then "
    "sudo apt update && sudo apt install netperf",
    "ubuntu": "sudo add-apt-repository multiverse && sudo apt update && sudo apt install netperf",
    "fedora": _FEDORA,
    "rhel": _ENTERPRISE,
    "centos": _ENTERPRISE,
    "arch": "install netperf from the AUR, or %s" % SOURCE,
    "alpine": "sudo apk add netperf (repository community or testing), or %s" % SOURCE,
    "suse": "sudo zypper install netperf (repository network:utilities or benchmark), or %s"
    % SOURCE,
}


class Interrupted(BaseException):
    """The user or the system asks us to stop. No Exception, so that nothing swallows it."""


class _State:
    holders = 0
    pending = False


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Raise Interrupted for each of SIGNALS, but leave those alone that were ignored (nohup)."""
    before: List[Any] = [(number, signal.getsignal(number)) for number in SIGNALS]
    for number, handler in before:
        if handler is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Put off Interrupted until the outermost block ends."""
    _State.holders += 1
    try:
        yield
    finally:
        _State.holders -= 1
        if _State.holders == 0 and _State.pending:
            _State.pending = False
            raise Interrupted


def _on_signal(number: int, frame: Optional[FrameType]) -> None:
    if _State.holders:
        _State.pending = True
    else:
        raise Interrupted


class CannotMeasure(Exception):
    """The measurement cannot begin or go on; the text says why and what to do."""


class ConnectionWasReset(CannotMeasure):
    """netperf lost a connection within a run, which another run may not."""


@dataclass(frozen=True)
class Programs:
    """Paths of both programs, and netperf's version (`2.7.0`) where it tells."""

    netperf: str
    netserver: str
    version: Optional[str]


def find_programs(host: Host, folders: Optional[Sequence[str]] = None) -> Programs:
    """Both programs, from PATH and the usual folders or only from those given.

    Raises CannotMeasure, with how to install them, when one is missing or netperf is too old.
    """
    searched = os.pathsep.join(_usual_folders() if folders is None else folders)
    paths = {name: shutil.which(name, path=searched) for name in ("netperf", "netserver")}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise CannotMeasure(
            "%s not found. To install: %s" % (" and ".join(missing), install_hint(host))
        )
    found = Programs(str(paths["netperf"]), str(paths["netserver"]), None)
    version = re.search(r"version ((\d+)\.(\d+)[\w.]*)", host.output(found.netperf, "-V") or "")
    if version is None:
        return found
    if (int(version.group(2)), int(version.group(3))) < OLDEST_VERSION:
        text = "netperf %s is too old: 2.5 or newer is needed. To install: %s"
        raise CannotMeasure(text % (version.group(1), install_hint(host)))
    return replace(found, version=version.group(1))


def install_hint(host: Host) -> str:
    """How netperf is installed on this distribution, by ID and then ID_LIKE of os-release."""
    release = os_release(host)
    for name in [release.get("ID", ""), *release.get("ID_LIKE", "").split()]:
        for key, hint in _HINTS.items():
            if name == key or name.startswith(key + "-") or (key == "suse" and "suse" in name):
                return hint
    return SOURCE


def _usual_folders() -> List[str]:
    return [*os.environ.get("PATH", os.defpath).split(os.pathsep), *EXTRA_FOLDERS]


def start(
    command: List[str], output: Union[int, IO[bytes]], in_new_network: bool = False
) -> "subprocess.Popen[bytes]":
    """Start a program in the C locale and its own session: a terminal's Ctrl-C reaches only us. In
    a new network namespace, of this program alone, it takes root.
    """
    environment = dict(os.environ, LC_ALL="C")
    # The name shown in the process list is the plain one: a path may hold a user's name.
    try:
        return subprocess.Popen(
            [Path(command[0]).name, *command[1:]],
            executable=command[0],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            preexec_fn=_dying_with_us(in_new_network),
        )
    except subprocess.SubprocessError as error:
        text = "no network namespace can be made: run it as root, outside of a container"
        raise CannotMeasure(text) from error


def _dying_with_us(in_new_network: bool = False) -> Optional[Callable[[], Any]]:
    """What a child does before it becomes the program: nobody is left to end it when we are killed.
    None without ctypes.
    """
    try:
        kernel, us = _kernel(), os.getpid()
    except ImportError:
        return None

    def bind() -> None:
        kernel.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != us:  # killed before that: no signal comes
            os._exit(1)
        if in_new_network and kernel.unshare(_NEW_NETWORK) != 0:
            raise OSError("no network namespace can be made")

    return bind


@functools.lru_cache(maxsize=None)
def _kernel() -> Any:
    import ctypes  # only here: start-up time that no other command needs

    return ctypes.CDLL(None)


def wait(process: "subprocess.Popen[bytes]", until_s: float) -> bool:
    """Wait for a process until a moment of the monotonic clock; True when it ended."""
    if process.poll() is None:
        # Popen.wait() looks twenty times a second, on a CPU that is measured; older hosts do.
        with contextlib.suppress(AttributeError, OSError), open(
            os.pidfd_open(process.pid), "rb", 0
        ) as ended:
            poll = select.poll()  # select() knows no file from number 1024 on
            poll.register(ended, select.POLLIN)
            poll.poll(1000 * max(0.0, until_s - time.monotonic()))
    try:
        process.wait(timeout=max(0.0, until_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program started with `start` and all its children, and wait for it."""
    # Once it was waited for, its number may belong to somebody else.
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_lines(printed: str) -> str:
    """What a program said at its end, in one line."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "it printed nothing"


VETH, VETH_FAR = "crr-near", "crr-far"
# Of the block for benchmarks between networks (RFC 2544), which no network uses.
VETH_ADDRESSES, VETH_PORT = ("198.18.251.1", "198.18.251.2"), 12865

START_LIMIT_S = 5.0
START_TRIES = 3


@dataclass(frozen=True)
class FarNetserver:
    """A netserver on another host; `environment` describes that host where it is known."""

    address: str
    port: int
    topology: Optional[str]
    environment: Optional[Dict[str, Any]]
    pid = in_new_network = 0  # none of ours

    def __enter__(self) -> "FarNetserver":
        try:
            socket.create_connection((self.address, self.port), timeout=START_LIMIT_S).close()
        except OSError as error:
            text = "no netserver answers there (%s); on that host: netserver -p %d"
            raise CannotMeasure(text % (error, self.port)) from error
        return self

    def __exit__(self, *error: object) -> None:
        """It stays."""

    def names(self) -> List[str]:
        """What netperf may call the host: none may leave."""
        found = {self.address}
        with contextlib.suppress(OSError):
            for row in socket.getaddrinfo(self.address, None, flags=socket.AI_CANONNAME):
                found.update((row[3], str(row[4][0])))
        return list(found)


class Netserver:
    """A netserver in the foreground on a free loopback port, for the length of a `with` block."""

    topology = "loopback"
    environment: Optional[Dict[str, Any]] = None
    in_new_network = serves_alone = False

    def __init__(self, program: str) -> None:
        self.program = program
        self.address = ""
        self.port = 0
        self._process: Optional[subprocess.Popen[bytes]] = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> "Netserver":
        for _ in range(START_TRIES):
            self.address, self.port = _free_port()
            try:
                self._start()
                if self._answers():
                    return self
            except BaseException:
                self._end()
                raise
            self._end()
        raise CannotMeasure(
            "netserver (%s) does not start listening on %s" % (self.program, self.address)
        )

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._end()

    def _start(self) -> None:
        family = "-6" if ":" in self.address else "-4"
        command = [self.program, "-D", "-N", family, "-L", self.address, "-p", str(self.port)]
        if self.serves_alone:
            command.append("-f")
        with held():
            self._process = start(command, subprocess.DEVNULL, self.in_new_network)

    def _answers(self) -> bool:
        """Whether the port takes a connection before the process or the time ends."""
        deadline = time.monotonic() + START_LIMIT_S
        while self.is_running and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection((self.address, self.port), timeout=1).close()
                return True
            time.sleep(0.02)
        return False

    def _end(self) -> None:
        with held():
            if self._process is not None:
                end_group(self._process)
            self._process = None


class LoneNetserver(Netserver):
    """A netserver without children, which would outlive us where we are killed in a counted run."""

    serves_alone = True


class VethNetserver(LoneNetserver):
    """A netserver at the other end of a new pair of veth interfaces, whose offloads and queues
    nobody else uses. Its network namespace lives as long as it, so whatever ends us takes the pair
    along.
    """

    topology = "same_host"
    in_new_network = True
    _has_pair = False

    def __enter__(self) -> "VethNetserver":
        self.address, self.port = VETH_ADDRESSES[1], VETH_PORT
        try:
            self._start()
            self._connect()
            if self._answers():
                return self
            raise CannotMeasure("netserver (%s) does not answer over a veth pair" % self.program)
        except BaseException:
            self._end()
            raise

    def _connect(self) -> None:
        with held():
            order(0, "ip link add %s type veth peer name %s netns %d" % (VETH, VETH_FAR, self.pid))
            self._has_pair = True
        for name, address, pid in zip((VETH, VETH_FAR), VETH_ADDRESSES, (0, self.pid)):
            order(pid, "ip addr add %s/30 dev %s" % (address, name))
            order(pid, "ip link set %s up" % name)

    def _end(self) -> None:
        super()._end()
        # The kernel clears namespaces in its own time, and the name is wanted again.
        if self._has_pair:
            subprocess.call(["ip", "link", "del", VETH], stderr=subprocess.DEVNULL)
        self._has_pair = False


def order(pid: int, command: str) -> None:
    """Run a command in the network of a process, 0 for ours; raises CannotMeasure with what it
    complained of.
    """
    words = ("nsenter -t %d -n " % pid if pid else "") + command
    done = subprocess.run(words.split(), stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip()
        raise CannotMeasure("%s: %s" % (words, reason))


def _free_port() -> Tuple[str, int]:
    """A loopback address of this host that netperf can use, and a port that nobody listens on."""
    unresolved = ""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
            if _is_resolved(family, address):
                return address, int(probe.getsockname()[1])
            unresolved = address
    if unresolved:
        raise CannotMeasure(
            "netperf cannot resolve %s on a host that has no address but loopback; give it one: "
            "ip address add 192.0.2.1/32 dev lo" % unresolved
        )
    raise CannotMeasure("no loopback address can be used: is the interface lo up?")


def _is_resolved(family: int, address: str) -> bool:
    """netperf asks with AI_ADDRCONFIG: no address of a family, no loopback address of it."""
    try:
        socket.getaddrinfo(address, None, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
    except socket.gaierror:
        return False
    return True
