"""What comes while something is written is written next, all of it at once."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from submissions.together import MOST_AT_ONCE, Together
from tests.end_to_end.site import wait_until


class Away(Exception):
    """Nobody gets past it."""


class Desk:
    """Writes numbers; keeps who comes meanwhile waiting until it is told to go on."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = threading.Event()
        self.together = Together[int, int](self._write, hopeless=(Away,))

    def _write(self, items: Sequence[int]) -> list[int]:
        self.batches.append(sorted(items))
        self.go_on.wait(30)
        if -1 in items:
            raise ValueError("a negative one")
        if -2 in items:
            raise Away
        return [10 * item for item in items]

    @contextmanager
    def waiting(self, *items: int) -> Iterator[list["Future[int]"]]:
        """The first item is being written and the others wait; they go on when the block ends."""
        with ThreadPoolExecutor(len(items)) as pool:
            futures = [pool.submit(self.together, items[0])]
            wait_until(lambda: len(self.batches) == 1)
            futures += [pool.submit(self.together, item) for item in items[1:]]
            wait_until(lambda: len(self.together._waiting) == len(items) - 1)
            self.go_on.set()
            yield futures


def test_each_gets_its_own_result_of_the_batch_it_was_in() -> None:
    desk = Desk()
    with desk.waiting(1, 2, 3, 4) as futures:
        assert [future.result(30) for future in futures] == [10, 20, 30, 40]
    assert desk.batches == [[1], [2, 3, 4]]


def test_a_batch_has_a_limit() -> None:
    desk = Desk()
    with desk.waiting(*range(MOST_AT_ONCE + 3)) as futures:
        assert [future.result(30) for future in futures] == [
            10 * n for n in range(MOST_AT_ONCE + 3)
        ]
    assert list(map(len, desk.batches)) == [1, MOST_AT_ONCE, 2]


def test_one_that_fails_fails_alone() -> None:
    desk = Desk()
    with desk.waiting(1, 2, -1, 3) as futures:
        assert [futures[n].result(30) for n in (0, 1, 3)] == [10, 20, 30]
        with pytest.raises(ValueError, match="a negative one"):
            futures[2].result(30)
    assert sorted(desk.batches[2:]) == [[-1], [2], [3]]


def test_what_nobody_gets_past_is_tried_once() -> None:
    desk = Desk()
    with desk.waiting(1, 2, -2, 3) as futures:
        assert futures[0].result(30) == 10
        for future in futures[1:]:
            with pytest.raises(Away):
                future.result(30)
    assert desk.batches == [[1], [-2, 2, 3]]


def test_who_is_alone_is_written_at_once_and_the_desk_stays_open_after_a_fault() -> None:
    desk = Desk()
    desk.go_on.set()
    for item, fault in ((-1, ValueError), (-2, Away)):
        with pytest.raises(fault):
            desk.together(item)
    assert desk.together(7) == 70
    assert desk.batches == [[-1], [-2], [7]]


def test_who_is_ended_while_writing_leaves_nobody_waiting() -> None:
    desk = Desk()
    desk.go_on.set()

    def ended(_items: Sequence[int]) -> list[int]:
        raise SystemExit

    desk.together._write = ended
    with pytest.raises(SystemExit):
        desk.together(1)
    desk.together._write = desk._write
    assert desk.together(2) == 20
