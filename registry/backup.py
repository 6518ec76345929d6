"""A backup of everything a registry keeps, and the way back from it.

In: a folder for backups. Out: in it a folder for each, named for its instant, that is whole or not
there: the database as its own tool dumps it, the files of charts wherever STORAGE_URL keeps them,
the secret key where we made it, the manifest of every report, the chain of the nightly dump, and
digests of all that is no file of a chart (those are named for theirs). Files that the backup before
has too are links to it. Called by the commands `backup_registry` and `restore_registry`.
"""

import fcntl
import hashlib
import json
import os
import posixpath
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone
from psycopg import pq
from psycopg.conninfo import make_conninfo

from registry import storage
from registry.models import RawReport
from registry.models.identity import keyed_digest

REPORTS_AT_ONCE = 2000
KEY_FILE = "secret-key"
SUMS, LOCK = "SHA256SUMS", ".lock"
CHAIN = "manifests.jsonl"  # in DUMP_DIR; the nightly export replaces it by a longer one
NIGHTS = "manifest-*.jsonl"  # there too: what was new in the manifest of each line

# In DATA_DIR: the last backup that was written, the last that was rehearsed well, and when.
WRITTEN, REHEARSED = "backed-up.json", "rehearsed.json"


class Busy(Exception):
    """Another backup writes into the folder."""


class CannotRestore(Exception):
    """The backup is damaged, or the place is not empty; the text says what to do."""


def back_up(folder: Path, keep: int = 0) -> Path:
    """Write a backup beside the ones before, and leave the newest `keep` of all, if that is not 0.
    The registry may be at work meanwhile. Raises Busy, and OSError where it cannot be written.
    """
    name = timezone.now().strftime("%Y%m%dT%H%M%S.%fZ")
    with _locked(folder):
        draft = folder / f".{name}"
        draft.mkdir(mode=0o700)
        _write(draft, newest(folder))
        _sync(draft, *draft.rglob("*"))
        draft.rename(folder / name)
        _sync(folder)
        for old in backups(folder)[:-keep] if keep > 0 else []:
            old.rename(folder / f".{old.name}")  # what is half removed is no backup
    note(WRITTEN, folder / name)
    return folder / name


def note(name: str, backup: Path) -> None:
    """Say in the file of this name that it was done now."""
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    draft = settings.DATA_DIR / f".{name}"
    draft.write_text(json.dumps({"at": timezone.now().isoformat(), "backup": backup.name}))
    draft.replace(settings.DATA_DIR / name)


def noted(name: str) -> datetime | None:
    """When it was last done; None where it never was."""
    try:
        told = json.loads((settings.DATA_DIR / name).read_text())
    except FileNotFoundError:
        return None
    return datetime.fromisoformat(told["at"])


def backups(folder: Path) -> list[Path]:
    """Every whole backup, the oldest first."""
    return sorted(path.parent for path in folder.glob(f"[0-9]*/{SUMS}"))


def newest(folder: Path) -> Path | None:
    return next(reversed(backups(folder)), None)


def restore(backup: Path) -> None:
    """Bring an empty place to what the backup holds. Raises CannotRestore before it changes
    anything.
    """
    _require_whole(backup)
    description = json.loads((backup / "backup.json").read_text())
    _require_place(description)
    _require_chain(backup / CHAIN)
    _load_database(backup / "database")
    _load_files(backup / "media")
    _load_chain(backup)
    if (backup / KEY_FILE).exists():
        shutil.copy2(backup / KEY_FILE, settings.DATA_DIR / KEY_FILE)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder, made where missing, for this process alone; no draft in it before or after."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another backup writes into {folder}") from None
        try:
            _remove_drafts(folder)  # of a backup that was killed
            yield
        finally:
            _remove_drafts(folder)


def _remove_drafts(folder: Path) -> None:
    for draft in folder.glob(".[0-9]*"):
        shutil.rmtree(draft)


def _write(draft: Path, before: Path | None) -> None:
    _save_files(draft / "media", before and before / "media")
    _write_manifest(draft / "manifest.jsonl")
    _write_chain(draft)
    _dump_database(draft / "database")
    _save_files(draft / "media", None)  # what was drawn since
    (draft / "backup.json").write_text(json.dumps(_description()))
    if (settings.DATA_DIR / KEY_FILE).exists():
        shutil.copy2(settings.DATA_DIR / KEY_FILE, draft / KEY_FILE)
    _write_sums(draft)


def _description() -> dict[str, Any]:
    return {
        "database": connection.vendor,
        "reports": RawReport.objects.count(),
        "instance": keyed_digest("instance", b"backup"),
    }


def _stored(folder: str = "") -> Iterator[str]:
    """The names of all files in the storage; those with a leading dot are drafts."""
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:  # nothing was drawn yet
        return
    for name in names:
        path = posixpath.join(folder, name)
        if not name.startswith(".") and not path.startswith(storage.PROBE):
            yield path
    for name in folders:
        yield from _stored(posixpath.join(folder, name))


