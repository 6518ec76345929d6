"""Following another registry over HTTP: its dump is served by a real server, from files."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, RequestFactory

from registry.models import RawReport, ReportEvent
from registry.pages import dump
from submissions.dump.export import export
from submissions.dump.folder import Folder
from submissions.dump.records import Event, Record, from_line, to_line
from submissions.following import CannotFollow, Outcome, follow
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
        body = dump.index(RequestFactory().get("/dump/")).content
        (self.path / "index.html").write_bytes(body)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def other(tmp_path: Path, settings: Any) -> Iterator[Other]:
    folder = tmp_path / "other"
    (folder / "dump").mkdir(parents=True)
    settings.DUMP_DIR = folder / "dump"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Other(folder, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


@pytest.fixture
def ids(client: Client, other: Other) -> list[str]:
    """Reports of the other registry, whose dump is published; here is none."""
    found = [send(client, 10_000 + 1_000 * n, n)["id"] for n in range(1, 5)]
    other.publish()
    forget_everything()
    return found


def followed(other: Other, tmp_path: Path) -> Outcome:
    return follow(other.address, tmp_path / "followed")


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


def test_a_part_that_is_gone_is_hidden(other: Other, ids: list[str], tmp_path: Path) -> None:
    followed(other, tmp_path)
    other.part.unlink()
    Folder(other.path).sum_up()
    other._index()
    assert followed(other, tmp_path).hidden == len(ids)
    assert followed(other, tmp_path) == Outcome()


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


def test_a_server_that_speaks_no_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"220 mail.example ESMTP\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(CannotFollow, match="cannot be read"):
            follow(f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path / "followed")


def test_names_that_are_no_part_are_never_asked_for(other: Other, tmp_path: Path) -> None:
    names = ("../secret", "reports-1.jsonl", "reports-00000.jsonl/..", "results.csv")
    rows = ", ".join(f'{{"name": "{name}", "sha256": "", "size_bytes": 1}}' for name in names)
    (other.path / "index.html").write_text(f'{{"files": [{rows}, 3, null]}}')
    assert followed(other, tmp_path) == Outcome()


def test_the_command_says_what_it_did_and_goes_on_after_one_that_fails(
    other: Other, ids: list[str], capsys: Any, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match="file:///etc/dump/ is no http or https address"):
        call_command("follow_registry", "file:///etc", other.address)
    assert "parts fetched 1, as they were 0; 4 stored" in capsys.readouterr().out
