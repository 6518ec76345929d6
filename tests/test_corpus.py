"""Walks the corpus of published reports: CORPUS_DIR, by default beside the repository."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crr_submit import netperf
from submissions.decode import Document
from submissions.normalise import normalise
from submissions.parsing import parse
from submissions.plausibility import check
from submissions.privacy import scrub
from submissions.redact import redacted

ROOT = Path(__file__).resolve().parents[1]
CORPUS = Path(os.environ.get("CORPUS_DIR") or ROOT.parent / "shared" / "corpus")
MANIFEST = CORPUS / "manifest.jsonl"

# Files that other versions of the parser are to read whole. One that passes must leave this list.
NOT_YET_READ: frozenset[str] = frozenset()
# Kernels of the origin's table.
VERSIONS = {"2.6.36.4", "2.6.38.6"}
NAMING = (
    "hostname: throughput7\n",
    "Linux size-1 6.1.0-9-amd64 #1 SMP\n",
    "Nov 23 06:10:11 trans5 kernel: x\n",
    "eve@rate9:~$ netperf -H 203.0.113.7\n",
    "USER=bytes2 /home/sec4/x\n",
    "203.0.113.7 elapsed3 send8\n",
    "00:16:3e:12:34:56 2001:db8::7 i-0123456789abcdef0\n",
    "64 bytes from recv6 (203.0.113.7): icmp_seq=1\n",
)
# What is odd in these is true: netperf itself warns that its interval is too wide.
TRUE_FLAGS = {"049-manual-confidence-warning.txt": {"confidence_width"}}
# netperf's own error lines; the manifest also notes what a person said of a failure.
OWN_ERRORS = ("establish control", "send_data", "recv_response", "netperf:")

if not MANIFEST.exists():
    NOTICE = f"no corpus of published reports in {CORPUS}: set CORPUS_DIR"
    pytest.skip(NOTICE, allow_module_level=True)

LINES = [json.loads(line) for line in MANIFEST.read_text(encoding="utf-8").splitlines()]
files = pytest.mark.parametrize("says", LINES, ids=[line["file"] for line in LINES])


def text_of(says: dict[str, Any]) -> str:
    return (CORPUS / says["file"]).read_text(encoding="utf-8", errors="replace")


def differences(
    says: dict[str, Any], result: dict[str, Any], only_given: bool = False
) -> list[Any]:
    """Fields of a manifest's result that the parser reads otherwise."""
    expected = {**says, **confidence(says.get("confidence_as_printed") or {})}
    for not_a_field in ("confidence_as_printed", "printed", "transaction_rate"):
        expected.pop(not_a_field, None)
    return [
        (name, value, result.get(name))
        for name, value in expected.items()
        if result.get(name) != value and not (only_given and result.get(name) is None)
    ]


def confidence(printed: dict[str, Any]) -> dict[str, Any]:
    """The manifest's words for netperf's interval in those of a result; -1 is "not reached"."""
    width = printed.get("achieved_width_pct", printed.get("achieved_throughput_pct"))
    level = printed.get("level_pct")
    fields = {"netperf_confidence_level": level, "netperf_confidence_width_percent": width}
    return {name: value for name, value in fields.items() if value is not None and value >= 0}


def is_read_whole(says: dict[str, Any]) -> bool:
    read = [result.as_dict() for result in netperf.parse(text_of(says)).results]
    return len(read) == len(says["results"]) and not any(
        differences(expected, result)
        for expected, result in zip(says["results"], read, strict=True)
    )


@files
def test_exact_files_give_these_results_and_no_others(says: dict[str, Any]) -> None:
    if says["expect"] != "exact":
        return
    if says["file"] in NOT_YET_READ:
        assert says["format"] not in ("classic", "keyval")
        assert not is_read_whole(says), "it passes now: take it from NOT_YET_READ"
        return
    read = [result.as_dict() for result in netperf.parse(text_of(says)).results]
    assert [result["value"] for result in read] == [result["value"] for result in says["results"]]
    for expected, result in zip(says["results"], read, strict=True):
        assert not differences(expected, result)


@files
def test_what_is_given_of_other_files_is_in_the_manifest(says: dict[str, Any]) -> None:
    if says["expect"] == "exact":
        return
    report = netperf.parse(text_of(says))
    for result in report.results:
        assert any(not differences(known, result.as_dict(), True) for known in says["results"]), (
            result
        )
    if says["expect"] == "none":
        assert report.results == ()
        assert report.other_tool == says.get("other_tool")


@files
def test_errors_of_netperf_are_reported(says: dict[str, Any]) -> None:
    errors = netperf.parse(text_of(says)).errors
    for error in says.get("errors_in_text", []):
        if error.startswith(OWN_ERRORS):
            assert any(error.startswith(found) for found in errors), errors


@files
def test_published_reports_are_not_flagged(says: dict[str, Any]) -> None:
    """The published reports are believed, so each flag is a false one but those named."""
    document = redacted(Document(text=text_of(says)))
    parsed = parse(document)
    found = check(parsed, normalise(parsed, None, imported=False), None)
    assert {flag["rule"] for flag in found} == TRUE_FLAGS.get(says["file"], set()), found


def assert_scrubbing_changes_no_result_and_is_done_once(text: str) -> None:
    scrubbed = scrub(text).text
    assert netperf.parse(scrubbed).results == netperf.parse(text).results
    assert scrub(scrubbed).text == scrubbed


@files
def test_scrubbing_changes_no_result_and_is_done_once(says: dict[str, Any]) -> None:
    assert_scrubbing_changes_no_result_and_is_done_once(text_of(says))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_scrubbing_changes_no_result_of_mixed_texts(data: st.DataObject) -> None:
    """Pieces of published texts between lines that name machines, people and addresses."""
    text = ""
    for says in data.draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=3)):
        lines = text_of(says).split("\n")
        start = data.draw(st.integers(0, len(lines)))
        piece = lines[start : start + data.draw(st.integers(1, 40))]
        quote = data.draw(st.sampled_from(["", "> ", "| "]))
        text += "\n".join([data.draw(st.sampled_from(NAMING)), *(quote + line for line in piece)])
    assert_scrubbing_changes_no_result_and_is_done_once(text)


@files
def test_no_address_is_left(says: dict[str, Any]) -> None:
    """Whatever looks like an address of four numbers is gone, but loopback and what the text calls
    a version.
    """
    scrubbed = scrub(text_of(says)).text
    left = set(re.findall(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])", scrubbed))
    assert {each for each in left if not each.startswith(("127.", "0.0.0."))} <= VERSIONS
    assert not re.findall(r"(?i)\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", scrubbed)
    assert not re.findall(r"[\w.]+@(?!host-\d)[\w.-]+\.[a-z]{2,}", scrubbed)
    assert not re.findall(r"/(?:home|Users)/(?!user-\d)\w+", scrubbed)
    colons = r"(?<!\w)(?:[0-9A-Fa-f:]*::[0-9A-Fa-f:]*|(?:[0-9A-Fa-f]{1,4}:){7}\w+)"
    assert set(re.findall(colons, scrubbed)) <= {"::", "::0", "::1"}