def _save_files(target: Path, before: Path | None) -> None:
    """Copy from the storage what is not there yet; what `before` has is linked where it still is
    what its name says. A file may go while we look.
    """
    target.mkdir(exist_ok=True)
    for name in _stored():
        place = target / name
        if place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        known = before and before / name
        if known and known.exists() and _digest(known) == known.name.partition(".")[0]:
            os.link(known, place)
            continue
        with (
            suppress(FileNotFoundError),
            default_storage.open(name) as file,
            place.open("wb") as copy,
        ):
            shutil.copyfileobj(file, copy)


def _sync(*paths: Path) -> None:
    """Have files and folders on the disk: a backup that has its name outlives a power cut."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _load_files(source: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                default_storage.save(path.relative_to(source).as_posix(), File(file))


def _write_manifest(path: Path) -> None:
    """Before the database is dumped: what it names is in the dump."""
    rows = RawReport.objects.order_by("pk").values("public_id", "body_sha256")
    with path.open("w") as file:
        for row in rows.iterator(chunk_size=REPORTS_AT_ONCE):
            line = {"id": row["public_id"], "body_sha256": row["body_sha256"]}
            file.write(json.dumps(line) + "\n")


def _write_chain(draft: Path) -> None:
    """Before the database is dumped: each line is of reports in the dump. It is replaced whole, so
    what is opened ends with a line, and what was new that night is there before.
    """
    with suppress(FileNotFoundError):  # no night has passed yet
        shutil.copyfile(settings.DUMP_DIR / CHAIN, draft / CHAIN)
        _copy_nights(settings.DUMP_DIR, draft)


def _load_chain(backup: Path) -> None:
    """One that is here goes on from the backup's, see _require_chain, and stays."""
    if (backup / CHAIN).exists() and not (settings.DUMP_DIR / CHAIN).exists():
        settings.DUMP_DIR.mkdir(parents=True, exist_ok=True)
        _copy_nights(backup, settings.DUMP_DIR)
        shutil.copyfile(backup / CHAIN, settings.DUMP_DIR / CHAIN)


def _copy_nights(source: Path, target: Path) -> None:
    for night in source.glob(NIGHTS):
        shutil.copyfile(night, target / night.name)


def _dump_database(path: Path) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(path)])
        return
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")


def _load_database(path: Path) -> None:
    if connection.vendor == "sqlite":
        connection.close()
        shutil.copyfile(path, connection.settings_dict["NAME"])
        return
    options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    _run("pg_restore", *options, str(path))


def _run(tool: str, *options: str) -> None:
    """One of PostgreSQL's tools, which connects as Django does: what libpq has a variable for is in
    its environment, the rest, but for secrets, on its command line.
    """
    wanted = connection.get_connection_params()
    environment, rest = dict(os.environ), {}
    for known in pq.Conninfo.get_defaults():
        keyword = known.keyword.decode()
        if keyword in wanted and known.envvar:
            environment[known.envvar.decode()] = str(wanted[keyword])
        elif keyword in wanted and not known.dispchar:
            rest[keyword] = wanted[keyword]
    command = [tool, f"--dbname={make_conninfo(**rest)}", *options]
    subprocess.run(command, check=True, env=environment)


def _write_sums(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    lines = [f"{_digest(folder / name)}  {name}\n" for name in names]
    (folder / SUMS).write_text("".join(lines))


def _require_whole(backup: Path) -> None:
    try:
        lines = (backup / SUMS).read_text().splitlines()
    except OSError as error:
        raise CannotRestore(f"{backup} is no backup: {error}") from None
    for line in lines:
        digest, _, name = line.partition("  ")
        if _digest(backup / name) != digest:
            raise CannotRestore(f"{backup / name} is damaged: take another backup")


def _require_place(description: dict[str, Any]) -> None:
    """The same kind of database, empty, and the instance's own key where it is given."""
    if description["database"] != connection.vendor:
        raise CannotRestore(
            f"the backup is of {description['database']}, and DATABASE_URL of {connection.vendor}"
        )
    if connection.introspection.table_names():
        raise CannotRestore("the database of DATABASE_URL is not empty: name a new one")
    has_key = os.environ.get("SECRET_KEY") or os.environ.get("INSTANCE_KEY")
    if has_key and description["instance"] != keyed_digest("instance", b"backup"):
        raise CannotRestore(
            "INSTANCE_KEY (else SECRET_KEY) is not the backup's: repeats would not be known"
        )
    if told := storage.fault():
        raise CannotRestore(f"files of charts cannot be kept: {told}")


def _require_chain(path: Path) -> None:
    """A chain that is here already goes on from the backup's: whoever kept a line finds it."""
    here, kept = settings.DUMP_DIR / CHAIN, path.read_bytes() if path.exists() else b""
    if here.exists() and not here.read_bytes().startswith(kept):
        raise CannotRestore(f"{here} is not the backup's: move {settings.DUMP_DIR} away")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
