"""Makes what people install, into the folder named: wheel, sdist, the single crr-submit.pyz, and
the manual page, which is in the sdist too.

`make client` calls it. The same sources give the same bytes: every time stamp inside is one and the
same, and names are in order. Works on a copy, so that no build folder with modules of yesterday
gets into a wheel. Zopfli finds short deflate streams: a stranger's host takes them in.
"""

import gzip
import io
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO

import man_page
import zopfli
from setuptools import build_meta

CLIENT = Path(__file__).resolve().parent
EPOCH_S = 315532800  # 1980-01-01, the first day that a zip file can name
LEFT_OUT = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
MANUAL = "crr-submit.1"
START = "from crr_submit.__main__ import main\n\nmain()\n"


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("crr[-_]submit*"):
        old.unlink()
    write_pyz(CLIENT / "src", target / "crr-submit.pyz")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "client")
        shutil.copytree(CLIENT, copy, ignore=LEFT_OUT)
        shutil.copy(CLIENT.parent / "LICENSE", copy)
        for folder_of_page in (copy, target):
            (folder_of_page / MANUAL).write_text(manual())
        (copy / "MANIFEST.in").write_text(f"include {MANUAL}\n")
        build(copy, target)
    for path in sorted(target.glob("crr[-_]submit*")):
        print(f"{target.name}/{path.name}  {path.stat().st_size} bytes")


def manual() -> str:
    sys.path.insert(0, str(CLIENT / "src"))
    from crr_submit import __version__
    from crr_submit.options import _parser

    return man_page.page(_parser(), __version__)


def build(client: Path, target: Path) -> None:
    """Wheel and sdist of the copy in `client`; setuptools works in the current folder, talking."""
    os.environ["SOURCE_DATE_EPOCH"] = str(EPOCH_S)
    os.chdir(client)
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        wheel = target / build_meta.build_wheel(str(target))
        sdist = target / build_meta.build_sdist(str(target))
    os.dup2(kept, 1)
    settle_wheel(wheel)
    settle_tar(sdist)


def settle_tar(path: Path) -> None:
    """Rewrites a .tar.gz in order, with one time stamp and no owner."""
    with tarfile.open(path) as given:
        members = sorted(given.getmembers(), key=lambda member: member.name)
        contents = [(one, given.extractfile(one) if one.isfile() else None) for one in members]
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as settled:
            for member, content in contents:
                member.mtime, member.uid, member.gid = EPOCH_S, 0, 0
                member.uname = member.gname = ""
                member.mode = 0o755 if member.isdir() else 0o644
                member.pax_headers = {}
                settled.addfile(member, content)
    path.write_bytes(gzip.compress(plain.getvalue(), mtime=EPOCH_S))


def settle_wheel(path: Path) -> None:
    """Rewrites a wheel, its names in the order they have, RECORD last as its format wants. The list
    of top-level names is setuptools' own, and nobody reads it.
    """
    with zipfile.ZipFile(path) as given:
        contents = {name: given.read(name) for name in given.namelist()}
    for name in [name for name in contents if name.endswith(".dist-info/top_level.txt")]:
        del contents[name]
        *_, record = contents
        kept = [
            line for line in contents[record].splitlines() if not line.startswith(name.encode())
        ]
        contents[record] = b"\n".join(kept) + b"\n"
    with path.open("wb") as file:
        write_zip(contents, file)


def write_pyz(source: Path, path: Path) -> None:
    """One file that any Python 3.8 or later runs."""
    contents = {"__main__.py": START.encode()}
    for file in sorted(source.glob("crr_submit/**/*")):
        if file.is_file() and "__pycache__" not in file.parts:
            contents[file.relative_to(source).as_posix()] = file.read_bytes()
    with path.open("wb") as target:
        target.write(b"#!/usr/bin/env python3\n")
        write_zip(contents, target)
    path.chmod(0o755)


def write_zip(contents: dict[str, bytes], file: BinaryIO) -> None:
    """In the order given, every name of the day that zip files begin with."""
    with zopfli.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
