"""Files of drawings, named by their content: written whole or not at all, never changed, kept hot
in memory. Where they are kept, STORAGE_URL says.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage

FOLDER = "charts"


class DurableStorage(FileSystemStorage):
    """Files on disk that appear under their name only when every byte is on the disk. Where they
    cannot, nothing of them stays: of a full disk a draft would take the rest.
    """

    def _save(self, name: str, content: File) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with open(draft, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        return name


def _sync_folder(folder: Path) -> None:
    """A name is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def path_of(digest: str, ending: str) -> str:
    return f"{FOLDER}/{digest[:2]}/{digest}.{ending}"


def digest_in(name: str) -> str:
    """The digest that the name of a file says; of a draft nothing that is one."""
    return name.rpartition("/")[2].partition(".")[0]


def put(content: bytes, ending: str) -> str:
    """Keep `content`; returns its digest. The same content twice is one file, and a young one."""
    digest = hashlib.sha256(content).hexdigest()
    default_storage.save(path_of(digest, ending), ContentFile(content))
    return digest


@lru_cache(maxsize=256)
def get(digest: str, ending: str) -> bytes:
    """The bytes; FileNotFoundError when the file is gone. A digest names one content, so memory
    never goes stale.
    """
    with default_storage.open(path_of(digest, ending)) as file:
        return file.read()


def remove(digest: str, ending: str) -> None:
    default_storage.delete(path_of(digest, ending))


def stored() -> Iterator[str]:
    """The names of all files there are, drafts among them."""
    try:
        folders, _ = default_storage.listdir(FOLDER)
    except FileNotFoundError:  # nothing was drawn yet
        return
    for folder in folders:
        for name in default_storage.listdir(f"{FOLDER}/{folder}")[1]:
            yield f"{FOLDER}/{folder}/{name}"


def remove_older(name: str, instant: datetime) -> bool:
    """Remove the file of this name, if it was last written before `instant`; whether it was."""
    try:
        if default_storage.get_modified_time(name) >= instant:
            return False
    except FileNotFoundError:  # it got its name, or was removed, meanwhile
        return False
    default_storage.delete(name)
    return True
