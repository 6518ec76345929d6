"""`make client`: what people install runs, and comes out the same from the same sources."""

import base64
import csv
import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests import installed

ROOT = Path(__file__).resolve().parent.parent
WHEEL_LIMIT_BYTES = 128 * 1024  # what an administrator can be asked to read and to trust


def make_packages(target: Path) -> dict[str, str]:
    """The digest of each file that `client/package.py` makes."""
    subprocess.run([sys.executable, str(ROOT / "client/package.py"), str(target)], check=True)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in target.iterdir()}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    make_packages(target)
    return target


def test_the_same_sources_give_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    first = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in packages.iterdir()
    }
    assert make_packages(tmp_path) == first
    assert {Path(name).suffix for name in first} == {".pyz", ".whl", ".gz", ".1"}


def test_single_file_runs_alone(packages: Path, tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-I", str(packages / "crr-submit.pyz"), "--version"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stdout.startswith("crr-submit ")


def test_the_manual_page_is_clean_and_names_every_command(packages: Path) -> None:
    groff = installed.require("groff", "groff-base")
    page = packages / "crr-submit.1"
    answer = subprocess.run(
        [groff, "-man", "-ww", "-Tascii", "-P-cbou", str(page)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert answer.stderr == ""
    for word in ("run", "send FILE", "show", "tune FACTOR", "app", "post ID|FILE", "--no-cloud"):
        assert word in answer.stdout, word
    (sdist,) = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        (name,) = (name for name in archive.getnames() if name.endswith("/crr-submit.1"))
        inside = archive.extractfile(name)
        assert inside is not None
        assert inside.read() == page.read_bytes()


def test_wheel_holds_what_the_single_file_holds(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    (single,) = packages.glob("*.pyz")

    def modules(path: Path) -> set[str]:
        with zipfile.ZipFile(path) as archive:
            return {name for name in archive.namelist() if name.startswith("crr_submit/")}

    assert modules(wheel) == modules(single)


def test_the_wheel_stays_small(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    assert wheel.stat().st_size <= WHEEL_LIMIT_BYTES


def test_the_wheel_agrees_with_its_own_record(packages: Path) -> None:
    """pip believes RECORD: each file by its digest and length, and no file without a line."""
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    (record,) = (name for name in contents if name.endswith(".dist-info/RECORD"))
    lines = csv.reader(contents[record].decode().splitlines())
    assert {name: (digest, size) for name, digest, size in lines} == {
        name: ("", "") if name == record else (record_digest(content), str(len(content)))
        for name, content in contents.items()
    }


def record_digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return "sha256=" + digest.decode().rstrip("=")
