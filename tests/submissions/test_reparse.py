"""Reading again: new readings beside the old, a report that breaks us, and promises that are
checked.
"""

import io
import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from registry import verify as cells
from registry.models import Cell, RawReport, Reading, ReportEvent, Result, Run
from registry.models.report import MAX_ATTEMPTS
from registry.models.summary import summarise
from submissions import ingest, intake, read, reparse, seed, tasks, verify
from submissions.dump.export import export
from submissions.importers import prepare
from submissions.parsing import PARSER_VERSION
from tests import reports
from tests.submissions.test_dump import forget_everything

pytestmark = pytest.mark.django_db
NEXT_VERSION = PARSER_VERSION + 1


def send(client: Client, **more: Any) -> RawReport:
    body = reports.as_bytes(reports.envelope(**more))
    answer = client.post("/api/v1/reports/", body, content_type="application/json")
    return RawReport.objects.get(public_id=answer.json()["id"])


def broken(*args: Any) -> Any:
    raise RuntimeError("a fault of ours")


def unread(client: Client, monkeypatch: pytest.MonkeyPatch, **more: Any) -> RawReport:
    """A report that was stored while our reading was broken."""
    with monkeypatch.context() as patch:
        patch.setattr(intake, "read_document", broken)
        return send(client, **more)


def test_nothing_changes_without_a_new_parser(client: Client) -> None:
    send(client)
    seed.load()
    before = list(Reading.objects.values())
    outcome = reparse.reparse()
    assert (outcome.reports, outcome.n_switched) == (Reading.objects.count(), 0)
    assert (outcome.changed, outcome.failed) == ({}, {})
    assert outcome.results_before == outcome.results_after
    assert list(Reading.objects.values()) == before


