"""Following another registry: what its public dump shows becomes reports here, and what it
withdraws or no longer shows goes here too.

Parts of the dump are kept in a folder and fetched again only where `/dump/` names another digest. A
part takes its name when all in it is done, so whatever was interrupted is taken up again. Decisions
of this registry stay: what was rejected or withdrawn here is not shown again. What the other one
follows itself is left out, so that two that follow each other end. Called by the command
`follow_registry`.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from registry.models import RawReport
from registry.refusal import Refused
from submissions import withdrawal
from submissions.dump.folder import Folder
from submissions.dump.records import FOLLOWED, Record, from_line
from submissions.importers.records import LINE_LIMIT_BYTES
from submissions.importers.run import bring_up_to_date, import_reports
from submissions.importers.sources import lines
from submissions.importers.store import ACTOR, digest_of_record

PART = re.compile(r"reports-[0-9]{5,9}\.jsonl")
SHA256 = re.compile(r"[0-9a-f]{64}")
INDEX_LIMIT_BYTES = 16 * 1024**2
PART_LIMIT_BYTES = 8 * 1024**3
TIMEOUT_S = 30.0
PIECE_BYTES = 1024**2
AT_ONCE = 500

T = TypeVar("T")
Status = RawReport.Status


class CannotFollow(Exception):
    """The other registry cannot be followed; the text says why."""


@dataclass
class Outcome:
    """Parts fetched and left as they were; reports by what the import made of them, and how many
    were withdrawn, hidden or shown again as they are there.
    """

    fetched: int = 0
    kept: int = 0
    reports: Counter[str] = field(default_factory=Counter)
    withdrawn: int = 0
    hidden: int = 0
    shown: int = 0


@dataclass(frozen=True)
class _Part:
    name: str
    sha256: str
    size_bytes: int


def follow(
    address: str, path: Path, progress: Callable[[str], None] = lambda text: None
) -> Outcome:
    """Bring this registry up to what the one at `address` shows; `path` is the folder for its dump.
    Raises CannotFollow, OSError, and Busy where another process follows it.
    """
    address = address.rstrip("/")
    host = urlsplit(address).netloc
    outcome = Outcome()
    with Folder.locked(path) as folder:
        parts = list(_parts(address))
        for number, part in enumerate(parts, 1):
            progress(f"part {number} of {len(parts)}")
            if _sha256(path / part.name) == part.sha256:
                outcome.kept += 1
                continue
            before = _ids(path / part.name)
            with folder.replaced(part.name) as file:
                _fetch_part(address, part, file)
                _take_in(Path(file.name), address, before, outcome)
            outcome.fetched += 1
        for name in {each.name for each in path.glob("reports-*")} - {each.name for each in parts}:
            outcome.hidden += _hide(_ids(path / name), host)
            folder.forget(name)
    if outcome.fetched or outcome.hidden:
        progress("bringing summaries and charts up to date")
        bring_up_to_date()
    return outcome


def _take_in(path: Path, address: str, before: set[str], outcome: Outcome) -> None:
    if path.stat().st_size:
        for note in import_reports([str(path)]):
            outcome.reports[note.outcome] += note.count
    host = urlsplit(address).netloc
    now: set[str] = set()
    for records in _together(_records(path)):
        now |= {record.id for record in records}
        _settle(records, address, host, outcome)
    outcome.hidden += _hide(before - now, host)


def _settle(records: Iterable[Record], address: str, host: str, outcome: Outcome) -> None:
    """Have the reports of records say what these say."""
    by_digest = {digest_of_record(record.id): record for record in records}
    found = RawReport.objects.filter(received_digest__in=by_digest).defer("body")
    for report in found.prefetch_related("events"):
        record = by_digest[report.received_digest]
        if FOLLOWED not in {event.kind for event in report.events.all()}:
            report.record(FOLLOWED, ACTOR, f"{address}/r/{record.id}")
        if report.status == Status.WITHDRAWN:
            continue
        if record.body is None:
            outcome.withdrawn += report.move_to(Status.WITHDRAWN, ACTOR, f"withdrawn at {host}")
        elif report.status == Status.HELD and report.status_reason == _hidden(host):
            outcome.shown += report.move_to(Status.PUBLISHED, ACTOR, f"shown again at {host}")
        if record.body is not None and record.notes != report.notes:
            withdrawal.edit(report, {"notes": record.notes}, ACTOR)


def _hide(gone: set[str], host: str) -> int:
    """Hold what the other registry no longer shows; how many were shown here."""
    hidden = 0
    for ids in _together(sorted(gone)):
        digests = [digest_of_record(each) for each in ids]
        shown = RawReport.objects.filter(received_digest__in=digests, status=Status.PUBLISHED)
        for report in shown.defer("body"):
            hidden += report.move_to(Status.HELD, ACTOR, _hidden(host))
    return hidden


def _together(things: Iterable[T]) -> Iterator[tuple[T, ...]]:
    waiting = iter(things)
    while taken := tuple(islice(waiting, AT_ONCE)):
        yield taken


def _hidden(host: str) -> str:
    return f"no longer shown at {host}"[:200]


def _parts(address: str) -> Iterator[_Part]:
    """The parts that the index of the dump names, each checked. Raises CannotFollow."""
    with _opened(f"{address}/dump/") as answer:
        body = answer.read(INDEX_LIMIT_BYTES + 1)
    try:
        files = json.loads(body)["files"] if len(body) <= INDEX_LIMIT_BYTES else None
    except (ValueError, KeyError, TypeError, RecursionError):
        files = None
    if not isinstance(files, list):
        raise CannotFollow(f"{address}/dump/ is not the index of a registry's dump")
    for each in files:
        found: Mapping[str, Any] = each if isinstance(each, dict) else {}
        name, sha256, size = found.get("name"), found.get("sha256"), found.get("size_bytes")
        if not isinstance(name, str) or not PART.fullmatch(name):
            continue  # tables, texts
        if not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
            raise CannotFollow(f"{address}/dump/ names no digest of {name}")
        if not isinstance(size, int) or not 0 <= size <= PART_LIMIT_BYTES:
            raise CannotFollow(f"{address}/dump/ names no size of {name} that can be right")
        yield _Part(name, sha256, size)


def _fetch_part(address: str, part: _Part, file: Any) -> None:
    """Write the part. Raises CannotFollow where it is not what the index says."""
    digest, left = hashlib.sha256(), part.size_bytes
    with _opened(f"{address}/dump/{part.name}") as answer:
        while piece := answer.read(PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                break
            digest.update(piece)
            file.write(piece)
    file.flush()
    if left or digest.hexdigest() != part.sha256:
        message = "is not what /dump/ says; it may just be written anew, try again later"
        raise CannotFollow(f"{address}/dump/{part.name} {message}")


def _opened(url: str) -> Any:
    if urlsplit(url).scheme not in ("http", "https"):
        raise CannotFollow(f"{url} is no http or https address")
    request = Request(url, headers={"User-Agent": "crr-registry"})  # noqa: S310 - looked at above
    try:
        return urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    except (URLError, HTTPException, ValueError) as error:
        raise CannotFollow(f"{url} cannot be read: {error}") from error


def _sha256(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _ids(path: Path) -> set[str]:
    return {record.id for record in _records(path)} if path.exists() else set()


def _records(path: Path) -> Iterator[Record]:
    """What can be read of a part; the import has said of the rest what is wrong with it."""
    with path.open("rb") as file:
        for _, line in lines(file, LINE_LIMIT_BYTES):
            try:
                yield from [from_line(line)] if line is not None else []
            except Refused:
                continue
