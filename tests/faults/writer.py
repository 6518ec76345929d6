"""Processes that take in reports as web processes do, all at once, on whatever database they are
told: `python -m tests.faults.writer PROCESSES COUNT`. Prints how long the slowest report took, in
ms; exit code 1 when one was not taken.

They are forks of one that has loaded everything, so that they write and do not start.
"""

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
        print(f"{1000 * max(pool.starmap(write, firsts, chunksize=1)):.0f}")


def write(first: int, count: int) -> float:
    """Seconds of the slowest report."""
    from submissions.intake import Sender, submit
    from tests.faults.senders import KIND, numbered

    slowest_s = 0.0
    for number in range(first, first + count):
        started_s = time.perf_counter()
        sender = Sender(f"10.0.{os.getpid() % 250}.{first % 250}")
        if not submit(numbered(number), KIND, sender).created:
            raise RuntimeError(f"report {number} was there before")
        slowest_s = max(slowest_s, time.perf_counter() - started_s)
    return slowest_s


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
