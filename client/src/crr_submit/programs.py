"""netperf and netserver as programs: where they are, how to install them, and how they are started
and ended.

Called by `crr_submit.netserver` and `crr_submit.measure`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, List, Optional, Sequence, Union

from crr_submit.host import Host, os_release

EXTRA_FOLDERS = (
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/bin",
    "/usr/bin",
    "/opt/netperf/bin",
)
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
OLDEST_VERSION = (2, 5)  # the first whose TCP_CRR takes output selectors
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


class CannotMeasure(Exception):
    """The measurement cannot begin or go on; the text says why and what to do."""


@dataclass(frozen=True)
class Programs:
    """Paths of the two programs, and netperf's version (`2.7.0`) where it tells."""

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


def start(command: List[str], output: Union[int, IO[bytes]]) -> "subprocess.Popen[bytes]":
    """Start a program in the C locale and its own session: a terminal's Ctrl-C reaches only us."""
    import ctypes  # only here: start-up time that no other command needs

    environment = dict(os.environ, LC_ALL="C")
    kernel = ctypes.CDLL(None)
    # The name shown in the process list is the plain one: a path may hold a user's name.
    return subprocess.Popen(
        [Path(command[0]).name, *command[1:]],
        executable=command[0],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        # Nobody is left to end it when we are killed.
        preexec_fn=lambda: kernel.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL),
    )


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program started with `start` and all its children, and wait for it."""
    # Once it was waited for, its number may belong to somebody else.
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
