"""SIGKILL of a real export before every file that it names or removes: what was promised holds,
the index is served, and the next export goes on.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client

from registry.models import RawReport
from submissions.dump import chain
from submissions.dump import export as exporting
from submissions.dump.export import export
from tests import servers
from tests.charts.test_killed_drawing import database
from tests.submissions.killed import PART_REPORTS
from tests.submissions.test_dump import send

# Parts are of ranges of primary keys, so these begin anew.
pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)

STEPS = 60  # more than an export has
NIGHTS = 2


def kill(folders: list[Path]) -> list[int]:
    """Export into each folder, killed a step later in each. How each ended."""
    environment = {
        **os.environ,
        "DATABASE_URL": database(),
        "SECRET_KEY": configured.SECRET_KEY,
    }
    command = [sys.executable, "-m", "tests.submissions.killed", *map(str, folders)]
    done = subprocess.run(command, env=environment, cwd=servers.ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return [int(line) for line in done.stdout.split()]


def lines_of(folder: Path) -> list[bytes]:
    path = folder / chain.CHAIN
    return path.read_bytes().splitlines() if path.exists() else []


def change(client: Client, night: int) -> None:
    """A part of the dump goes, another comes."""
    for n in range(PART_REPORTS + 1):
        send(client, 10_000 + 1_000 * night + n)
    for report in RawReport.objects.order_by("pk")[night * PART_REPORTS :][:PART_REPORTS]:
        report.move_to(RawReport.Status.HELD, "operator", "looks odd")


@pytest.mark.parametrize("is_first", [True, False])
def test_a_killed_export_breaks_no_promise(
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    is_first: bool,
) -> None:
    monkeypatch.setattr(exporting, "PART_REPORTS", PART_REPORTS)
    folders = [tmp_path / f"{step:02}" for step in range(STEPS)]
    for n in range(PART_REPORTS * NIGHTS):
        send(client, 20_000 + n)
    if not is_first:
        export(tmp_path / "before", chained=True)
        for folder in folders:
            shutil.copytree(tmp_path / "before", folder)
    for night in range(NIGHTS):
        change(client, night)
        before = [lines_of(folder) for folder in folders]
        ended = kill(folders)
        assert ended == [-signal.SIGKILL] * (len(ended) - 1) + [0]
        assert 10 < len(ended) < STEPS
        for folder, lines in zip(folders[: len(ended)], before, strict=False):
            assert list(chain.broken_promises(folder)) == [], folder
            assert lines_of(folder)[: len(lines)] == lines
            settings.DUMP_DIR = folder
            assert client.get("/dump/").status_code == 200
    whole = tmp_path / "whole"
    export(whole)
    for folder in folders[: len(ended)]:
        export(folder, chained=True)
        assert list(chain.broken_promises(folder)) == []
        nights = {chain.night_name(n) for n in range(1, len(lines_of(folder)) + 1)}
        names = {path.name for path in folder.iterdir() if path.name[0] != "."}
        assert names - {chain.CHAIN, *nights} == {
            path.name for path in whole.iterdir() if path.name[0] != "."
        }
        for line in (folder / "SHA256SUMS").read_text().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
            if name not in {chain.CHAIN, *nights}:
                assert (folder / name).read_bytes() == (whole / name).read_bytes()
        last = json.loads(lines_of(folder)[-1])["manifest_sha256"]
        assert last == hashlib.sha256((folder / chain.MANIFEST).read_bytes()).hexdigest()


def test_a_manifest_that_was_changed_is_told(client: Client, tmp_path: Path) -> None:
    export(tmp_path, chained=True)
    send(client, 20_000)
    export(tmp_path)  # by hand, into the folder of the nightly task
    assert list(chain.broken_promises(tmp_path)) == []
    assert len(lines_of(tmp_path)) == 2
    sentence = "the chain of manifests: the last line is of another manifest"
    (tmp_path / chain.NEXT).write_bytes(b"not what the line says")
    for change in (Path.unlink, Path.touch):
        change(tmp_path / chain.MANIFEST)
        assert list(chain.broken_promises(tmp_path)) == [sentence]
