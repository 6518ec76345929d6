"""Processes that take in reports as web processes do, all at once, on whatever database they are
told: `python -m tests.faults.writer PROCESSES COUNT`. Prints JSON: how long the slowest report
took, in ms, and the number of each report by its id; exit code 1 when one was not taken.

They are forks of one that has loaded everything, so that they write and do not start.
"""

import json
import os
import sys
import time
from multiprocessing import get_context

import django


def main(processes: int, count: int) -> None:
    django.setup()
    from submissions import intake  # noqa: F401 - loaded once

    with get_context("fork").Pool(processes) as pool:
        firsts = [(number * count, count) for number in range(processes)]
        written = pool.starmap(write, firsts, chunksize=1)
    kept = {name: number for names, _ in written for name, number in names.items()}
    print(json.dumps({"slowest_ms": 1000 * max(took_s for _, took_s in written), "kept": kept}))


def write(first: int, count: int) -> tuple[dict[str, int], float]:
    """The numbers by id, and the seconds of the slowest report."""
    from submissions.intake import Sender, submit
    from tests.faults.senders import KIND, numbered

    kept, slowest_s = {}, 0.0
    for number in range(first, first + count):
        started_s = time.perf_counter()
        sender = Sender(f"10.0.{os.getpid() % 250}.{first % 250}")
        sent = submit(numbered(number), KIND, sender)
        if not sent.created:
            raise RuntimeError(f"report {number} was there before")
        kept[sent.report.public_id] = number
        slowest_s = max(slowest_s, time.perf_counter() - started_s)
    return kept, slowest_s


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
