"""Importing files, directories and envelopes: what is stored, known and refused, and what an
attacker's files may not do.
"""

import contextlib
import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from charts.models import Chart
from registry.models import Cell, Generation, RawReport, Reading, ReportEvent, Run, Submitter
from submissions import intake, plausibility
from submissions.importers import pool, sources
from submissions.reparse import reparse
from submissions.verify import broken_promises
from tests import reports

pytestmark = pytest.mark.django_db


def imported(*paths: Path | str) -> list[dict[str, Any]]:
    """The lines of --json."""
    out = io.StringIO()
    call_command("import_reports", *map(str, paths), "--json", stdout=out, stderr=io.StringIO())
    return [json.loads(line) for line in out.getvalue().splitlines()]


def outcomes(lines: list[dict[str, Any]]) -> list[str]:
    return [line["outcome"] for line in lines]


def written(folder: Path, *texts: str) -> Path:
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text)
    return folder


def test_a_directory_is_read_in_the_order_of_names_and_below(tmp_path: Path) -> None:
    below = tmp_path / "0.d"
    below.mkdir()
    (below / "b.txt").write_text(reports.text(1000.5))
    (tmp_path / "1.txt").write_text(reports.text(2000.5))
    (tmp_path / ".hidden").write_text(reports.text(3000.5))
    (tmp_path / "2.txt").write_text(reports.NOT_NETPERF)
    lines = imported(tmp_path)
    assert [(line["path"], line["outcome"]) for line in lines] == [
        (str(below / "b.txt"), "stored"),
        (str(tmp_path / "1.txt"), "stored"),
        (str(tmp_path / "2.txt"), "refused"),
    ]
    assert [run.value for run in Run.objects.order_by("id")] == [1000.5, 2000.5]
    assert lines[2]["code"] == "not_netperf"


def test_an_imported_report_says_so_and_its_figures_are_of_a_recipe_of_their_own(
    tmp_path: Path, client: Client
) -> None:
    [line] = imported(written(tmp_path, reports.text()))
    answer = client.get(f"/api/v1/reports/{line['id']}/").json()
    assert (answer["source"], answer["metadata_incomplete"]) == ("import", True)
    assert answer["status"] == "published"
    assert [event["kind"] for event in answer["events"]] == ["received", "published"]
    assert Run.objects.get().recipe.source == "imported"
    assert Submitter.objects.get().is_import


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    envelopes = tmp_path / "saved.jsonl"
    envelopes.write_bytes(
        b"\n".join(reports.as_bytes(reports.envelope(reports.run(n))) for n in (7, 8))
    )
    (tmp_path / "a.txt").write_text(reports.text())
    tables = (RawReport, Reading, Run, ReportEvent, Cell, Generation)
    assert outcomes(imported(tmp_path)) == ["stored"] * 3
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    assert outcomes(imported(tmp_path)) == ["known"] * 3
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


def test_the_same_text_twice_in_one_import_is_one_report(tmp_path: Path) -> None:
    lines = imported(written(tmp_path, reports.text(), reports.text()))
    assert outcomes(lines) == ["stored", "known"]
    assert lines[0]["id"] == lines[1]["id"]


def test_what_came_through_the_api_is_known(tmp_path: Path, client: Client) -> None:
    body = reports.as_bytes(reports.envelope())
    sent = client.post("/api/v1/reports/", body, content_type="application/json").json()
    saved = tmp_path / "saved.jsonl"
    saved.write_bytes(body + b"\n")
    [line] = imported(saved)
    assert (line["outcome"], line["id"]) == ("known", sent["id"])


def test_a_batch_is_stored_as_intake_stores_each(tmp_path: Path, client: Client) -> None:
    """One meaning, whichever way a report came: all but who sent it and how."""
    body = reports.as_bytes(reports.envelope(machine_id="ab" * 16, notes="a note"))
    sent = client.post("/api/v1/reports/", body, content_type="application/json").json()
    alone = RawReport.objects.get(public_id=sent["id"])
    saved = tmp_path / "saved.jsonl"
    saved.write_bytes(body.replace(b"a note", b"b note") + b"\n")
    [line] = imported(saved)
    batched = RawReport.objects.get(public_id=line["id"])
    assert batched.machine == alone.machine
    assert batched.notes == "b note"
    assert batched.format == alone.format == "envelope/1"
    assert facts_of(batched) == facts_of(alone)


