"""Files of drawings, named by their content: written whole or not at all, never changed, kept hot
in memory.
"""

import contextlib
import hashlib
import os
import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage

DRAFT_LIFE_S = 3600.0


class DurableStorage(FileSystemStorage):
    """Files on disk that appear under their name only when every byte is on the disk."""

    def _save(self, name: str, content: File) -> str:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with open(draft, "wb") as file:
            for chunk in content.chunks():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        return name


def remove_drafts() -> None:
    """Remove what killed writers left behind; a draft that is still being written is younger."""
    limit = time.time() - DRAFT_LIFE_S
    for draft in Path(settings.MEDIA_ROOT, "charts").glob("*/.*"):
        with contextlib.suppress(FileNotFoundError):  # it got its name meanwhile
            if draft.stat().st_mtime < limit:
                draft.unlink()


def path_of(digest: str, ending: str) -> str:
    return f"charts/{digest[:2]}/{digest}.{ending}"


def put(content: bytes, ending: str) -> str:
    """Keep `content`; returns its digest. The same content twice is one file."""
    digest = hashlib.sha256(content).hexdigest()
    name = path_of(digest, ending)
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(content))
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
