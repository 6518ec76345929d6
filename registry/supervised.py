"""Runs one command so that it never outlives who asked for it: `python -m registry.supervised CMD`.

`--revive` starts a command again that ended unasked; `--alone FILE` holds the lock on FILE.

In: a command, and the process to watch (CRR_SUPERVISOR_PID, else the parent). Out: the command's
exit code. `make run` starts honcho through it, and the Procfile each server. A signal reaches the
command, what the command leaves behind is ended with it, and a supervisor killed without a word
takes the command along. That last part needs Linux (honcho starts commands from processes of its
own, so the kernel's parent-death signal alone would miss them); elsewhere signals alone count.
"""

import argparse
import contextlib
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from types import FrameType

# From the polite signal to the kill: all is gone within 5 s, the outermost command (honcho) last,
# so that it sees its servers end. An idle Celery worker alone would take 4 to 5 s.
OUTER_GRACE_S = 4
INNER_GRACE_S = 3
LEAST_LIFE_S = 5
PR_SET_PDEATHSIG = 1


def main(command: list[str], revive: bool = False) -> int:
    """The exit code of `command`; 128 + the signal's number when a signal ended it.

    With `revive` a command that ended unasked is started again: after a signal (the kernel's when
    memory ran out) always, otherwise when it had lived long enough to be no bad setting.
    """
    given = os.environ.get("CRR_SUPERVISOR_PID")
    supervisor, grace_s = (int(given), INNER_GRACE_S) if given else (os.getppid(), OUTER_GRACE_S)
    child, started_s = _start(command), time.monotonic()
    asked = False

    def end(signum: int, _frame: FrameType | None = None) -> None:
        nonlocal asked
        asked = True
        child.send_signal(signum)  # its head alone: workers told twice would drop what they are at
        signal.alarm(grace_s)

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, end)
    signal.signal(signal.SIGALRM, lambda *_: _kill_group(child.pid))
    while True:
        if not _outlives(supervisor, child.pid):
            end(signal.SIGTERM)
        code = child.wait()
        _kill_group(child.pid)
        has_lived = time.monotonic() - started_s >= LEAST_LIFE_S
        if asked or not revive or (code >= 0 and not has_lived):
            return code if code >= 0 else 128 - code
        print(f"ended with {code}, started again", file=sys.stderr, flush=True)
        child, started_s = _start(command), time.monotonic()


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env={**os.environ, "CRR_SUPERVISOR_PID": str(os.getpid())},
        process_group=0,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _outlives(supervisor: int, child: int) -> bool:
    """Waits for the first of the two to end: True when it is `child`, or when it cannot be told."""
    if not hasattr(os, "pidfd_open"):
        return True
    try:
        watched = os.pidfd_open(supervisor)
    except ProcessLookupError:
        return False
    except OSError:  # a sandbox without this system call
        return True
    ended, _, _ = select.select([watched, os.pidfd_open(child)], [], [])
    return watched not in ended


def _end_with_parent() -> None:
    """In the child before it runs: SIGTERM when the process above it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def lock(path: str) -> int:
    """The lock on `path`, held until the returned descriptor is closed. Raises BlockingIOError
    while another process has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="registry.supervised")
    parser.add_argument("--revive", action="store_true")
    parser.add_argument("--alone", metavar="FILE")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        if options.alone:
            lock(options.alone)
    except BlockingIOError:
        sys.exit(f"another process holds {options.alone}: end it first")
    sys.exit(main(options.command, options.revive))
