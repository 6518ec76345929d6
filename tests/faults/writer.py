"""One process that takes in reports as a web process does, on whatever database it is told:
`python -m tests.faults.writer FIRST COUNT`. Prints how long the slowest took, in ms.
"""

import sys
import time

import django


def main(first: int, count: int) -> None:
    django.setup()
    from submissions.intake import Sender, submit
    from tests.faults.senders import KIND, numbered

    slowest_s = 0.0
    for number in range(first, first + count):
        started_s = time.perf_counter()
        assert submit(numbered(number), KIND, Sender(f"10.0.0.{first % 250}")).created
        slowest_s = max(slowest_s, time.perf_counter() - started_s)
    print(f"{1000 * slowest_s:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
