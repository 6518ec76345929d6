"""T33 of the reliability plan for the client: on a host whose every private fact is a canary, none
of them leaves, is written to a disk or is printed, in any form.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.client import namespace
from tests.end_to_end import canary_host
from tests.end_to_end.canaries import CANARIES, hits

pytestmark = pytest.mark.skipif(bool(namespace.why_not()), reason=namespace.why_not())
NOT_SENT, CANNOT_MEASURE = 1, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("canary")


@pytest.fixture(scope="module")
def host(folder: Path, netperf_path: str) -> dict[str, Any]:
    return canary_host.run(folder)


@pytest.fixture(scope="module")
def written(folder: Path, host: dict[str, Any]) -> dict[str, bytes]:
    """All files that the commands have left, by their path below /home."""
    home = folder / "home"
    paths = [path for path in home.rglob("*") if path.is_file()]
    return {str(path.relative_to(home)): path.read_bytes() for path in paths}


def test_any_program_on_the_host_finds_every_canary(host: dict[str, Any]) -> None:
    found = {hit.partition(": ")[2] for hit in hits("host", host["host"].encode())}
    assert {f"{canary} as it is" for canary in CANARIES} <= found


def test_every_command_did_its_work(host: dict[str, Any]) -> None:
    codes = {name: code for name, (code, _) in host["said"].items()}
    failing = {
        "send to nobody": NOT_SENT,
        "nobody as JSON": NOT_SENT,
        "refuse": CANNOT_MEASURE,
    }
    assert codes == {**dict.fromkeys(codes, 0), **failing}


def test_no_request_holds_a_canary(host: dict[str, Any]) -> None:
    """Three reports: one measured and sent, one sent from a file, one of an experiment."""
    sent = [json.loads(body) for _, _, body in host["requests"]]
    assert [len(report["runs"]) for report in sent] == [3, 3, 13]
    for report in sent:
        assert report["environment"]["cloud"]["image"] == canary_host.HARMLESS["ami-id"]
        assert report["environment"]["nic"]["driver"] is None
        assert report["environment"]["nic"]["mtu_bytes"] == 1500
    assert hits("requests", json.dumps(host["requests"]).encode()) == []


def test_the_cloud_is_asked_for_nothing_private(host: dict[str, Any]) -> None:
    assert {path.rpartition("/")[2] for path, _ in host["asked"]} == canary_host.HARMLESS.keys()
    assert hits("questions", json.dumps(host["asked"]).encode()) == []


def test_nothing_leaves_by_the_card(host: dict[str, Any]) -> None:
    """Not even a question to the name server: only the word that shows that we see what leaves."""
    packets = [base64.b64decode(packet) for packet in host["packets"]]
    assert [canary_host.PROBE in packet for packet in packets] == [True]


def test_nothing_written_holds_a_canary(written: dict[str, bytes]) -> None:
    assert len([name for name in written if name.endswith(".json.claim")]) == 3
    assert b"THROUGHPUT=" in written["quetzalcoatl/secret/report.json"]
    own = [Path(name).name for name in written]
    assert hits("names", "\n".join(own).encode()) == []
    assert [hit for name, content in written.items() for hit in hits(name, content)] == []


def test_nothing_printed_holds_a_canary_but_the_path_that_the_user_gave(
    host: dict[str, Any],
) -> None:
    printed = {name: text for name, (_, text) in host["said"].items()}
    assert "THROUGHPUT=" in printed["show before sending"]
    elsewhere = printed["measure elsewhere"]
    assert canary_host.OWN_PATH in elsewhere
    printed["measure elsewhere"] = elsewhere.replace(canary_host.OWN_PATH, "")
    assert [hit for name, text in printed.items() for hit in hits(name, text.encode())] == []
