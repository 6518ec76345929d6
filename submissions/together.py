"""What comes at the same time is written in one transaction. No Django.

A transaction costs hardly more for eight reports than for one: it goes to the database and back for
each statement, and waits for the disk once. Threads of a process that want to write while another
one does wait for their turn, and whoever has it next writes what all of them came with.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
MOST_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class _Asked(Generic[T, R]):
    item: T
    answer: "Future[R]" = field(default_factory=Future)


class Together(Generic[T, R]):
    """`write` takes items and gives a result for each, all or none. Where it fails for several,
    each is written alone, but for what is `hopeless`: that nobody's item would get past.
    """

    def __init__(
        self,
        write: Callable[[list[T]], Sequence[R]],
        hopeless: tuple[type[Exception], ...] = (),
    ) -> None:
        self._write = write
        self._hopeless = hopeless
        self._waiting: deque[_Asked[T, R]] = deque()
        self._turn = threading.Lock()

    def __call__(self, item: T) -> R:
        """The item's own result. Raises what `write` raised for it."""
        asked = _Asked[T, R](item)
        self._waiting.append(asked)
        with self._turn:
            # Whoever had the turn before has answered all that it took.
            while not asked.answer.done():
                self._write_some()
        return asked.answer.result()

    def _write_some(self) -> None:
        some = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
        try:
            self._answer(some)
        except Exception as error:
            if len(some) == 1 or isinstance(error, self._hopeless):
                for asked in some:
                    asked.answer.set_exception(error)
                return
            for asked in some:
                self._answer_alone(asked)
        finally:
            for asked in some:
                if not asked.answer.done():  # this thread is being ended
                    asked.answer.set_exception(RuntimeError("not written"))

    def _answer_alone(self, asked: _Asked[T, R]) -> None:
        try:
            self._answer([asked])
        except Exception as error:
            asked.answer.set_exception(error)

    def _answer(self, some: Sequence[_Asked[T, R]]) -> None:
        results = self._write([asked.item for asked in some])
        for asked, result in zip(some, results, strict=True):
            asked.answer.set_result(result)
