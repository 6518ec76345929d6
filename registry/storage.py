"""Whether files can be kept where STORAGE_URL says. Asked at the start of site and workers, and by
`/readyz`.
"""

import logging

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from registry.models.identity import new_public_id

log = logging.getLogger(__name__)


class StorageFault(OSError):
    """Files cannot be kept or had now; the text says where and why."""


class StorageRefused(StorageFault):
    """Nor will they ever: STORAGE_URL is wrong."""


PROBE, CONTENT = "probe-", b"written, read and removed at each start\n"


def fault() -> str:
    """What is wrong with the bucket, in one line; empty when it can be used, or is a folder, whose
    disk is looked at apart.
    """
    try:
        _require()
    except StorageFault as error:
        return str(error)
    return ""


def require() -> None:
    """Stops the start with one line where the bucket will never be of use. One that is only away
    stops nobody: reports are taken in without it.
    """
    try:
        _require()
    except StorageRefused as error:
        raise SystemExit(f"setting STORAGE_URL: {error}") from None
    except StorageFault as error:
        log.error("files of charts cannot be kept now: %s", error)


def _require() -> None:
    """Write a small file, read it and remove it. Raises StorageFault."""
    if settings.MEDIA_ROOT:
        return
    # Under a name of its own: others who ask at the same time remove theirs.
    name = default_storage.save(PROBE + new_public_id(), ContentFile(CONTENT))
    with default_storage.open(name) as file:
        if file.read() != CONTENT:
            raise StorageFault("the bucket gives other bytes than were written")
    default_storage.delete(name)
