"""The reports of a dump, of this registry or another. No Django.

A report keeps what it was: one that was measured and sent there counts as such here, and is not
shown as imported.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from registry.refusal import Refused
from submissions.dump.folder import SUMS
from submissions.dump.records import FOLLOWED, from_line
from submissions.importers.item import Found, Item, Note, refusal
from submissions.importers.sources import lines

LINE_LIMIT_BYTES = 4 * 1024 * 1024  # a body of 512 KiB, each byte escaped, and its trail
PART = "reports-"
IMPORTED = ("import", "seed")  # sources of what no sender of ours measured


def is_beside(path: str) -> bool:
    """Whether a file of a dump's folder says again what its reports say."""
    folder, name = os.path.split(path)
    is_dump = all(os.path.exists(os.path.join(folder, each)) for each in (SUMS, "manifest.jsonl"))
    return is_dump and not name.startswith(PART)


def items(stream: BinaryIO, place: str) -> Iterator[Found]:
    """One report a line."""
    for number, line in lines(stream, LINE_LIMIT_BYTES):
        where = f"{place}, line {number}"
        if line is None:
            message = f"It is larger than {LINE_LIMIT_BYTES:,} bytes."
            yield Note(where, "refused", "too_large", message)
            continue
        try:
            record = from_line(line)
        except Refused as refused:
            yield refusal(where, refused)
            continue
        ref = record.source_ref if record.source in IMPORTED else None
        yield Item(where, record.format, record.body or b"", source_ref=ref, record=record)


def wanted(found: Iterable[Found], restore: bool) -> Iterator[Found]:
    """What is found, its records kept as they are where a registry is restored. Else they are new
    reports here; those without bytes are none, and those that came from a third registry stand in
    its own dump.
    """
    for thing in found:
        if isinstance(thing, Note) or thing.record is None:
            yield thing
        elif thing.record.body is None and not restore:
            yield Note(thing.place, "skipped", "withdrawn", "It was withdrawn there.")
        elif FOLLOWED in {event.kind for event in thing.record.events} and not restore:
            yield Note(thing.place, "skipped", "followed", "It came from another registry.")
        else:
            yield replace(thing, keeps=restore)