def test_a_new_parser_writes_beside_the_old_facts_and_switches(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = send(client)
    summarise()
    old = Reading.objects.get()
    for module in (reparse, ingest):
        monkeypatch.setattr(module, "PARSER_VERSION", NEXT_VERSION)
    reparse.reparse()
    assert [(r.parser_version, r.active) for r in Reading.objects.order_by("id")] == [
        (PARSER_VERSION, False),
        (NEXT_VERSION, True),
    ]
    assert old.runs.count() == 3
    assert list(report.events.values_list("kind", flat=True))[-1] == "reparsed"
    summarise()
    assert Cell.objects.get().n_runs == 3
    assert list(verify.broken_promises()) == []


def test_what_a_new_parser_changes_is_named_before_it_is_done(client: Client) -> None:
    report = send(client)
    Run.objects.filter(run_index=0).update(value=1.0)
    outcome = reparse.reparse(dry_run=True)
    assert outcome.changed == {report.public_id: ["run 1.1: value 1.0 -> 23000.0"]}
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


def newer(monkeypatch: pytest.MonkeyPatch, change: Callable[[read.Content], read.Content]) -> None:
    """The next version of the parser, which reads what `change` makes of it."""
    older = read.read
    for module in (reparse, ingest, verify):
        monkeypatch.setattr(module, "PARSER_VERSION", NEXT_VERSION)
    for module in (reparse, verify):
        monkeypatch.setattr(module, "read", lambda *args: change(older(*args)))


def doubled(content: read.Content) -> read.Content:
    """As if the old parser had missed half of each rate."""
    return replace(
        content,
        runs=tuple(replace(run, value=2 * run.value) for run in content.runs),
        results=tuple({**result, "value": 2 * result["value"]} for result in content.results),
    )


def checked() -> str:
    output = io.StringIO()
    call_command("verify_registry", stdout=output)
    return output.getvalue()


def test_a_dry_run_says_what_would_change_and_writes_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = send(client)
    newer(monkeypatch, doubled)
    output = io.StringIO()
    call_command("reparse_reports", "--dry-run", stdout=output)
    lines = output.getvalue().splitlines()
    assert lines[:3] == [
        f"changed {report.public_id}",
        "  result 1.1.1: value 23000.0 -> 46000.0",
        "  result 2.1.1: value 23500.0 -> 47000.0",
    ]
    assert lines[-2:] == [
        "1 reports read, 3 results before, 3 after, 1 reports changed, 0 readable now, 0 failed",
        "nothing was written",
    ]
    assert (Reading.objects.count(), Run.objects.filter(value__gt=30_000).count()) == (1, 0)
    call_command("reparse_reports", "--dry-run", "--json", stdout=(output := io.StringIO()))
    told = json.loads(output.getvalue())
    assert (told["n_changed"], told["n_switched"], told["dry_run"]) == (1, 0, True)


def test_lines_are_told_up_to_a_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for rate in (100, 200, 300):
        client.post("/api/v1/reports/", reports.text(rate), content_type="text/plain")
    monkeypatch.setattr(reparse, "REPORTS_TOLD", 2)
    monkeypatch.setattr(reparse, "LINES_TOLD", 1)
    newer(monkeypatch, doubled)
    outcome = reparse.reparse()
    assert (outcome.n_changed, outcome.n_switched, len(outcome.changed)) == (3, 3, 2)
    assert {tuple(lines[1:]) for lines in outcome.changed.values()} == {("and more",)}


def test_pages_answer_while_everything_is_read_anew(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [send(client, notes=str(number)) for number in range(3)]
    summarise()
    newer(monkeypatch, doubled)
    monkeypatch.setattr(reparse, "REPORTS_AT_ONCE", 1)
    old, new = {23000.0, 23500.0, 24000.0}, {46000.0, 47000.0, 48000.0}
    seen: list[list[set[float]]] = []

    def values(public_id: str) -> set[float]:
        results = client.get(f"/api/v1/reports/{public_id}/").json()["results"]
        return {result["value"] for result in results}

    def look(done: int, total: int) -> None:
        addresses = ("/", "/leaderboard/", "/reports/", *(f"/r/{r.public_id}" for r in sent))
        assert [client.get(address).status_code for address in addresses] == [200] * 6
        seen.append([values(report.public_id) for report in sent])
        send(client, notes=f"sent meanwhile {done}")

    reparse.reparse(progress=look)
    assert seen == [[new, old, old], [new, new, old], [new, new, new]]
    while summarise():
        pass
    assert math.exp(Cell.objects.get().mean_ln) > 30_000


def test_a_run_that_was_killed_is_finished_by_the_next(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        send(client, notes=str(number))
    newer(monkeypatch, doubled)
    monkeypatch.setattr(reparse, "REPORTS_AT_ONCE", 2)

    def kill(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reparse.reparse(progress=kill)
    assert Reading.objects.filter(active=True, parser_version=NEXT_VERSION).count() == 2
    assert reparse.reparse().n_switched == 2
    assert reparse.reparse().n_switched == 0
    assert Reading.objects.filter(active=True, parser_version=NEXT_VERSION).count() == 4
    assert ReportEvent.objects.filter(kind="reparsed").count() == 4
    while summarise():
        pass
    assert "all promises hold" in checked()


def test_what_was_held_unread_is_published_when_it_can_be_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable, judged = (unread(client, monkeypatch, notes=str(n)) for n in range(2))
    unreadable.move_to(RawReport.Status.HELD, actor="reader", reason="processing_failed")
    judged.move_to(RawReport.Status.HELD, actor="moderator:ada", reason="let us ask")
    assert reparse.reparse(dry_run=True).freed == [unreadable.public_id]
    assert reparse.reparse().freed == [unreadable.public_id]
    assert [RawReport.objects.get(pk=r.pk).status for r in (unreadable, judged)] == [
        "published",
        "held",
    ]
    summarise()
    assert "all promises hold" in checked()


def test_what_was_restored_unread_gets_its_facts_and_keeps_its_state(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    sent = send(client, notes="mine")
    export(tmp_path)
    forget_everything()
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "read", broken)
        call_command("import_reports", str(tmp_path), "--restore")
    report = RawReport.objects.get()
    assert (report.public_id, report.status) == (sent.public_id, "published")
    assert not Reading.objects.exists()

    with monkeypatch.context() as patch:
        patch.setattr(reparse, "read", broken)
        assert list(reparse.reparse().failed) == [report.public_id]
    assert reparse.reparse(dry_run=True).n_changed == 1
    assert not Reading.objects.exists()
    outcome = reparse.reparse()
    assert (outcome.n_switched, outcome.results_before, outcome.results_after) == (1, 0, 3)
    report.refresh_from_db()
    assert (report.status, report.notes) == ("published", "mine")
    summarise()
    assert Cell.objects.get().n_runs == 3
    assert reparse.reparse().n_switched == 0
    assert list(verify.broken_promises()) == []


def test_a_decision_stands_whatever_is_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, withdrawn = send(client, notes="1"), send(client, notes="2")
    held.move_to(RawReport.Status.HELD, actor="moderator:ada", reason="let us ask")
    withdrawn.move_to(RawReport.Status.WITHDRAWN, actor="sender")
    newer(monkeypatch, doubled)
    assert reparse.reparse().reports == 1
    held.refresh_from_db()
    assert (held.status, held.status_reason) == ("held", "let us ask")
    assert Reading.objects.get(report=withdrawn).parser_version == PARSER_VERSION


def test_a_report_withdrawn_while_it_is_read_again_is_left_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = send(client)

    def withdrawn_meanwhile(content: read.Content) -> read.Content:
        RawReport.objects.get(pk=report.pk).move_to(RawReport.Status.WITHDRAWN, actor="sender")
        return doubled(content)

    newer(monkeypatch, withdrawn_meanwhile)
    assert reparse.reparse().n_switched == 0
    assert Reading.objects.count() == 1


def test_what_the_new_parser_cannot_read_keeps_its_old_facts(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = send(client)
    newer(monkeypatch, broken)
    outcome = reparse.reparse()
    assert outcome.failed == {report.public_id: "RuntimeError: a fault of ours"}
    assert (outcome.results_before, outcome.results_after) == (3, 3)
    assert Reading.objects.get().active


def test_facts_of_another_parser_are_no_broken_promise_but_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client)
    newer(monkeypatch, doubled)
    assert "1 reports were read by another version" in checked()


def test_one_flipped_byte_names_that_report_and_no_other(client: Client) -> None:
    sent = [send(client, notes=str(number)) for number in range(3)]
    body = bytearray(sent[1].body or b"")
    body[len(body) // 2] ^= 1
    RawReport.objects.filter(pk=sent[1].pk).update(body=bytes(body))
    sentences = list(verify.broken_promises())
    assert sentences
    assert {sentence.split()[1].rstrip(":") for sentence in sentences} == {sent[1].public_id}


def test_verify_compares_every_stored_figure(client: Client) -> None:
    for changed in ({"value": 1.0}, {"elapsed_time_s": 1.0}, {"request_size_bytes": 2}):
        report = send(client, notes=str(changed))
        Result.objects.filter(reading__report=report, run_index=1).update(**changed)
        assert list(verify.broken_promises())[-1] == (
            f"report {report.public_id}: its facts are not what its bytes say"
        )


def test_verify_names_a_state_that_its_trail_does_not_have(client: Client) -> None:
    moved, silent, gap = (send(client, notes=str(number)) for number in range(3))
    RawReport.objects.filter(pk=moved.pk).update(status="held")
    ReportEvent.objects.filter(report=silent).delete()
    gap.move_to(RawReport.Status.HELD, actor="moderator:ada")
    gap.move_to(RawReport.Status.PUBLISHED, actor="moderator:ada")
    ReportEvent.objects.filter(report=gap, kind="held").delete()
    assert list(verify.broken_promises()) == [
        f"report {moved.public_id}: it is held, and its trail ends with published",
        f"report {silent.public_id}: nothing in its trail",
        f"report {gap.public_id}: its trail has a gap: published after held, which was published",
    ]


def test_verify_names_what_should_have_been_erased(client: Client) -> None:
    report = send(client)
    report.move_to(RawReport.Status.WITHDRAWN, actor="sender")
    long_ago = timezone.now() - timedelta(days=32)
    ReportEvent.objects.filter(kind="withdrawn").update(at=long_ago)
    assert list(verify.broken_promises()) == [
        f"report {report.public_id}: withdrawn more than 30 days ago, and not erased"
    ]
    RawReport.objects.update(body=None, erased_at=timezone.now())
    assert list(verify.broken_promises()) == [
        f"report {report.public_id}: erased, and facts of it are left",
        f"report {report.public_id}: erased, and its trail does not say so",
    ]


@pytest.mark.parametrize("at_once", [1, 50])
def test_verify_says_nothing_of_what_happens_while_it_looks(
    client: Client, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(verify, "REPORTS_AT_ONCE", at_once)
    wrong, withdrawn, held = (send(client, notes=str(number)) for number in range(3))
    RawReport.objects.filter(pk=wrong.pk).update(status="held")
    sentences = verify.broken_promises()
    assert next(sentences).startswith(f"report {wrong.public_id}:")
    withdrawn.move_to(RawReport.Status.WITHDRAWN, actor="sender")
    held.move_to(RawReport.Status.HELD, actor="moderator:ada")
    assert list(sentences) == []


def test_verify_looks_again_at_a_report_that_changes_under_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = send(client)
    real = verify._trail

    def trail(looked_at: RawReport) -> Any:
        if looked_at.status == "published":
            report.move_to(RawReport.Status.HELD, actor="moderator:ada")
        return real(looked_at)

    monkeypatch.setattr(verify, "_trail", trail)
    assert list(verify.broken_promises()) == []


@pytest.mark.parametrize("is_summed_up", [False, True])
def test_verify_names_no_cell_that_gets_a_report_while_it_looks(
    client: Client, monkeypatch: pytest.MonkeyPatch, is_summed_up: bool
) -> None:
    send(client)
    summarise()
    real = cells.computed_cells
    waiting = [0, 1] if is_summed_up else [0]

    def computed(keys: Any) -> Any:
        if waiting:
            send(client, notes=str(waiting.pop()))
        if is_summed_up:
            summarise()
        return real(keys)

    monkeypatch.setattr(cells, "computed_cells", computed)
    assert list(cells.broken_promises()) == []
    assert not waiting


def test_verify_looks_at_cells_and_runs_some_at_a_time(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "CELLS_AT_ONCE", 2)
    monkeypatch.setattr(cells, "RUNS_AT_ONCE", 2)
    for number in range(5):
        runs = [reports.run(100), reports.run(200)]
        body = reports.as_bytes(reports.envelope(*runs, machine_id=f"{number + 1:032x}"))
        client.post("/api/v1/reports/", body, content_type="application/json")
    while summarise():
        pass
    n_cells = Cell.objects.count()
    assert list(cells.broken_promises()) == []
    Cell.objects.filter(pk__in=list(Cell.objects.values_list("pk", flat=True)[:3])).delete()
    Cell.objects.update(m2=7.0)
    assert len({*cells.broken_promises()}) == len(list(cells.broken_promises())) == n_cells


def test_verify_names_cells_that_are_wrong_missing_or_left_over(client: Client) -> None:
    report = send(client)
    assert list(cells.broken_promises()) == []  # it waits to be summed up
    summarise()
    assert list(cells.broken_promises()) == []
    Cell.objects.update(n_runs=7)
    (sentence,) = cells.broken_promises()
    assert sentence.endswith("it is not what the runs say")
    Cell.objects.all().delete()
    assert list(cells.broken_promises()) == [sentence]
    Reading.objects.update(summarised=False)
    summarise()
    RawReport.objects.filter(pk=report.pk).update(status="held")
    assert list(cells.broken_promises()) == [sentence]


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "line 1: no JSON"),
        ("[]", "line 1: expected"),
        ('{"id": 1, "body_sha256": "x"}', "line 1: expected"),
        ('{"id": "\\u0000", "body_sha256": "x"}', "line 1: expected"),
        (None, "cannot be read"),
    ],
)
def test_a_manifest_that_is_none_is_refused(
    tmp_path: Any, manifest: str | None, message: str
) -> None:
    path = tmp_path / "manifest.jsonl"
    if manifest is not None:
        path.write_text(manifest)
    with pytest.raises(CommandError, match=message):
        call_command("verify_registry", "--manifest", str(path), stdout=io.StringIO())


def test_a_manifest_that_is_held_is_said(client: Client, tmp_path: Any) -> None:
    report = send(client)
    report.move_to(RawReport.Status.WITHDRAWN, actor="sender")
    path = tmp_path / "manifest.jsonl"
    path.write_text(json.dumps({"id": report.public_id, "body_sha256": report.body_sha256}) + "\n")
    output = io.StringIO()
    call_command("verify_registry", "--manifest", str(path), stdout=output)
    assert "the 1 of the manifest are here" in output.getvalue()