def test_an_imported_envelope_counts_as_if_it_had_been_sent(tmp_path: Path, client: Client) -> None:
    """It says all that a sent one says; an operator's file has a sender for each machine."""
    saved = tmp_path / "saved.jsonl"
    saved.write_bytes(
        b"".join(
            reports.as_bytes(reports.envelope(reports.run(rate), machine_id=f"{rate:032x}")) + b"\n"
            for rate in (20_000, 20_500, 21_000)
        )
    )
    lines = imported(saved)
    (row,) = client.get("/api/v1/leaderboard/").json()["rows"]
    assert (row["ranked"], row["n_machines"], row["n_submitters"]) == (True, 3, 3)
    assert row["recipe"]["source"] == "plan"
    answer = client.get(f"/api/v1/reports/{lines[0]['id']}/").json()
    assert (answer["source"], answer["metadata_incomplete"]) == ("import", False)


def facts_of(report: RawReport) -> list[dict[str, Any]]:
    """All rows of a report's reading but their keys, and the recipe, which names the source."""
    own = {"id", "reading_id", "report_id", "recipe_id", "submitter_id", "created_at"}
    reading = Reading.objects.get(report=report)
    tables: tuple[Any, ...] = (Reading.objects.filter(pk=reading.pk), reading.results, reading.runs)
    return [
        {name: value for name, value in row.items() if name not in own | {"summarised"}}
        for table in tables
        for row in table.order_by("pk").values()
    ]


def test_summaries_and_chart_marks_include_the_reports_on_return(tmp_path: Path) -> None:
    chart = Chart.objects.create(slug="any", scope='{"tests":[],"recipe":{}}', params={})
    imported(written(tmp_path, *(reports.text(20000.0 + n) for n in range(5))))
    assert Reading.objects.filter(summarised=False).count() == 0
    [cell] = Cell.objects.all()
    assert (cell.n_runs, cell.n_sittings) == (5, 5)
    chart.refresh_from_db()
    assert chart.wanted == Generation.current() > 0


def test_every_promise_holds_for_what_was_imported(tmp_path: Path) -> None:
    imported(written(tmp_path, reports.text(), reports.text(5.0) + reports.text(6.0)))
    assert list(broken_promises()) == []
    assert not reparse().changed


def test_several_processes_give_what_one_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "ITEMS_AT_ONCE", 2)
    monkeypatch.setattr(pool, "processors", lambda: 2)
    texts = [reports.text(100.0 + n) for n in range(9)]
    texts[4] = reports.NOT_NETPERF
    lines = imported(written(tmp_path, *texts))
    assert outcomes(lines) == ["stored"] * 4 + ["refused"] + ["stored"] * 4
    assert [run.value for run in Run.objects.order_by("id")] == [
        100.0 + n for n in range(9) if n != 4
    ]


def test_envelopes_are_checked_line_by_line(tmp_path: Path) -> None:
    good = reports.as_bytes(reports.envelope())
    saved = tmp_path / "saved.jsonl"
    saved.write_bytes(b"\n".join([good, b'{"report_version": 1}', b"{", b"", b"[" * 99]))
    lines = imported(saved)
    assert [(line["path"][-6:], line.get("code")) for line in lines] == [
        ("line 1", None),
        ("line 2", "invalid"),
        ("line 3", "not_json"),
        ("line 5", "too_deep"),
    ]
    assert lines[1]["details"]


def test_an_envelope_over_many_lines_is_one_report(tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps(reports.envelope(), indent=2))
    [line] = imported(saved)
    assert line["outcome"] == "stored"
    assert RawReport.objects.get().format == "envelope/1"


