"""The public dump: what is in it, what is not, that it is stable and brings a registry back."""

import csv
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from registry.models import Cell, RawReport, ReportEvent, Run
from registry.models.factors import Machine, Recipe, Submitter, System
from registry.models.summary import summarise
from registry.refusal import Refused
from submissions import tasks, verify
from submissions.dump import chain
from submissions.dump import export as exporting
from submissions.dump.export import export
from submissions.dump.folder import Folder
from submissions.dump.records import HEAD, Event, Record, from_line, to_line
from tests import reports

FACTS = "/api/v1/leaderboard/?group_by=virtualization&streams=any"


def send(client: Client, rate: float, machine: int | None = None, **more: Any) -> dict[str, Any]:
    machine_id = f"{machine:032x}" if machine else None
    body = reports.envelope(
        *(reports.run(rate + n) for n in range(3)), machine_id=machine_id, **more
    )
    answer = client.post(
        "/api/v1/reports/",
        reports.as_bytes(body),
        content_type="application/json",
        REMOTE_ADDR=reports.address_of(machine_id),
    )
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def world(client: Client) -> dict[str, dict[str, Any]]:
    """Reports of every fate, text of every kind."""
    found = {f"machine {n}": send(client, 10_000 + 1_000 * n, n) for n in range(1, 5)}
    found["withdrawn"] = send(client, 50_000, 9)
    found["unlisted"] = send(client, 60_000, 10, visibility="unlisted", notes="for my eyes")
    found["notes"] = send(client, 12_345, None, notes="=1+1 <b>\u202e\u00e9")
    text = client.post("/api/v1/reports/", reports.text(), content_type="text/plain")
    assert text.status_code == 201
    token = found["withdrawn"]["claim_token"]
    gone = client.delete(
        f"/api/v1/reports/{found['withdrawn']['id']}/", headers={"Authorization": f"Bearer {token}"}
    )
    assert gone.status_code in (200, 204)
    held = send(client, 70_000, 11)
    RawReport.objects.get(public_id=held["id"]).move_to(
        RawReport.Status.HELD, "moderator:jane", "looks odd"
    )
    found["held"] = held
    while summarise():
        pass
    return found


def forget_everything() -> None:
    models: tuple[Any, ...] = (
        Cell,
        Run,
        ReportEvent,
        RawReport,
        Machine,
        Submitter,
        System,
        Recipe,
    )
    for model in models:
        model.objects.all().delete()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


def records_of(folder: Path) -> dict[str, dict[str, Any]]:
    (path,) = folder.glob("reports-*.jsonl")
    return {row["id"]: row for row in map(json.loads, path.read_text().splitlines())}


