"""The chain of manifests: a line a night with the digest of that night's manifest and of the line
before, so that whoever kept one line can tell whether what was published then was changed since.

Called by the nightly export and by the checks of `verify_registry`. No Django.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from submissions.dump.folder import Folder

CHAIN, MANIFEST = "manifests.jsonl", "manifest.jsonl"


def extend(folder: Folder, now: datetime) -> bool:
    """Add a line for the manifest as it is; False where it is the last line's."""
    lines = _lines(folder.path)
    digest = _digest_of_file(folder.path / MANIFEST)
    if lines and json.loads(lines[-1])["manifest_sha256"] == digest:
        return False
    previous = _digest(lines[-1]) if lines else ""
    line = {"at": now.isoformat(), "manifest_sha256": digest, "previous": previous}
    with folder.replaced(CHAIN) as file:
        file.writelines([*lines, json.dumps(line, sort_keys=True).encode() + b"\n"])
    return True


def broken_promises(path: Path) -> Iterator[str]:
    """One sentence for each line that does not follow from the one before. After a restore there is
    a chain, and no manifest until the night.
    """
    lines = _lines(path)
    for number, (before, line) in enumerate(pairwise([b"", *lines]), 1):
        entry = _entry(line)
        if entry.get("previous") != (_digest(before) if before else ""):
            yield f"the chain of manifests: line {number} does not follow from the one before"
    if not lines or not (path / MANIFEST).exists():
        return
    if _entry(lines[-1]).get("manifest_sha256") != _digest_of_file(path / MANIFEST):
        yield "the chain of manifests: the last line is of another manifest"


def _lines(path: Path) -> list[bytes]:
    try:
        return (path / CHAIN).read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
