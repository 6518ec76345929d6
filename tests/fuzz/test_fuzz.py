"""The fuzzer's own parts: its rules notice faults, and a fault is kept once and small."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from crr_submit import netperf
from submissions import privacy
from tests import reports
from tests.fuzz import findings, invariants, seeds
from tests.fuzz.findings import Broken, Findings

PARSE = netperf.parse


def test_a_number_that_is_not_in_the_text_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(text: str) -> netperf.ParsedReport:
        read = PARSE(text)
        return replace(
            read, results=tuple(replace(one, value=2 * one.value) for one in read.results)
        )

    invariants.check_parsing(reports.text())
    monkeypatch.setattr(netperf, "parse", doubled)
    with pytest.raises(Broken, match=r"number: value is 46913\.56"):
        invariants.check_parsing(reports.text())


def test_a_value_that_scrubbing_takes_away_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = privacy.Scrubbed("", {})
    monkeypatch.setattr(invariants, "scrub", lambda text: gone)
    with pytest.raises(Broken, match="scrub-results: 1 results became 0"):
        invariants.check_scrubbing_of_netperf(reports.text())


def test_a_value_that_scrubbing_makes_up_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    other = privacy.Scrubbed(reports.text(31_415.92), {})
    monkeypatch.setattr(invariants, "scrub", lambda text: other)
    with pytest.raises(Broken, match=r"number: value is 31415\.92"):
        invariants.check_scrubbing(reports.text(27_182.81))


def test_a_fault_of_intake_is_not_kept_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(document: object, imported: bool = False) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("submissions.intake.read_document", fails)
    monkeypatch.setattr("submissions.read.read_document", fails)
    with pytest.raises(ZeroDivisionError):
        invariants.check_intake(reports.text().encode(), "text/plain")


def test_a_finding_is_kept_once_and_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(findings, "FOLDER", tmp_path)
    monkeypatch.setattr(findings, "ROOT", tmp_path)

    def check(body: bytes) -> None:
        if b"x" in body:
            raise ValueError("an x")

    found = Findings("demo", check)
    for body in (b"harmless", b"some x and more", b"x again"):
        found.try_body(body)
    (kept,) = tmp_path.glob("demo-ValueError-*.txt")
    assert kept.read_bytes() == b"x"
    assert "an x" in kept.with_suffix(".why").read_text()


def test_the_dictionary_is_one_that_libfuzzer_reads(tmp_path: Path) -> None:
    seeds.write_dictionary(tmp_path / "words")
    lines = (tmp_path / "words").read_text(encoding="ascii").splitlines()
    entry = re.compile(r'"(?:[^"\\]|\\\\|\\"|\\x[0-9a-f]{2})+"')
    assert [line for line in lines if not entry.fullmatch(line)] == []
    assert '"THROUGHPUT="' in lines
