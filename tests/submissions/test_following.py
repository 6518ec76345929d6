"""Following another registry over HTTP: its dump is served by a real server, from files."""

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory, override_settings

from registry.models import Cell, RawReport, ReportEvent
from registry.pages import dump
from submissions import following, intake, verify
from submissions.dump import export as exporting
from submissions.dump.export import export, record_of
from submissions.dump.folder import Folder
from submissions.dump.records import Event, Record, from_line, to_line
from submissions.following import CannotFollow, Outcome, follow
from submissions.importers.run import import_reports
from tests.submissions.test_dump import FACTS, forget_everything, send

pytestmark = pytest.mark.django_db

Change = Callable[[Record], Record | None]
Status = RawReport.Status


class Other:
    """The registry that is followed, as far as anybody sees it: `/dump/` and the files of it."""

    def __init__(self, path: Path, address: str) -> None:
        self.path, self.address = path / "dump", address
        self.part = self.path / Folder.part(0)

    def publish(self) -> None:
        """What stands in the database now is what the other registry shows."""
        export(self.path)
        self._index()

    def change(self, public_id: str, how: Change) -> None:
        """One record as another; None is shown no longer."""
        records = [from_line(line) for line in self.part.read_bytes().splitlines()]
        changed = [how(one) if one.id == public_id else one for one in records]
        self.part.write_bytes(b"".join(to_line(one) for one in changed if one))
        Folder(self.path).sum_up()
        self._index()

    def _index(self) -> None:
        """As the page answers, which reads where the settings say."""
        with override_settings(DUMP_DIR=self.path):
            body = dump.index(RequestFactory().get("/dump/")).content
        (self.path / "index.html").write_bytes(body)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[Other]:
    (folder / "dump").mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Other(folder, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    with served(tmp_path / "other") as found:
        yield found


@pytest.fixture
def mirror(tmp_path: Path, other: Other, ids: list[str]) -> Iterator[Other]:
    """A third registry that lists the reports of the other, by the ids that they have there."""
    with served(tmp_path / "mirror") as found:
        shutil.copytree(other.path, found.path, dirs_exist_ok=True)
        found._index()
        yield found


@pytest.fixture
def ids(client: Client, other: Other) -> list[str]:
    """Reports of the other registry, whose dump is published; here is none."""
    found = [send(client, 10_000 + 1_000 * n, n)["id"] for n in range(1, 5)]
    other.publish()
    forget_everything()
    return found


def followed(other: Other, tmp_path: Path) -> Outcome:
    return follow(other.address, tmp_path / "followed" / other.path.parent.name)


def changed_at(other: Other, ids: list[str]) -> None:
    """The first is withdrawn there, the second hidden, the third has other notes."""
    other.change(ids[0], withdrawn)
    other.change(ids[1], hidden)
    other.change(ids[2], lambda record: replace(record, notes="not by its sender"))


def states() -> list[tuple[str, str, int]]:
    found = RawReport.objects.order_by("pk")
    return [(each.status, each.notes, each.events.count()) for each in found]


def of(other: Other, public_id: str) -> RawReport:
    """The report here that one of the other registry became."""
    event = ReportEvent.objects.get(kind="followed", reason=f"{other.address}/r/{public_id}")
    return event.report


def hidden(record: Record) -> None:
    """Held there, so in no dump."""


def withdrawn(record: Record) -> Record:
    gone = Event("2026-01-02T03:04:05+00:00", "withdrawn", "sender", "withdrawn by its sender")
    return replace(record, status="withdrawn", body=None, events=(*record.events, gone))


def rates(client: Client) -> list[tuple[Any, ...]]:
    rows = client.get(FACTS).json()["rows"]
    return [(row["rate"], row["n_runs"], row["n_machines"]) for row in rows]


def test_what_the_other_shows_counts_here(client: Client, other: Other, tmp_path: Path) -> None:
    for n in range(1, 5):
        send(client, 10_000 + 1_000 * n, n)
    other.publish()
    call_command("import_reports", str(other.path), "--restore")  # known: sums up what was sent
    there = rates(client)
    forget_everything()
    outcome = followed(other, tmp_path)
    assert (outcome.fetched, outcome.reports["stored"]) == (1, 4)
    assert rates(client) == there != []


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_registry_has_no_vote_of_the_machines_and_senders_of_another(
    client: Client, other: Other, ids: list[str], tmp_path: Path, by_hand: bool
) -> None:
    """Public numbers are in every dump: whoever lists ours means machines of its own."""
    found = send(client, 30_000, 77)
    own = RawReport.objects.select_related("machine").get(public_id=found["id"])
    assert own.machine
    there, sender = own.machine.public_id, record_of(own).submitter
    for public_id in ids:
        other.change(public_id, lambda r: replace(r, machine=there, submitter=sender))
    if by_hand:
        call_command("import_reports", str(other.path))
    else:
        followed(other, tmp_path)
    theirs = RawReport.objects.exclude(pk=own.pk)
    assert theirs.count() == len(ids)
    assert {report.machine_id for report in theirs}.isdisjoint({None, own.machine_id})
    assert len({(report.machine_id, report.submitter_id) for report in theirs}) == 1
    assert own.submitter_id not in {report.submitter_id for report in theirs}
    assert {row.n_sittings for row in Cell.objects.filter(machine=own.machine)} == {1}


def test_the_machines_of_two_registries_are_not_the_same_ones(
    other: Other, mirror: Other, ids: list[str], tmp_path: Path
) -> None:
    mirror.change(ids[0], lambda record: replace(record, id="z" * len(record.id)))
    followed(other, tmp_path)
    followed(mirror, tmp_path)
    machines = {of(other, ids[0]).machine_id, of(mirror, "z" * len(ids[0])).machine_id}
    assert len(machines) == 2


def test_following_again_fetches_nothing(other: Other, ids: list[str], tmp_path: Path) -> None:
    followed(other, tmp_path)
    assert followed(other, tmp_path) == Outcome(kept=1)
    assert RawReport.objects.count() == len(ids)


def test_what_is_withdrawn_there_goes_here_for_good(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    followed(other, tmp_path)
    other.change(ids[0], withdrawn)
    assert followed(other, tmp_path).withdrawn == 1
    assert of(other, ids[0]).status == Status.WITHDRAWN
    assert of(other, ids[1]).status == Status.PUBLISHED


def test_what_is_hidden_there_is_held_here_until_it_is_shown_again(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    followed(other, tmp_path)
    whole = other.part.read_bytes()
    other.change(ids[0], hidden)
    assert followed(other, tmp_path).hidden == 1
    assert of(other, ids[0]).status == Status.HELD
    other.part.write_bytes(whole)
    other.change(ids[0], lambda record: record)
    assert followed(other, tmp_path).shown == 1
    assert of(other, ids[0]).status == Status.PUBLISHED


def test_a_registry_has_no_say_in_the_reports_of_another(
    other: Other, mirror: Other, ids: list[str], tmp_path: Path
) -> None:
    """Who lists a report second has it left as known, and cannot withdraw, hide or edit it."""
    followed(other, tmp_path)
    assert followed(mirror, tmp_path).reports == {"known": len(ids)}
    before = states()
    changed_at(mirror, ids)
    outcome = followed(mirror, tmp_path)
    assert (outcome.withdrawn, outcome.hidden, outcome.shown) == (0, 0, 0)
    assert states() == before
    changed_at(other, ids)
    outcome = followed(other, tmp_path)
    assert (outcome.withdrawn, outcome.hidden) == (1, 1)
    assert of(other, ids[2]).notes == "not by its sender"
    mirror.part.unlink()
    mirror.part.with_name("manifest.jsonl").write_bytes(b"")
    Folder(mirror.path).sum_up()
    mirror._index()
    assert followed(mirror, tmp_path).hidden == 0


@pytest.mark.parametrize("is_noted", [False, True])
def test_a_registry_has_no_say_in_reports_that_were_restored_here(
    other: Other, ids: list[str], tmp_path: Path, is_noted: bool
) -> None:
    """Also where an earlier version noted that registry in their trails."""
    call_command("import_reports", str(other.path), "--restore")
    for report in RawReport.objects.all() if is_noted else ():
        report.record("followed", "operator", f"{other.address}/r/{report.public_id}")
    assert followed(other, tmp_path).reports == {"known": len(ids)}
    before = states()
    changed_at(other, ids)
    followed(other, tmp_path)
    assert states() == before


def test_what_was_imported_by_hand_is_not_followed(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    call_command("import_reports", str(other.path))
    assert followed(other, tmp_path).reports == {"known": len(ids)}
    before = states()
    changed_at(other, ids)
    followed(other, tmp_path)
    assert states() == before


def test_an_interrupted_follow_is_taken_up_again(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    """A report is stored with its origin, so whatever it ends after, nothing is without."""
    list(import_reports([str(other.part)], followed=other.address))  # and no more of it
    assert {of(other, each).status for each in ids} == {Status.PUBLISHED}
    changed_at(other, ids)
    outcome = followed(other, tmp_path)
    assert (outcome.reports["known"], outcome.withdrawn) == (2, 1)
    assert of(other, ids[0]).status == Status.WITHDRAWN
    assert of(other, ids[2]).notes == "not by its sender"
    assert list(verify.broken_promises()) == []


def test_reports_that_are_written_one_by_one_have_their_origin_too(
    other: Other, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = intake.write_new

    def failing(new: Any, actor: str) -> Any:
        if len(new) > 1:
            RawReport.objects.create(received_digest="0" * 64)  # no submitter: it is refused
        return whole(new, actor)

    monkeypatch.setattr(intake, "write_new", failing)
    list(import_reports([str(other.part)], followed=other.address))
    assert {of(other, each).status for each in ids} == {Status.PUBLISHED}


def test_a_registry_is_the_same_by_http_and_https(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    secure = other.address.replace("http:", "https:")
    list(import_reports([str(other.part)], followed=secure))
    other.change(ids[0], withdrawn)
    assert followed(other, tmp_path).withdrawn == 1


def test_two_that_follow_each_other_end(other: Other, ids: list[str], tmp_path: Path) -> None:
    """What this registry has from the other is nothing new to the other."""
    followed(other, tmp_path)
    with served(tmp_path / "this") as this:
        this.publish()
        forget_everything()
        call_command("import_reports", str(other.path), "--restore")
        assert followed(this, tmp_path).reports == {"skipped": len(ids)}


def test_a_part_that_is_gone_is_hidden(
    other: Other, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump may have fewer parts than it had."""
    call_command("import_reports", str(other.path), "--restore")
    first = RawReport.objects.earliest("pk").pk
    monkeypatch.setattr(exporting, "PART_REPORTS", first + 2)
    other.publish()
    forget_everything()
    assert followed(other, tmp_path).fetched == 2
    other.part.with_name(Folder.part(1)).unlink()
    Folder(other.path).sum_up()
    other._index()
    assert followed(other, tmp_path).hidden == 2
    assert followed(other, tmp_path) == Outcome(kept=1)


def parted(other: Other, *parts: bytes) -> None:
    """The dump of the other registry in these parts."""
    for number, lines in enumerate(parts):
        other.part.with_name(Folder.part(number)).write_bytes(lines)
    Folder(other.path).sum_up()
    other._index()


def test_a_report_that_moves_to_another_part_stays_as_it_is(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    """To an earlier one, and back; one that leaves the dump meanwhile is hidden."""
    a, b, c, d = other.part.read_bytes().splitlines(keepends=True)
    parted(other, a + b, c + d)
    followed(other, tmp_path)
    before = states()
    parted(other, a + b + c, d)
    assert followed(other, tmp_path).hidden == 0
    assert states() == before
    parted(other, b, c + d)
    assert followed(other, tmp_path).hidden == 1
    assert [of(other, each).status for each in ids] == [Status.HELD] + 3 * [Status.PUBLISHED]
    assert of(other, ids[2]).events.count() == before[2][2]


def test_what_left_a_part_is_hidden_after_an_interruption(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    """Its own part was done; the next could not be had, and may have it."""
    a, b, c, d = other.part.read_bytes().splitlines(keepends=True)
    parted(other, a + b, c + d)
    followed(other, tmp_path)
    parted(other, b, c)
    last = other.part.with_name(Folder.part(1))
    last.write_bytes(b"another")  # and not what the index says
    with pytest.raises(CannotFollow):
        followed(other, tmp_path)
    assert of(other, ids[0]).status == Status.PUBLISHED
    parted(other, b, c)
    assert followed(other, tmp_path).hidden == 2
    states_of = {each: of(other, each).status for each in ids}
    assert [each for each in ids if states_of[each] == Status.HELD] == [ids[0], ids[3]]
    assert followed(other, tmp_path) == Outcome(kept=2)


def test_a_registry_that_shows_nothing_any_more(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    """Its dump has no part, and an empty manifest."""
    export(tmp_path / "empty")
    followed(other, tmp_path)
    other.part.unlink()
    shutil.copytree(tmp_path / "empty", other.path, dirs_exist_ok=True)
    other._index()
    assert followed(other, tmp_path).hidden == len(ids)
    assert followed(other, tmp_path) == Outcome()


def test_a_host_without_a_dump_hides_nothing(other: Other, ids: list[str], tmp_path: Path) -> None:
    followed(other, tmp_path)
    whole, before = other.part.read_bytes(), states()
    for gone in (other.part, other.path / "SHA256SUMS"):
        gone.unlink()
        if gone == other.part:
            Folder(other.path).sum_up()  # what is left of a dump: its manifest names reports
        other._index()
        with pytest.raises(CannotFollow, match="names no part of a dump, and had some before"):
            followed(other, tmp_path)
    assert states() == before
    other.part.write_bytes(whole)
    Folder(other.path).sum_up()
    other._index()
    assert followed(other, tmp_path) == Outcome(kept=1)


def test_a_decision_of_this_registry_stays(other: Other, ids: list[str], tmp_path: Path) -> None:
    followed(other, tmp_path)
    of(other, ids[0]).move_to(Status.REJECTED, "moderator:jane", "made up")
    other.change(ids[1], lambda record: replace(record, notes="a new version of the part"))
    followed(other, tmp_path)
    assert of(other, ids[0]).status == Status.REJECTED
    assert of(other, ids[1]).notes == "a new version of the part"


def test_what_came_from_a_third_registry_is_left_out(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    came = Event("2026-01-02T03:04:05+00:00", "followed", "operator", "https://third.example/r/x")
    other.change(ids[0], lambda record: replace(record, events=(*record.events, came)))
    outcome = followed(other, tmp_path)
    assert (outcome.reports["stored"], outcome.reports["skipped"]) == (3, 1)


def test_a_part_that_is_not_what_the_index_says_is_left_for_later(
    other: Other, ids: list[str], tmp_path: Path
) -> None:
    whole = other.part.read_bytes()
    for wrong in (whole[:-1], whole + b"\n", whole.replace(b"TCP_CRR", b"TCP_CRX")):
        other.part.write_bytes(wrong)
        with pytest.raises(CannotFollow, match=r"reports-00000\.jsonl is not what /dump/ says"):
            followed(other, tmp_path)
    assert not RawReport.objects.exists()
    other.part.write_bytes(whole)
    assert followed(other, tmp_path).reports["stored"] == len(ids)


def test_a_dump_for_which_there_is_no_room_is_not_fetched(
    other: Other, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FREE_BYTES", shutil.disk_usage(tmp_path).total)
    with pytest.raises(CannotFollow, match=r"has 0 MB, and there is room for 0: nothing was"):
        followed(other, tmp_path)
    assert not RawReport.objects.exists()


@pytest.mark.parametrize(
    "index",
    [
        b"<html>hello</html>",
        b"[]",
        b'{"files": 3}',
        b'{"files": [{"name": "reports-00000.jsonl", "sha256": "../..", "size_bytes": 1}]}',
        b'{"files": [{"name": "reports-00000.jsonl", "sha256": "%s", "size_bytes": -1}]}'
        % (b"0" * 64),
    ],
)
def test_what_is_no_index_of_a_dump(other: Other, tmp_path: Path, index: bytes) -> None:
    (other.path / "index.html").write_bytes(index)
    with pytest.raises(CannotFollow):
        followed(other, tmp_path)


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    ],
    ids=["of another protocol", "broken off"],
)
def test_an_answer_that_is_not_whole_http(answer: bytes, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(answer)

        threading.Thread(target=speak, daemon=True).start()
        with pytest.raises(CannotFollow, match="cannot be read"):
            follow(f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path / "followed")


def test_names_that_are_no_part_are_never_asked_for(other: Other, tmp_path: Path) -> None:
    names = ("../secret", "reports-1.jsonl", "reports-00000.jsonl/..", "results.csv")
    rows = ", ".join(f'{{"name": "{name}", "sha256": "", "size_bytes": 1}}' for name in names)
    (other.path / "index.html").write_text(f'{{"files": [{rows}, 3, null]}}')
    assert followed(other, tmp_path) == Outcome()


def test_notes_that_scrubbing_made_long(
    client: Client, other: Other, ids: list[str], tmp_path: Path
) -> None:
    """Within the limit as their sender wrote them, beyond it with the tokens for addresses."""
    sent = send(client, 15_000, 5)
    answer = client.patch(
        f"/api/v1/reports/{sent['id']}/",
        json.dumps({"notes": "a@b " * 2_000}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {sent['claim_token']}"},
    )
    assert answer.status_code == 200
    there = RawReport.objects.get().notes
    assert len(there) > 10_000
    other.publish()
    forget_everything()
    outcome = followed(other, tmp_path)
    assert (outcome.reports["stored"], outcome.left_out) == (1, 0)
    here = of(other, sent["id"])
    assert here.notes == there[:10_000]
    other.change(sent["id"], lambda record: replace(record, notes=there + "!"))
    assert followed(other, tmp_path).fetched == 1
    assert here.events.filter(kind="edited").count() == 1


def test_one_report_that_cannot_be_taken_over_costs_no_other(
    other: Other, ids: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    followed(other, tmp_path)
    other.change(ids[0], lambda record: replace(record, notes="steers \x1b[2J a terminal"))
    other.change(ids[3], withdrawn)
    outcome = followed(other, tmp_path)
    assert (outcome.withdrawn, outcome.left_out) == (1, 1)
    assert f"{other.address}/r/{ids[0]} is left out" in caplog.text
    assert followed(other, tmp_path) == Outcome(kept=1)


def test_the_command_goes_on_after_whatever_happens_and_hides_nothing_of_it(
    other: Other,
    ids: list[str],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.DATA_DIR = tmp_path
    broken = tmp_path / "followed" / "registry.example"
    broken.mkdir(parents=True)
    (broken / ".state.json").write_text("no JSON")
    with pytest.raises(CommandError) as failed:
        call_command(
            "follow_registry",
            "http://registry.example",
            "http://[registry.example",
            "file:///etc",
            other.address,
        )
    assert "4 stored" in capsys.readouterr().out
    lines = str(failed.value).splitlines()
    assert [line.partition(": ")[0] for line in lines[:2]] == [
        "http://registry.example",
        "http://[registry.example",
    ]
    assert lines[2:] == ["file:///etc/dump/ is no http or https address"]
    assert failed.value.returncode == 1
    assert "JSONDecodeError" in caplog.text
    assert "Traceback" in caplog.text


def test_the_command_says_what_was_left_out(
    other: Other, ids: list[str], capsys: Any, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    other.change(ids[0], lambda record: replace(record, notes="a bell \x07"))
    call_command("follow_registry", other.address)
    assert "4 stored, 1 not as there, the log says why" in capsys.readouterr().out


def test_the_command_says_what_it_did_and_goes_on_after_one_that_fails(
    other: Other, ids: list[str], capsys: Any, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match="file:///etc/dump/ is no http or https address"):
        call_command("follow_registry", "file:///etc", other.address)
    assert "parts fetched 1, as they were 0; 4 stored" in capsys.readouterr().out
