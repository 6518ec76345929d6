"""The chain of manifests: a line a night with the digest of that night's manifest, of what was new
in it and of the line before. What was new is kept for ever, a file a night, so whoever kept one
line can tell what was published until then, and whether it was changed since.

Called by the nightly export and by the checks of `verify_registry`. No Django.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

from submissions.dump.folder import Folder

CHAIN, MANIFEST = "manifests.jsonl", "manifest.jsonl"
NEXT = ".manifest.jsonl"  # whole, and waits for its line and its name


def publish(folder: Folder, now: datetime, chained: bool) -> None:
    """Give the next manifest its name; before that its line, if it is to have one and is another
    than the last line's. Whatever this ends between, `finish` goes on with.
    """
    if chained:
        _extend(folder, now)
    os.replace(folder.path / NEXT, folder.path / MANIFEST)


def finish(folder: Folder) -> None:
    """Give a manifest its name that had its line when the export was killed."""
    if _is_promised(folder.path, NEXT):
        os.replace(folder.path / NEXT, folder.path / MANIFEST)


def is_in(path: Path) -> bool:
    return (path / CHAIN).exists()


def _extend(folder: Folder, now: datetime) -> None:
    if _is_promised(folder.path, NEXT):
        return
    lines = _lines(folder.path)
    night = night_name(len(lines) + 1)
    with folder.replaced(night) as file, (folder.path / NEXT).open("rb") as after:
        file.writelines(_new_lines(_manifest_before(folder.path), after))
    line = {
        "at": now.isoformat(),
        "manifest_sha256": _digest_of_file(folder.path / NEXT),
        "new_sha256": _digest_of_file(folder.path / night),
        "previous": _digest(lines[-1]) if lines else "",
    }
    with folder.replaced(CHAIN) as file:
        file.writelines([*lines, json.dumps(line, sort_keys=True).encode() + b"\n"])


def night_name(number: int) -> str:
    """The file of what was new in the manifest that the chain's line of this number is of."""
    return f"manifest-{number:05d}.jsonl"


def _manifest_before(path: Path) -> Iterator[bytes]:
    if (path / MANIFEST).exists():
        with (path / MANIFEST).open("rb") as file:
            yield from file


def _new_lines(before: Iterable[bytes], after: Iterable[bytes]) -> Iterable[bytes]:
    """The lines of `after` that are not in `before`. What both have stands in the same order, so
    few lines wait for their counterpart at a time.
    """
    old: set[bytes] = set()
    new: dict[bytes, None] = {}
    for one, other in zip_longest(before, after):
        if one == other:
            continue
        if one in new:
            del new[one]
        elif one is not None:
            old.add(one)
        if other in old:
            old.remove(other)
        elif other is not None:
            new[other] = None
    return new


def published(path: Path) -> Iterator[tuple[str, str]]:
    """Id and SHA-256 of every report that was ever new in a manifest."""
    for number, line in enumerate(_lines(path), 1):
        if "new_sha256" in _entry(line) and (path / night_name(number)).exists():
            with (path / night_name(number)).open("rb") as file:
                yield from ((row["id"], row["body_sha256"]) for row in map(json.loads, file))


def broken_promises(path: Path) -> Iterator[str]:
    """One sentence for each line that does not follow from the one before. An export that was
    killed breaks none: the last line is then of the manifest that waits for its name. After a
    restore there is a chain, and no manifest until the night.
    """
    lines = _lines(path)
    for number, (before, line) in enumerate(pairwise([b"", *lines]), 1):
        entry = _entry(line)
        if entry.get("previous") != (_digest(before) if before else ""):
            yield f"the chain of manifests: line {number} does not follow from the one before"
        promised, night = entry.get("new_sha256"), path / night_name(number)
        if promised and not night.exists():
            yield f"the chain of manifests: {night.name} is gone"
        elif promised and _digest_of_file(night) != promised:
            yield f"the chain of manifests: {night.name} is not what line {number} says"
    there = [name for name in (NEXT, MANIFEST) if (path / name).exists()]
    if lines and there and not any(_is_promised(path, name) for name in there):
        yield "the chain of manifests: the last line is of another manifest"


def _is_promised(path: Path, name: str) -> bool:
    """Whether the last line is of this file."""
    lines = _lines(path)
    try:
        digest = _digest_of_file(path / name)
    except FileNotFoundError:
        return False
    return bool(lines) and _entry(lines[-1]).get("manifest_sha256") == digest


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
