"""The promises of the house: pinned dependencies with reasons, and tests that stay at home."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def asked() -> list[str]:
    lines = (ROOT / "requirements.in").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_dependency_has_its_reason() -> None:
    assert [line for line in asked() if not re.search(r"  # \S", line)] == []


def test_every_dependency_is_pinned_with_hashes_and_without_an_index() -> None:
    text = (ROOT / "requirements.txt").read_text()
    pins = re.split(r"\n(?=\S)", text.strip())
    assert [pin for pin in pins if not re.match(r"[\w.-]+==\S+.*\n +--hash=sha256:", pin)] == []
    names = {pin.partition("==")[0] for pin in pins}
    assert {re.split(r"[^\w.-]", line)[0] for line in asked()} <= names
    assert "://" not in text


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "registry.invalid"])
def test_no_test_reaches_another_machine(host: str) -> None:
    with pytest.raises(PermissionError, match="outside of this machine"):
        socket.create_connection((host, 9))


def test_the_list_for_scanners_names_every_pin_with_its_digests() -> None:
    done = subprocess.run([sys.executable, "deploy/sbom.py"], cwd=ROOT, capture_output=True)
    listed = json.loads(done.stdout)["components"]
    pins = re.findall(
        r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert [(one["name"], one["version"]) for one in listed] == pins
    assert all(one["hashes"] for one in listed)
    assert sum("licenses" in one for one in listed) > len(listed) * 0.9
