"""Preparing items in as many processes as there are processors, a bounded number ahead.

In: batches in order. Out: the same batches with what each item became, in the same order. Processes
are spawned, not forked: the parent has a database open. An import of one batch needs none.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context

from submissions.importers import worker
from submissions.importers.item import Found, Item, Note
from submissions.importers.prepare import prepare_item
from submissions.intake import Prepared

ITEMS_AT_ONCE = 200
BYTES_AT_ONCE = 4 * 1024 * 1024
BATCHES_AHEAD = 2  # for each process

Batch = list[Found]
PreparedBatch = list[tuple[Found, Prepared | Note]]


def batches(found: Iterable[Found]) -> Iterator[Batch]:
    """Lists of up to ITEMS_AT_ONCE, and of up to BYTES_AT_ONCE unless one alone is larger."""
    batch: Batch = []
    size = 0
    for thing in found:
        length = len(thing.body) if isinstance(thing, Item) else 0
        if batch and (len(batch) >= ITEMS_AT_ONCE or size + length > BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(thing)
        size += length
    if batch:
        yield batch


def prepared(found: Iterator[Batch], processes: int) -> Iterator[PreparedBatch]:
    """Each batch with what its items became; a note stands for itself."""
    first = next(found, None)
    second = next(found, None)
    if first is None or second is None or processes < 2:
        for batch in chain([b for b in (first, second) if b is not None], found):
            yield _with(batch, prepare_all(_items(batch)))
        return
    waiting: deque[tuple[Batch, Future[list[Prepared | Note]]]] = deque()
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=worker.start) as executor:
        for batch in chain([first, second], found):
            waiting.append((batch, executor.submit(prepare_all, _items(batch))))
            if len(waiting) > BATCHES_AHEAD * processes:
                oldest, became = waiting.popleft()
                yield _with(oldest, became.result())
        while waiting:
            oldest, became = waiting.popleft()
            yield _with(oldest, became.result())


def processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare_all(items: list[Item]) -> list[Prepared | Note]:
    return [prepare_item(item) for item in items]


def _items(batch: Batch) -> list[Item]:
    return [thing for thing in batch if isinstance(thing, Item)]


def _with(batch: Batch, became: list[Prepared | Note]) -> PreparedBatch:
    done = iter(became)
    return [(thing, next(done) if isinstance(thing, Item) else thing) for thing in batch]