@pytest.mark.django_db
def test_it_holds_what_is_shown_and_nothing_else(
    world: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    outcome = export(tmp_path)
    found = records_of(tmp_path)
    assert world["unlisted"]["id"] not in found
    assert world["held"]["id"] not in found
    assert len(found) == outcome.reports == 7
    gone = found[world["withdrawn"]["id"]]
    assert (gone["status"], "body" in gone, gone["notes"]) == ("withdrawn", False, "")
    everything = b"".join(files_of(tmp_path).values()).decode(errors="replace")
    secrets = ["for my eyes", "jane", "moderator:", f"{1:032x}", "claim"]
    secrets += [each["claim_token"] for each in world.values()]
    for secret in secrets:
        assert secret not in everything, secret


@pytest.mark.django_db
def test_the_tables_say_what_the_api_says(
    world: dict[str, dict[str, Any]], client: Client, tmp_path: Path
) -> None:
    export(tmp_path)
    rows = client.get("/api/v1/results/?limit=1000").json()["rows"]
    key = ("id", "run", "position", "value")
    wanted = sorted(tuple(row[name] for name in key) for row in rows)
    assert wanted

    table = parquet.read_table(tmp_path / "results.parquet")
    assert sorted(zip(*(table[name].to_pylist() for name in key), strict=True)) == wanted
    assert set(table.column_names) == set(rows[0])

    with sqlite3.connect(tmp_path / "results.sqlite") as database:
        found = database.execute("SELECT id, run, position, value FROM results").fetchall()
    assert sorted(found) == wanted

    with (tmp_path / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert sorted(float(line["value"]) for line in lines) == sorted(row[3] for row in wanted)
    schema = json.loads((tmp_path / "schema.json").read_text())
    assert list(schema["results"]) == list(lines[0])


@pytest.mark.django_db
def test_the_same_data_gives_the_same_bytes_and_writes_no_part_twice(
    world: dict[str, dict[str, Any]], client: Client, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert export(first).parts_written == 1
    before = files_of(first)
    again = export(first)
    assert (again.parts_written, again.parts_kept) == (0, 1)
    assert again.results == export(second).results > 0
    assert files_of(first) == files_of(second) == before
    for line in before["SHA256SUMS"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(before[name]).hexdigest() == digest

    send(client, 9_999, 12)
    changed = export(first)
    assert (changed.parts_written, changed.reports) == (1, 8)


@pytest.mark.django_db
def test_parts_that_did_not_change_are_left_as_they_are(
    world: dict[str, dict[str, Any]],
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a crash too: each part is noted when it is whole."""
    monkeypatch.setattr(exporting, "PART_REPORTS", 3)
    written = export(tmp_path).parts_written
    assert written >= 3
    last = sorted(tmp_path.glob("reports-*.jsonl"))[-1]
    last.write_bytes(b"half a li")
    outcome = export(tmp_path)
    assert (outcome.parts_written, outcome.parts_kept) == (1, written - 1)
    parts = sorted(tmp_path.glob("reports-*.jsonl"))
    lines = [line for path in parts for line in path.read_bytes().splitlines()]
    assert len(lines) == len(set(lines)) == outcome.reports == 7

    monkeypatch.setattr(exporting, "PART_REPORTS", 1_000)
    assert export(tmp_path).parts_written == 1
    (path,) = tmp_path.glob("reports-*.jsonl")
    assert len(path.read_bytes().splitlines()) == 7


@pytest.mark.django_db
def test_a_restored_registry_has_the_same_facts(
    world: dict[str, dict[str, Any]], client: Client, tmp_path: Path
) -> None:
    export(tmp_path / "dump")
    before, board = files_of(tmp_path / "dump"), client.get(FACTS).json()["rows"]
    trail = client.get(f"/api/v1/reports/{world['machine 1']['id']}/").json()["events"]
    forget_everything()
    call_command("import_reports", str(tmp_path / "dump"), restore=True)
    assert client.get(FACTS).json()["rows"] == board
    report = client.get(f"/api/v1/reports/{world['machine 1']['id']}/").json()
    assert report["events"] == trail
    gone = RawReport.objects.get(public_id=world["withdrawn"]["id"])
    assert (gone.status, gone.body) == ("withdrawn", None)
    assert client.get(f"/r/{gone.public_id}").status_code == 410
    export(tmp_path / "again")
    after = files_of(tmp_path / "again")
    for name in ("results.csv", "results.parquet", "results.sqlite", "manifest.jsonl"):
        assert after[name] == before[name], name
    call_command("verify_registry", manifest=str(tmp_path / "dump/manifest.jsonl"))

    call_command("import_reports", str(tmp_path / "dump"), restore=True)
    assert RawReport.objects.count() == 7


@pytest.mark.django_db
def test_another_registry_takes_the_reports_as_new_ones(
    world: dict[str, dict[str, Any]], client: Client, tmp_path: Path
) -> None:
    export(tmp_path)
    board = client.get(FACTS).json()["rows"]
    ids = set(RawReport.objects.values_list("public_id", flat=True))
    forget_everything()
    call_command("import_reports", str(tmp_path))
    assert client.get(FACTS).json()["rows"] == board
    assert not ids & set(RawReport.objects.values_list("public_id", flat=True))
    assert RawReport.objects.count() == 6
    call_command("import_reports", str(tmp_path))
    assert RawReport.objects.count() == 6


@pytest.mark.django_db
def test_two_exports_into_one_folder_do_not_meet(tmp_path: Path) -> None:
    with Folder.locked(tmp_path), pytest.raises(CommandError, match="another export writes"):
        call_command("export_dump", str(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_dump", str(tmp_path / "file" / "below"))


@pytest.mark.django_db
def test_the_nightly_dump_is_listed_and_served(
    world: dict[str, dict[str, Any]], client: Client, tmp_path: Path, settings: Any
) -> None:
    settings.DUMP_DIR = tmp_path
    assert client.get("/dump/").json() == {"files": []}
    assert "first dump is written" in client.get("/data/").content.decode()
    tasks.export_dump()
    listed = {one["name"]: one for one in client.get("/dump/").json()["files"]}
    assert "results.parquet" in listed
    assert "/dump/results.parquet" in client.get("/data/").content.decode()
    for name, one in listed.items():
        answer = client.get(f"/dump/{name}")
        body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        assert hashlib.sha256(body).hexdigest() == one["sha256"]
        again = client.get(f"/dump/{name}", headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == 304
    for name in (".state.json", ".lock", "nothing.csv", "..%2Fregistry.sqlite3"):
        assert client.get(f"/dump/{name}").status_code == 404
    client.get("/dump/SHA256SUMS").close()


EVENT = Event("2026-11-23T00:00:00+00:00", "published", "intake", "")
BODY = b"netperf \xff"
GOOD = Record(
    id="a" * 16,
    received_at="2026-11-23T00:00:00+00:00",
    body_sha256=hashlib.sha256(BODY).hexdigest(),
    format="netperf-text",
    status="published",
    status_reason="",
    source="api",
    source_ref=None,
    machine=None,
    submitter="s",
    notes="",
    events=(EVENT,),
    body=BODY,
)


def test_a_record_survives_its_line() -> None:
    line = to_line(GOOD)
    assert line.startswith(HEAD)
    assert from_line(line) == GOOD


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"body_sha256": "0" * 64}, "body_sha256"),
        ({"status": "held"}, "status"),
        ({"received_at": "yesterday"}, "received_at"),
        ({"received_at": "2026-11-23T00:00:00"}, "received_at"),
        ({"events": [{"at": 1}]}, "events"),
        ({"events": None}, "events"),
        ({"id": "a" * 17}, "id"),
        ({"notes": "a\0"}, "notes"),
        ({"machine": "\ud800"}, "machine"),
        ({"status": "withdrawn"}, "body"),
        ({"machine": 7}, "machine"),
        ({"dump": "crr-dump/9"}, "dump"),
    ],
)
def test_a_line_that_is_no_record_is_refused_and_says_why(
    change: dict[str, Any], path: str
) -> None:
    value = json.loads(to_line(GOOD)) | change
    with pytest.raises(Refused) as refused:
        from_line(json.dumps(value).encode())
    assert path in [fault["path"] for fault in refused.value.details]


@given(st.one_of(st.binary(max_size=60), st.text().map(str.encode)))
def test_no_line_breaks_the_reader(text: bytes) -> None:
    for line in (
        text,
        HEAD + text,
        b"[1]",
        b'{"dump":"crr-dump/1","body":1}',
        b'{"dump":"crr-dump/1","body_base64":1}',
    ):
        with pytest.raises(Refused):
            from_line(line)


@pytest.mark.django_db
def test_what_was_published_cannot_be_changed_with_its_digest(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    """Whoever kept a line of the chain finds what was new in the manifests until then."""
    settings.DUMP_DIR = tmp_path
    sent = [send(client, 20_000 + n)["id"] for n in range(3)]
    tasks.export_dump()
    sent.append(send(client, 30_000)["id"])
    RawReport.objects.get(public_id=sent[1]).move_to(
        RawReport.Status.WITHDRAWN, "sender", "by its sender"
    )
    tasks.export_dump()
    (first, second) = ((tmp_path / chain.night_name(n)).read_bytes() for n in (1, 2))
    assert first.count(b"\n") == 3
    new = [json.loads(line) for line in second.splitlines()]
    assert [(row["id"], row["status"]) for row in new] == [
        (sent[1], "withdrawn"),
        (sent[3], "published"),
    ]
    assert list(verify.broken_promises()) == []

    body = b"another story"
    digest = hashlib.sha256(body).hexdigest()
    RawReport.objects.filter(public_id=sent[0]).update(body=body, body_sha256=digest)
    tasks.export_dump()
    told = f"report {sent[0]}: here with another digest than the manifest's"
    assert told in list(verify.broken_promises())
    (tmp_path / chain.night_name(1)).write_bytes(first.replace(b"published", b"withdrawn", 1))
    gone = tmp_path / chain.night_name(2)
    gone.unlink()
    assert list(chain.broken_promises(tmp_path)) == [
        "the chain of manifests: manifest-00001.jsonl is not what line 1 says",
        "the chain of manifests: manifest-00002.jsonl is gone",
    ]


@given(st.lists(st.integers(0, 50), unique=True), st.sets(st.integers(0, 50)), st.integers(0, 9))
def test_the_new_lines_of_a_manifest_are_those_that_were_not_in_it(
    order: list[int], gone: set[int], changed: int
) -> None:
    old = [b"%d" % number for number in order if number % 3]
    new = [
        b"%d%s" % (number, b" changed" * (number % 10 == changed))
        for number in order
        if number not in gone
    ]
    assert list(chain._new_lines(old, new)) == [line for line in new if line not in old]


@pytest.mark.django_db
def test_the_nightly_manifests_are_a_chain_that_cannot_be_changed(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.DUMP_DIR = tmp_path
    for rate in (20_000, 21_000):
        send(client, rate)
        for _ in range(2):  # a night without a change adds nothing
            tasks.export_dump()
    lines = (tmp_path / chain.CHAIN).read_bytes().splitlines(keepends=True)
    assert len(lines) == 2
    assert json.loads(lines[1])["previous"] == hashlib.sha256(lines[0]).hexdigest()
    assert list(chain.broken_promises(tmp_path)) == []
    (tmp_path / chain.CHAIN).write_bytes(lines[0].replace(b"20", b"19", 1) + lines[1])
    assert list(verify.broken_promises()) == [
        "the chain of manifests: line 2 does not follow from the one before"
    ]
