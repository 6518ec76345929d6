"""Answers that are kept: of one generation in a small registry, of the last look in a large one."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from registry import effects, kept, tasks
from registry.kept import answer
from registry.models import Generation, KeptAnswer, summary
from registry.models.summary import summarise
from registry.models.written_once import WrittenOnce
from registry.refusal import Refused
from tests import reports

pytestmark = pytest.mark.django_db
calls: list[tuple[Any, ...]] = []


@answer
def looked(*asked: Any) -> tuple[Any, ...] | None:
    """What was asked, with how often anybody looked."""
    calls.append(asked)
    if asked == ("refused",) and len(calls) > 1:
        raise Refused(404, "not_found", "There is no such group any more.")
    return None if asked == ("none",) else (*asked, len(calls))


@pytest.fixture(autouse=True)
def _no_calls() -> Iterator[None]:
    calls.clear()
    Generation.locked()
    yield
    calls.clear()


def large_from(n_cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "CELLS_OF_LARGE", n_cells)
    monkeypatch.setattr(summary, "_number_and_size", WrittenOnce(summary.number_and_size))


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    large_from(1, monkeypatch)
    for machine in (101, 102):
        _send(client, 25_000, machine)


def rise() -> None:
    Generation.locked().rise()


def older(seconds: float) -> None:
    """Every answer was found that much earlier."""
    KeptAnswer.objects.update(found_at=F("found_at") - timedelta(seconds=seconds))


def forget() -> None:
    """As another process, which has none of it in its cache."""
    kept.cache.clear()


def test_a_small_registry_looks_once_a_generation(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    large_from(2, monkeypatch)
    for rate in (20_000, 21_000, 22_000):  # cells are made anew, and are no more for that
        _send(client, rate, 101)
        _send(client, rate, 102)
    assert [looked(1), looked(1), looked(2)] == [(1, 1), (1, 1), (2, 2)]
    rise()
    assert looked(1) == (1, 3)
    assert not KeptAnswer.objects.exists()


def test_nothing_is_an_answer_too() -> None:
    assert [looked("none"), looked("none")] == [None, None]
    assert len(calls) == 1


@pytest.mark.usefixtures("large")
def test_a_large_registry_gives_what_it_has_until_the_sweep_looks_again() -> None:
    first = looked.dated(1)
    rise()
    forget()
    assert looked.dated(1) == first
    assert len(calls) == 1
    older(3600)
    assert kept.refresh() == 1
    assert looked.dated(1) == first  # its own cache keeps it for a few seconds
    forget()
    assert looked.dated(1) == kept.Dated((1, 2), first.generation + 1)


@pytest.mark.usefixtures("large")
def test_the_sweep_looks_for_nothing_that_is_of_these_facts_or_that_nobody_asked_for() -> None:
    looked(1)
    assert kept.refresh() == 0
    rise()
    KeptAnswer.objects.update(asked_at=F("found_at") - timedelta(hours=1))
    assert kept.refresh() == 0
    assert len(calls) == 1


@pytest.mark.usefixtures("large")
def test_boards_are_found_anew_where_findings_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_many(**only: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(effects, "_experiments", too_many)
    looked(1)
    rise()
    older(3600)
    with pytest.raises(MemoryError):
        tasks.sweep()
    assert len(calls) == 2


@pytest.mark.usefixtures("large")
def test_an_answer_rests_many_times_as_long_as_it_took() -> None:
    looked(1)
    rise()
    forget()
    looked(1)
    KeptAnswer.objects.update(took_s=100)
    older(100)
    assert kept.refresh() == 0
    KeptAnswer.objects.update(took_s=1)
    assert kept.refresh() == 1


@pytest.mark.usefixtures("large")
def test_what_the_facts_refuse_by_now_goes_and_holds_nothing_else_up() -> None:
    """As a comparison of groups of which one is empty since its report was withdrawn."""
    looked("refused")
    looked(1)
    rise()
    older(3600)
    assert kept.refresh() == 1
    forget()
    with pytest.raises(Refused):
        looked("refused")


@pytest.mark.usefixtures("large")
def test_what_other_code_wrote_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    looked(1)
    monkeypatch.setattr(kept, "_code", lambda: "of the next release")
    rise()
    forget()
    older(3600)
    assert kept.refresh() == 0
    assert looked(1) == (1, 2)


@pytest.mark.usefixtures("large")
def test_an_answer_without_readers_goes() -> None:
    looked(1)
    KeptAnswer.objects.update(asked_at=F("asked_at") - kept.KEPT_FOR)
    kept.refresh()
    assert not KeptAnswer.objects.exists()


@pytest.mark.usefixtures("large")
def test_what_this_registry_did_not_sign_is_never_read() -> None:
    """A pickle runs what it says."""
    looked(1)
    row = KeptAnswer.objects.get()
    KeptAnswer.objects.update(found=bytes(row.found)[:32] + b"cos\nsystem\n(S'false'\ntR.")
    forget()
    assert looked(1) == (1, 2)
    KeptAnswer.objects.update(asked=b"short")
    rise()
    older(3600)
    assert kept.refresh() == 0


@pytest.mark.usefixtures("large")
def test_a_board_of_a_large_registry_says_of_which_generation_it_is(client: Client) -> None:
    def board() -> dict[str, Any]:
        found: dict[str, Any] = client.get("/api/v1/leaderboard/").json()
        return found

    _send(client, 20_000, 1)
    first = board()
    _send(client, 30_000, 2)
    forget()
    assert board() == first
    older(3600)
    assert kept.refresh() >= 1
    forget()
    assert board()["generation"] > first["generation"]
    assert board()["rows"] != first["rows"]


def _send(client: Client, rate: float, machine: int) -> None:
    report = reports.envelope(reports.run(rate), machine_id=f"{machine:032x}")
    sent = client.post("/api/v1/reports/", reports.as_bytes(report), "application/json")
    assert sent.status_code == 201
    summarise()
