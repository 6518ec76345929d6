"""The folder of a dump: files that appear under their name only when they are whole and on the
disk, and a note of what each was made from, so that what is current is left as it is. Everybody may
read them, whatever the umask: a web server with a user of its own serves them.
"""

import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

STATE, LOCK, PARTIAL, SUMS = ".state.json", ".lock", ".partial", "SHA256SUMS"
OPEN_FOLDER, OPEN_FILE = 0o755, 0o644


class Busy(Exception):
    """Another export writes into the folder."""


class Folder:
    """A folder that this process alone writes to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: dict[str, dict[str, Any]] = {}
        if (path / STATE).exists():
            self._state = json.loads((path / STATE).read_text())

    @staticmethod
    def part(number: int) -> str:
        return f"reports-{number:05d}.jsonl"

    @classmethod
    @contextmanager
    def locked(cls, path: Path) -> Iterator["Folder"]:
        """The folder, made where missing. Raises Busy."""
        path.mkdir(parents=True, exist_ok=True)
        _let_read(path, OPEN_FOLDER)
        with (path / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another export writes into {path}") from None
            shutil.rmtree(path / PARTIAL, ignore_errors=True)  # of an export that was killed
            yield cls(path)

    @contextmanager
    def replaced(self, name: str) -> Iterator[BinaryIO]:
        """A file to write that takes its name when the block ends well."""
        with self.replaced_together([name]) as partial, (partial / name).open("wb") as file:
            yield file

    @contextmanager
    def replaced_together(self, names: Sequence[str]) -> Iterator[Path]:
        """A folder for files that take their names when the block ends well."""
        partial = self.path / PARTIAL / names[0]
        partial.mkdir(parents=True)
        yield partial
        for name in names:
            _let_read(partial / name, OPEN_FILE)
            _to_disk(partial / name)
            os.replace(partial / name, self.path / name)
        shutil.rmtree(partial)

    def is_current(self, name: str, digest: str) -> bool:
        """Whether the file was made from what has this digest, and is as long as it was then."""
        known, path = self._state.get(name), self.path / name
        if known is None or known["made_from"] != digest or not path.exists():
            return False
        return path.stat().st_size == known["size"]

    def remember(self, name: str, digest: str, count: int) -> None:
        """Note what a file was made from and how many rows it has."""
        size = (self.path / name).stat().st_size
        self._state[name] = {"made_from": digest, "size": size, "count": count}
        self._save()

    def forget(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)
        if self._state.pop(name, None):
            self._save()

    def forget_parts_from(self, number: int) -> None:
        """Remove parts that there are no reports for any more."""
        for path in self.path.glob("reports-*.jsonl"):
            if path.name >= self.part(number):
                self.forget(path.name)

    def count_of(self, name: str) -> int:
        return int(self._state[name]["count"])

    def of_parts(self) -> str:
        """What all parts were made from, in one text."""
        return " ".join(
            known["made_from"]
            for name, known in sorted(self._state.items())
            if name.startswith("reports-")
        )

    def sum_up(self) -> dict[str, int]:
        """Write the digests of all files, in the form that sha256sum -c reads. Their sizes."""
        names = sorted(
            each.name
            for each in self.path.iterdir()
            if each.is_file() and not each.name.startswith(".") and each.name != SUMS
        )
        with self.replaced(SUMS) as sums:
            for name in names:
                _let_read(self.path / name, OPEN_FILE)  # one that an older export wrote
                with (self.path / name).open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                sums.write(f"{digest}  {name}\n".encode())
        shutil.rmtree(self.path / PARTIAL)
        return {name: (self.path / name).stat().st_size for name in names}

    def _save(self) -> None:
        with self.replaced(STATE) as file:
            file.write(json.dumps(self._state, sort_keys=True).encode())


def _let_read(path: Path, mode: int) -> None:
    """Add to the mode what it lacks; what is open to all already may be somebody else's."""
    found = stat.S_IMODE(path.stat().st_mode)
    if found | mode != found:
        path.chmod(found | mode)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