def test_standard_input_is_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(reports.text().encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    [line] = imported("-")
    assert (line["path"], line["outcome"]) == ("-", "stored")


def test_exit_codes_tell_unreadable_from_useless(tmp_path: Path) -> None:
    for paths, code in (
        (["good.txt", "no.txt"], None),
        (["no.txt"], 1),
        (["good.txt", "absent.txt"], 2),
    ):
        (tmp_path / "good.txt").write_text(reports.text())
        (tmp_path / "no.txt").write_text(reports.NOT_NETPERF)
        full = [tmp_path / path for path in paths]
        if code is None:
            imported(*full)
            continue
        with pytest.raises(CommandError) as raised:
            imported(*full)
        assert raised.value.returncode == code
    assert RawReport.objects.count() == 1


def test_lines_for_people_cannot_steer_their_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J\u202e.txt").write_text(reports.text())
    out = io.StringIO()
    call_command("import_reports", str(tmp_path), stdout=out)
    first, last = out.getvalue().splitlines()
    assert r"a\x1b[2J\u202e.txt: stored" in first
    assert last == "1 stored"


def test_addresses_are_taken_out_before_anything_is_stored(tmp_path: Path) -> None:
    text = reports.text().replace("to 127.0.0.1 ()", "to secret.example.net (192.0.2.77)")
    imported(written(tmp_path, text))
    body = bytes(RawReport.objects.get().body or b"")
    assert b"secret" not in body
    assert b"192.0.2.77" not in body


def test_links_that_lead_back_and_pipes_end(tmp_path: Path) -> None:
    written(tmp_path, reports.text())
    (tmp_path / "back").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    os.mkfifo(tmp_path / "pipe")
    lines = {Path(line["path"]).name: line for line in _lines_whatever_the_code(tmp_path)}
    assert lines["0.txt"]["outcome"] == "stored"
    assert lines["back"]["outcome"] == "skipped"
    assert lines["self"]["outcome"] == "refused"
    assert lines["pipe"]["code"] == "no_file"


def _lines_whatever_the_code(path: Path) -> list[dict[str, Any]]:
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("import_reports", str(path), "--json", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_what_is_no_text_or_too_large_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "UNPACKED_LIMIT_BYTES", 10**6)
    (tmp_path / "a.txt").write_bytes(b"\x80" * 50)
    (tmp_path / "b.txt").write_bytes(b"\0" * 100)
    (tmp_path / "c.txt").write_bytes(b" " * (600 * 1024))
    (tmp_path / "d.gz").write_bytes(gzip.compress(b"x" * 10**7))
    (tmp_path / "e.gz").write_bytes(gzip.compress(reports.text().encode())[:-9])
    (tmp_path / "f.gz").write_bytes(gzip.compress(reports.text(3.0).encode()))
    (tmp_path / "g.jsonl").write_bytes(b'{"report_version"' + b" " * (600 * 1024) + b"\n{}\n")
    assert [(line["outcome"], line.get("code")) for line in imported(tmp_path)] == [
        ("refused", "not_utf8"),
        ("refused", "bad_text"),
        ("refused", "too_large"),
        ("refused", "too_large"),
        ("refused", "bad_gzip"),
        ("stored", None),
        ("refused", "too_large"),
        ("refused", "invalid"),
    ]


def test_a_batch_that_cannot_be_written_together_is_written_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = intake.write_new

    def failing(new: Any, actor: str) -> Any:
        if len(new) > 1:
            RawReport.objects.create(received_digest="0" * 64)  # no submitter: it is refused
        return whole(new, actor)

    monkeypatch.setattr(intake, "write_new", failing)
    lines = imported(written(tmp_path, reports.text(), reports.text(5.0)))
    assert outcomes(lines) == ["stored", "stored"]
    assert Reading.objects.count() == 2
    assert RawReport.objects.filter(status="published").count() == 2


def test_a_report_that_breaks_our_reader_is_stored_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(intake, "read_document", broken)
        [line] = imported(written(tmp_path, reports.text()))
    assert (line["outcome"], line["status"]) == ("stored", "received")
    assert RawReport.objects.to_read().count() == 1


def test_what_a_rule_holds_is_held_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = plausibility.Rule("never", lambda subject: iter(["not today"]), "hold")
    monkeypatch.setattr(plausibility, "RULES", (rule,))
    [line] = imported(written(tmp_path, reports.text()))
    assert (line["outcome"], line["status"], line["message"]) == ("held", "held", "not today")
    assert [event.kind for event in RawReport.objects.get().events.all()] == ["received", "held"]
    assert not Cell.objects.exists()


def test_what_a_rule_refuses_is_refused_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = plausibility.Rule("never", lambda subject: iter(["not today"]), "refuse")
    monkeypatch.setattr(plausibility, "RULES", (rule,))
    with contextlib.suppress(CommandError):
        imported(written(tmp_path, reports.text()))
    assert not RawReport.objects.exists()


def test_reports_of_one_batch_with_the_same_figures_name_the_first(tmp_path: Path) -> None:
    text = reports.text(23456.7) + reports.text(34567.8)
    imported(written(tmp_path, text, text + "\n", text + "\n\n"))
    first, *others = RawReport.objects.order_by("id")
    flags = [Reading.objects.get(report=report).flags for report in (first, *others)]
    named = [[f["message"] for f in found if f["rule"] == "same_figures"] for found in flags]
    assert named[0] == []
    assert all(first.public_id in messages[0] for messages in named[1:])
