"""Which files a backup has: those of the storage, each copied once, and nothing beside them."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from charts import artefacts
from registry import storage_url
from registry.backup import back_up
from tests import servers

pytestmark = pytest.mark.django_db(transaction=True)  # SQLite copies itself outside of one


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[None]:
    """An empty one."""
    with servers.s3() if request.param == "bucket" else nullcontext(f"file://{tmp_path}/f") as url:
        use(url, settings)
        yield


def use(url: str, settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": storage_url.storage_of(url)}
    settings.MEDIA_ROOT = storage_url.folder_of(url)


def inodes(backup: Path) -> dict[str, int]:
    media = backup / "media"
    files = (path for path in media.rglob("*") if path.is_file())
    return {str(path.relative_to(media)): path.stat().st_ino for path in files}


@pytest.mark.usefixtures("storage")
def test_files_of_the_storage_are_copied_once_and_linked_from_then_on(tmp_path: Path) -> None:
    names = [artefacts.path_of(artefacts.put(each, "png"), "png") for each in (b"one", b"two")]
    default_storage.save("charts/00/.0123.png.draft", ContentFile(b"half"))
    before = inodes(back_up(tmp_path / "backups"))
    assert set(before) == set(names)
    names.append(artefacts.path_of(artefacts.put(b"three", "png"), "png"))
    default_storage.delete(names[0])
    backup = back_up(tmp_path / "backups")
    after = inodes(backup)
    assert set(after) == set(names[1:])
    assert after[names[1]] == before[names[1]]
    assert (backup / "media" / names[2]).read_bytes() == b"three"


@pytest.mark.usefixtures("storage")
def test_file_that_was_damaged_in_the_last_backup_is_copied_anew(tmp_path: Path) -> None:
    name = artefacts.path_of(artefacts.put(b"one", "png"), "png")
    first = back_up(tmp_path / "backups")
    (first / "media" / name).write_bytes(b"two")
    assert (back_up(tmp_path / "backups") / "media" / name).read_bytes() == b"one"


@pytest.mark.usefixtures("storage")
def test_backup_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file and folder of it, and then the name."""
    artefacts.put(b"one", "png")
    synced: list[Path] = []
    monkeypatch.setattr(
        "registry.backup.os.fsync",
        lambda file: synced.append(Path(f"/proc/self/fd/{file}").readlink()),
    )
    backup = back_up(tmp_path / "backups")
    draft = backup.with_name(f".{backup.name}")
    whole = {draft / path.relative_to(backup) for path in [backup, *backup.rglob("*")]}
    assert whole <= set(synced)
    assert synced[-1] == backup.parent
