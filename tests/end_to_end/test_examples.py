"""The commands that pages and documents tell people to copy, run as they stand by a shell: what a
reader does first must work.
"""

import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from registry.models.summary import summarise
from tests import installed, reports

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = re.compile(r'<pre class="command" tabindex="0"><code>(.*?)</code></pre>', re.DOTALL)


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    """A registry with one report, whose pages name its own address."""
    settings.PUBLIC_URL = live_server.url
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": plain}}
    body = reports.as_bytes(reports.envelope())
    answer = Client().post("/api/v1/reports/", body, content_type="application/json")
    assert answer.status_code == 201
    summarise()
    return str(live_server.url)


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `netperf` prints a report at once, and there is nothing but curl."""
    curl = installed.require("curl", "curl")
    netperf = tmp_path / "netperf"
    (tmp_path / "report.txt").write_text(reports.text(31_415.92))
    netperf.write_text(f"#!/bin/sh\ncat {tmp_path}/report.txt\n")
    netperf.chmod(0o755)
    (tmp_path / "curl").symlink_to(curl)
    tools = str(Path(shutil.which("cat") or "").parent)
    return {"PATH": os.pathsep.join([str(tmp_path), tools]), "HOME": str(tmp_path)}


def commands_of(page: str) -> list[str]:
    """Those that ask the registry; the client's own are run by tests/client."""
    found = [unescape(each) for each in COMMAND.findall(Client().get(page).content.decode())]
    return [each for each in found if "/api/v1/" in each and "TOKEN" not in each]


def run(command: str, shell: dict[str, str]) -> str:
    quiet = command.replace("curl ", "curl --silent --show-error --fail-with-body ")
    done = subprocess.run(
        ["sh", "-c", quiet],
        env=shell,
        cwd=shell["HOME"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(("page", "at_least"), [("/api/docs/", 9), ("/contribute/", 1)])
def test_every_example_of_a_page_works(
    site: str, shell: dict[str, str], page: str, at_least: int
) -> None:
    commands = commands_of(page)
    assert len(commands) >= at_least
    for command in commands:
        assert site in command
        assert run(command, shell).strip()


@pytest.mark.parametrize("document", ["README.md", "docs/api.md", "docs/quickstart.md"])
def test_every_call_of_a_document_works(site: str, shell: dict[str, str], document: str) -> None:
    text = (ROOT / document).read_text()
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    calls = [line for line in lines if "curl " in line and "/api/v1/" in line]
    assert calls
    for call in calls:
        assert run(call.replace("http://127.0.0.1:8000", site), shell).strip()
