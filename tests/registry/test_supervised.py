"""registry.supervised with real processes: what it starts never outlives whoever asked for it."""

import os
import select
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

SUPERVISED = [sys.executable, "-m", "registry.supervised"]
# Says its process id, then waits for ever.
WAITER = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + WAITER
# Leaves a process of its own behind when it ends.
PARENT = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait()"
FAR_TOO_LONG_S = 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pidfd and prctl are Linux's")


def start(*command: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


def watch_reported(process: subprocess.Popen[str]) -> int:
    """A pidfd of the process whose id `process` prints first; nothing else can take that place."""
    return os.pidfd_open(int(next(process.stdout or iter(()))))


def ended(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], FAR_TOO_LONG_S)[0])


@pytest.mark.parametrize(
    ("code", "expected"),
    [("raise SystemExit(0)", 0), ("raise SystemExit(3)", 3), ("import os; os.abort()", 134)],
)
def test_exit_code_is_the_commands(code: str, expected: int) -> None:
    assert subprocess.run([*SUPERVISED, sys.executable, "-c", code]).returncode == expected


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_ends_the_command_and_what_it_started(signum: signal.Signals) -> None:
    with start(*SUPERVISED, sys.executable, "-c", PARENT, WAITER) as wrapper:
        waiter = watch_reported(wrapper)
        wrapper.send_signal(signum)
        assert ended(waiter)
    assert wrapper.returncode != 0


def test_command_that_ignores_sigterm_is_killed() -> None:
    impatient = "import sys, registry.supervised as s; s.OUTER_GRACE_S = 1; s.main(sys.argv[1:])"
    with start(sys.executable, "-c", impatient, sys.executable, "-c", STUBBORN) as wrapper:
        waiter = watch_reported(wrapper)
        wrapper.terminate()
        assert ended(waiter)


def test_killed_wrapper_takes_the_command_along() -> None:
    with start(*SUPERVISED, sys.executable, "-c", WAITER) as wrapper:
        waiter = watch_reported(wrapper)
        wrapper.kill()
        assert ended(waiter)


def test_killed_supervisor_that_is_not_the_parent_takes_the_command_along() -> None:
    with (
        start(sys.executable, "-c", WAITER) as supervisor,
        start(
            *SUPERVISED, sys.executable, "-c", WAITER, CRR_SUPERVISOR_PID=str(supervisor.pid)
        ) as wrapper,
    ):
        waiter = watch_reported(wrapper)
        supervisor.kill()
        assert ended(waiter)


def test_supervisor_that_is_already_gone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with start(
        *SUPERVISED, sys.executable, "-c", WAITER, CRR_SUPERVISOR_PID=str(gone.pid)
    ) as wrapper:
        assert wrapper.wait(FAR_TOO_LONG_S) == 128 + signal.SIGTERM


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("target", ["wrapper", "honcho"])
def test_procfile_under_honcho_ends_whole(
    tmp_path: Path, target: str, signum: signal.Signals
) -> None:
    line = f"""exec "{sys.executable}" -m registry.supervised "{sys.executable}" -c "{WAITER}"\n"""
    procfile = tmp_path / "Procfile"
    procfile.write_text(f"one: {line}two: {line}")
    honcho = [sys.executable, "-m", "honcho", "start", "--procfile", str(procfile)]
    with start(*SUPERVISED, *honcho, PYTHONPATH=os.getcwd(), PYTHONUNBUFFERED="1") as wrapper:
        waiters = reported_under_honcho(wrapper, 2)
        os.kill(wrapper.pid if target == "wrapper" else only_child(wrapper.pid), signum)
        for waiter in waiters:
            assert ended(waiter)


def reported_under_honcho(wrapper: subprocess.Popen[str], count: int) -> list[int]:
    """pidfds of what the Procfile's commands print, past honcho's own lines."""
    said = (line.partition("| ")[2] for line in wrapper.stdout or ())
    return list(
        islice((os.pidfd_open(int(text)) for text in said if text.strip().isdigit()), count)
    )


def only_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


def test_command_that_was_killed_is_started_again_when_asked_for() -> None:
    with start(*SUPERVISED, "--revive", sys.executable, "-c", WAITER) as wrapper:
        first = int(next(wrapper.stdout or iter(())))
        os.kill(first, signal.SIGKILL)
        second = int(next(wrapper.stdout or iter(())))
        assert second != first
        watched = os.pidfd_open(second)
        wrapper.terminate()
        assert ended(watched)
    assert wrapper.returncode == 128 + signal.SIGTERM


def test_second_command_on_the_same_lock_does_not_start(tmp_path: Path) -> None:
    alone = [*SUPERVISED, "--alone", str(tmp_path / "running"), sys.executable, "-c"]
    with start(*alone, WAITER) as first:
        waiter = watch_reported(first)
        second = subprocess.run([*alone, "print('ran')"], capture_output=True, text=True)
        assert (second.stdout, second.returncode) == ("", 1)
        first.terminate()
        assert ended(waiter)
    assert subprocess.run([*alone, "pass"]).returncode == 0
