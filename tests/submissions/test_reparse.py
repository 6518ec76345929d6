"""Reading again: new readings beside the old, a report that breaks us, and promises that are
checked.
"""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from registry.models import Cell, RawReport, Reading, Run
from registry.models.report import MAX_ATTEMPTS
from registry.models.summary import summarise
from submissions import ingest, intake, reparse, seed, tasks
from submissions.verify import broken_promises
from tests import reports

pytestmark = pytest.mark.django_db


def send(client: Client) -> RawReport:
    body = reports.as_bytes(reports.envelope())
    answer = client.post("/api/v1/reports/", body, content_type="application/json")
    return RawReport.objects.get(public_id=answer.json()["id"])


def broken(*args: Any) -> None:
    raise RuntimeError("a fault of ours")


def unread(client: Client, monkeypatch: pytest.MonkeyPatch) -> RawReport:
    """A report that was stored while our reading was broken."""
    with monkeypatch.context() as patch:
        patch.setattr(intake, "read_document", broken)
        return send(client)


def test_nothing_changes_without_a_new_parser(client: Client) -> None:
    send(client)
    seed.load()
    before = list(Reading.objects.values())
    outcome = reparse.reparse()
    assert (outcome.reports, outcome.changed, outcome.failed) == (Reading.objects.count(), [], {})
    assert outcome.results_before == outcome.results_after
    assert list(Reading.objects.values()) == before


def test_a_new_parser_writes_beside_the_old_facts_and_switches(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = send(client)
    summarise()
    old = Reading.objects.get()
    for module in (reparse, ingest):
        monkeypatch.setattr(module, "PARSER_VERSION", 2)
    reparse.reparse()
    assert [(r.parser_version, r.active) for r in Reading.objects.order_by("id")] == [
        (1, False),
        (2, True),
    ]
    assert old.runs.count() == 3
    assert list(report.events.values_list("kind", flat=True))[-1] == "reparsed"
    summarise()
    assert Cell.objects.get().n_runs == 3
    assert list(broken_promises()) == []


def test_what_a_new_parser_changes_is_named_before_it_is_done(client: Client) -> None:
    report = send(client)
    Run.objects.filter(run_index=0).update(value=1.0)
    outcome = reparse.reparse(dry_run=True)
    assert outcome.changed == [report.public_id]
    assert Run.objects.filter(value=1.0).exists()
    reparse.reparse()
    assert not Run.objects.filter(value=1.0, reading__active=True).exists()


def test_the_command_prints_one_json_object(client: Client) -> None:
    send(client)
    output = io.StringIO()
    call_command("reparse_reports", "--json", stdout=output)
    assert json.loads(output.getvalue())["reports"] == 1


def test_a_stored_report_is_read_by_the_sweep(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = unread(client, monkeypatch)
    tasks.sweep()
    report.refresh_from_db()
    assert (report.status, report.attempts, report.lease_until) == ("published", 1, None)
    assert Run.objects.count() == 3


def test_a_report_that_breaks_us_again_and_again_is_held_with_the_reason(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = unread(client, monkeypatch)
    monkeypatch.setattr(tasks, "read", broken)
    for _ in range(MAX_ATTEMPTS):
        RawReport.objects.update(not_before=timezone.now() - timedelta(seconds=1))
        tasks.sweep()
    report.refresh_from_db()
    assert (report.status, report.status_reason) == ("held", "processing_failed")
    assert "a fault of ours" in report.last_error
    assert not RawReport.objects.to_read().exists()


def test_a_report_that_takes_its_reader_down_is_held_too(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader was killed each time, so nobody could count but the claim."""
    report = unread(client, monkeypatch)
    RawReport.objects.update(attempts=MAX_ATTEMPTS)
    tasks.sweep()
    report.refresh_from_db()
    assert (report.status, report.status_reason) == ("held", "processing_failed")


def test_one_reader_at_a_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    report = unread(client, monkeypatch)
    assert RawReport.objects.claim(report.pk)
    assert not RawReport.objects.claim(report.pk)
    RawReport.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert RawReport.objects.claim(report.pk)


def test_verify_names_a_changed_byte_and_a_changed_fact(client: Client) -> None:
    report = send(client)
    call_command("verify_registry", stdout=io.StringIO())
    Run.objects.filter(run_index=0).update(value=1.0)
    RawReport.objects.update(body_sha256="0" * 64)
    output = io.StringIO()
    with pytest.raises(CommandError):
        call_command("verify_registry", stdout=output)
    assert output.getvalue().splitlines() == [
        f"report {report.public_id}: its bytes do not have their sha256",
        f"report {report.public_id}: its facts are not what its bytes say",
    ]


def test_verify_misses_what_a_manifest_names(client: Client, tmp_path: Any) -> None:
    report = send(client)
    rows = [
        {"id": report.public_id, "body_sha256": report.body_sha256},
        {"id": "a" * 16, "body_sha256": ""},
    ]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    output = io.StringIO()
    with pytest.raises(CommandError):
        call_command("verify_registry", "--manifest", str(manifest), stdout=output)
    assert output.getvalue().startswith(f"report {'a' * 16}: named in the manifest")


def test_the_seed_data_are_imported_reports_with_their_source() -> None:
    assert seed.load() == 10
    assert seed.load() == 0
    report = RawReport.objects.get(source_ref__endswith="row gist-4")
    assert report.imported
    assert report.status == "published"
    assert str(report.source_ref).startswith("gist 985475")
    assert Run.objects.filter(reading__report=report).count() == 3
    assert Run.objects.filter(recipe__test="HTTP_ACCEPT").count() == 2
    assert not Run.objects.exclude(bound="exact").exclude(recipe__test="HTTP_ACCEPT").exists()


def test_parse_report_reads_files_and_standard_input(tmp_path: Any, capsys: Any) -> None:
    good, other = tmp_path / "good.txt", tmp_path / "other.txt"
    good.write_text(reports.text())
    other.write_text(reports.NOT_NETPERF)
    call_command("parse_report", "--json", str(good), str(other))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(line["results"]) for line in lines] == [1, 0]
    assert sorted(lines[0]) == ["path", "results", "unrecognised", "warnings"]
    with pytest.raises(CommandError):
        call_command("parse_report", str(tmp_path / "missing.txt"))
