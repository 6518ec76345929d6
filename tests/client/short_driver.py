"""`crr-submit` with a plan of a second: a warm-up and two counted runs, all of it real but short.

Run as a program with the arguments of crr-submit. AS_NOBODY in the environment makes it give up
root first; FIRST_DELAY_S sets how long it waits before it sends again.
"""

import ctypes  # noqa: F401  what is imported late is not readable by nobody: it may be root's Python
import encodings.idna  # noqa: F401  a lookup of a host needs it
import os
import sys
from unittest import mock

from crr_submit import cli, options, plan, send

STEPS = [
    plan.Step("TCP_CRR", 1, "same_cpu", None, warm_up=True),
    plan.Step("TCP_CRR", 1, "same_cpu", None, transactions=10_000),
    plan.Step("TCP_CRR", 1, "unpinned", None, transactions=10_000),
]


def main(*arguments):
    if "AS_NOBODY" in os.environ:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    delay_s = float(os.environ.get("FIRST_DELAY_S", send.FIRST_DELAY_S))
    with mock.patch.object(plan, "build", lambda *asked: list(STEPS)), mock.patch.object(
        send, "FIRST_DELAY_S", delay_s
    ):
        return cli.execute(options.parse(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
