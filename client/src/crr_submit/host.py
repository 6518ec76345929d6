"""The host as files: what the collectors and the telemetry read, below a root that tests can
replace.

Everything returns None or an empty list where a file is missing or may not be read, since on
somebody else's host either is normal; nothing here raises.
"""

import itertools
import subprocess
from pathlib import Path
from typing import IO, Dict, Iterator, List, Optional

READ_LIMIT_BYTES = 16 * 1024 * 1024
# Newer kernels refuse to read a sysctl into a buffer of megabytes, so files are read piece by
# piece.
PIECE_BYTES = 64 * 1024
PROGRAM_LIMIT_S = 2.0


class Host:
    """Reads files and lists folders below `root`."""

    def __init__(self, root: str = "/") -> None:
        self.root = root

    @property
    def is_live(self) -> bool:
        """True for this host, False for a captured tree."""
        return self.root == "/"

    def path(self, path: str) -> Path:
        return Path(self.root, path.lstrip("/"))

    def text(self, path: str) -> Optional[str]:
        """The file as text without surrounding white space and NULs; None when unreadable or
        empty.
        """
        try:
            with self.path(path).open("rb", buffering=0) as file:
                content = b"".join(itertools.islice(_pieces(file), READ_LIMIT_BYTES // PIECE_BYTES))
        except OSError:
            return None
        return content.decode("utf-8", "replace").strip("\0 \t\r\n") or None

    def lines(self, path: str) -> List[str]:
        return (self.text(path) or "").splitlines()

    def number(self, path: str) -> Optional[int]:
        text = self.text(path)
        try:
            return None if text is None else int(text)
        except ValueError:
            return None

    def names(self, path: str) -> List[str]:
        """Entries of a folder, sorted; empty when there is none."""
        try:
            return sorted(entry.name for entry in self.path(path).iterdir())
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        try:
            self.path(path).lstat()
        except OSError:
            return False
        return True

    def output(self, *command: str) -> Optional[str]:
        """First line that a program prints, whatever its exit code; None on a captured tree or
        without it.
        """
        if not self.is_live:
            return None
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=PROGRAM_LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        lines = done.stdout.decode("utf-8", "replace").split("\n")
        return lines[0].strip() or None


def os_release(host: Host) -> Dict[str, str]:
    """os-release as a dictionary, quotes removed."""
    lines = host.lines("/etc/os-release") or host.lines("/usr/lib/os-release")
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(PIECE_BYTES), b"")
