"""Following another registry: what its public dump shows becomes reports here, and what it
withdraws or no longer shows goes here too.

Parts of the dump are kept in a folder and fetched again only where `/dump/` names another digest. A
part takes its name when all in it is done, so whatever was interrupted is taken up again. What a
part has no more is noted in the folder, and hidden when every part is there and none has it: a
report may move from one to another. Decisions of this registry stay: what was rejected or withdrawn
here is not shown again. What the other one follows itself is left out, so that two that follow each
other end. A registry has a say in the reports that came from it, as their trails tell, and in no
others, whatever ids it lists. Called by the command `follow_registry`.
"""

import hashlib
import json
import logging
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from registry.errors import DATABASE_AWAY
from registry.models import RawReport
from registry.readiness import FREE_BYTES
from registry.refusal import Refused
from submissions import withdrawal
from submissions.dump.folder import Folder
from submissions.dump.records import FOLLOWED, Record, from_line
from submissions.importers.records import LINE_LIMIT_BYTES
from submissions.importers.run import bring_up_to_date, import_reports
from submissions.importers.sources import lines
from submissions.importers.store import ACTOR, digest_of_record, origin, place
from submissions.privacy import Scrubber

log = logging.getLogger(__name__)

PART = re.compile(r"reports-[0-9]{5,9}\.jsonl")
GONE = ".gone.json"  # ids that a part has no more
MANIFEST = "manifest.jsonl"  # every dump has one, empty where the registry shows nothing
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
    were withdrawn, hidden or shown again as they are there. `left_out` are those of which something
    could not be taken over; the log names them.
    """

    fetched: int = 0
    kept: int = 0
    reports: Counter[str] = field(default_factory=Counter)
    withdrawn: int = 0
    hidden: int = 0
    shown: int = 0
    left_out: int = 0


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
    outcome = Outcome()
    with Folder.locked(path) as folder:
        index = _index(address)
        parts = list(_parts(address, index))
        known = {each.name for each in path.glob("reports-*")}
        if known and not parts and not _says_nothing_is_shown(index):
            message = "names no part of a dump, and had some before; nothing is hidden for that"
            raise CannotFollow(f"{address}/dump/ {message}")
        for number, part in enumerate(parts, 1):
            progress(f"part {number} of {len(parts)}")
            if _sha256(path / part.name) == part.sha256:
                outcome.kept += 1
                continue
            before = _ids(path / part.name)
            with folder.replaced(part.name) as file:
                _fetch_part(address, part, file)
                now = _take_in(Path(file.name), address, outcome)
                _note_gone(folder, before - now)
            outcome.fetched += 1
        for name in known - {each.name for each in parts}:
            _note_gone(folder, _ids(path / name))
            folder.forget(name)
        outcome.hidden += _hide_gone(folder, parts, address)
    if outcome.fetched or outcome.hidden:
        progress("bringing summaries and charts up to date")
        bring_up_to_date()
    return outcome


def _take_in(path: Path, address: str, outcome: Outcome) -> set[str]:
    """Have the reports of a part here as they are there; the ids of all of them."""
    if path.stat().st_size:
        for note in import_reports([str(path)], followed=address):
            outcome.reports[note.outcome] += note.count
    now: set[str] = set()
    for records in _together(_records(path)):
        now |= {record.id for record in records}
        _settle(records, address, outcome)
    return now


def _gone(folder: Folder) -> set[str]:
    path = folder.path / GONE
    return set(json.loads(path.read_text())) if path.exists() else set()


def _note_gone(folder: Folder, ids: set[str]) -> None:
    """Keep the ids until it is certain that no other part has them, whatever is interrupted."""
    if ids:
        gone = sorted(_gone(folder) | ids)
        with folder.replaced(GONE) as file:
            file.write(json.dumps(gone).encode())


def _hide_gone(folder: Folder, parts: Iterable[_Part], address: str) -> int:
    """Hold what was noted and is in none of the parts, which are all there; how many were shown."""
    gone = _gone(folder)
    for part in parts:
        if gone:
            gone -= _ids(folder.path / part.name)
    hidden = _hide(gone, address)
    folder.forget(GONE)
    return hidden


def _settle(records: Iterable[Record], address: str, outcome: Outcome) -> None:
    """Have the reports of records say what these say. One that cannot is left out, and costs no
    other.
    """
    by_id = {record.id: record for record in records}
    for public_id, report in _from(address, by_id):
        try:
            _settle_one(report, by_id[public_id], urlsplit(address).netloc, outcome)
        except DATABASE_AWAY:
            raise  # of no report: the part is taken up again
        except Refused as refused:
            log.warning("%s is left out: %s", origin(address, public_id), refused.message)
            outcome.left_out += 1
        except Exception:
            log.exception("%s is left out", origin(address, public_id))
            outcome.left_out += 1


def _settle_one(report: RawReport, record: Record, host: str, outcome: Outcome) -> None:
    if report.status == Status.WITHDRAWN:
        return
    if record.body is None:
        outcome.withdrawn += report.move_to(Status.WITHDRAWN, ACTOR, f"withdrawn at {host}")
        return
    if report.status == Status.HELD and report.status_reason == _hidden(host):
        outcome.shown += report.move_to(Status.PUBLISHED, ACTOR, f"shown again at {host}")
    notes = record.notes[: withdrawal.NOTES_LENGTH]  # tokens may have made them longer there
    if report.notes != notes and report.notes != Scrubber().scrub(notes):
        withdrawal.edit(report, {"notes": notes}, ACTOR)


def _hide(gone: set[str], address: str) -> int:
    """Hold what the other registry no longer shows; how many were shown here."""
    hidden = 0
    for ids in _together(sorted(gone)):
        for _, report in _from(address, ids):
            if report.status == Status.PUBLISHED:
                reason = _hidden(urlsplit(address).netloc)
                hidden += report.move_to(Status.HELD, ACTOR, reason)
    return hidden


def _from(address: str, ids: Iterable[str]) -> Iterator[tuple[str, RawReport]]:
    """The reports that came from the registry at `address`, each with its id there. Those of this
    registry, of another and of an import by hand are not among them, whatever ids it lists.
    """
    by_digest = {digest_of_record(each): each for each in ids}
    found = RawReport.objects.filter(received_digest__in=by_digest).defer("body")
    for report in found.prefetch_related("events"):
        public_id = by_digest[report.received_digest]
        if report.public_id == public_id:
            continue  # restored here, not followed
        came_from = {place(event.reason) for event in report.events.all() if event.kind == FOLLOWED}
        if place(origin(address, public_id)) in came_from:
            yield public_id, report


def _together(things: Iterable[T]) -> Iterator[tuple[T, ...]]:
    waiting = iter(things)
    while taken := tuple(islice(waiting, AT_ONCE)):
        yield taken


def _hidden(host: str) -> str:
    return f"no longer shown at {host}"[:200]


def _index(address: str) -> list[Any]:
    """What the index of the dump names. Raises CannotFollow."""
    with _opened(f"{address}/dump/") as answer:
        body = answer.read(INDEX_LIMIT_BYTES + 1)
    try:
        files = json.loads(body)["files"] if len(body) <= INDEX_LIMIT_BYTES else None
    except (ValueError, KeyError, TypeError, RecursionError):
        files = None
    if not isinstance(files, list):
        raise CannotFollow(f"{address}/dump/ is not the index of a registry's dump")
    return files


def _says_nothing_is_shown(index: Iterable[Any]) -> bool:
    """Whether it is of a dump without reports, and not of a host that has no dump."""
    sizes = [
        each.get("size_bytes")
        for each in index
        if isinstance(each, dict) and each.get("name") == MANIFEST
    ]
    return sizes == [0]


def _parts(address: str, index: Iterable[Any]) -> Iterator[_Part]:
    """The parts that the index names, each checked. Raises CannotFollow."""
    for each in index:
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
    room = shutil.disk_usage(Path(file.name).parent).free - FREE_BYTES
    if part.size_bytes > room:
        message = f"has {part.size_bytes >> 20} MB, and there is room for {max(room, 0) >> 20}"
        raise CannotFollow(f"{address}/dump/{part.name} {message}: nothing was fetched")
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


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    """The answer, to be read. Raises CannotFollow where it cannot be."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise CannotFollow(f"{url} is no http or https address")
    request = Request(url, headers={"User-Agent": "crr-registry"})  # noqa: S310 - looked at above
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            yield answer
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
