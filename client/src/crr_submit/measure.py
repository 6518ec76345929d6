"""Carries out a plan: starts netperf, reads the counters inside the active window, keeps what
netperf printed.

Interrupted or failed, it keeps what was measured so far; nothing here raises after the first run.
"""

import contextlib
import functools
import itertools
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import IO, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from crr_submit import cpus, plan, report, telemetry
from crr_submit.host import Host
from crr_submit.plan import Step
from crr_submit.programs import (
    CannotMeasure,
    ConnectionWasReset,
    FarNetserver,
    Interrupted,
    LoneNetserver,
    Netserver,
    Programs,
    end_group,
    handled,
    held,
    last_lines,
    start,
    wait,
)
from crr_submit.telemetry import Conntrack

# The active window leaves out this much at either end: start-up, and netserver's wait at the end.
MARGIN_S = 0.2
GRACE_S = 20.0
STOP_LIMIT_S = 5.0
POLL_S = 0.02
RESET = "_data failed: Connection reset by peer"
SELECTORS = (
    "THROUGHPUT,THROUGHPUT_UNITS,ELAPSED_TIME,PROTOCOL,DIRECTION,REQUEST_SIZE,RESPONSE_SIZE,"
    "LSS_SIZE_REQ,LSR_SIZE_REQ,RSS_SIZE_REQ,RSR_SIZE_REQ,LSS_SIZE_END,LSR_SIZE_END,RSS_SIZE_END,RSR_SIZE_END"
)

Progress = Callable[[float, str], None]


@dataclass
class Measurement:
    """What came of a plan. `failure` says why it stopped before its end, `left_out` which steps
    were not run, `repeated` which failed once.
    """

    runs: List[Dict[str, Any]] = field(default_factory=list)
    conntrack_active: bool = False
    interrupted: bool = False
    failure: Optional[str] = None
    left_out: List[str] = field(default_factory=list)
    repeated: List[str] = field(default_factory=list)

    @property
    def has_results(self) -> bool:
        return any(not run["warm_up"] for run in self.runs)


def carry_out(
    steps: Sequence[Step],
    programs: Programs,
    host: Host,
    pin_cpu: int,
    progress: Progress,
    prepare: Callable[[Measurement], None] = lambda done: None,
    conntrack_active: bool = False,
    far: Union[FarNetserver, Netserver, None] = None,
) -> Measurement:
    """Run the steps in order, over loopback or against `far`. Before each, `prepare(what is done so
    far)` may change the host or end it all with CannotMeasure, and `progress(seconds left, label)`
    is called. `conntrack_active` is what an earlier plan has shown.
    """
    with kept(host) as (done, conntrack):
        conntrack.is_active = conntrack_active
        runner = _Runner(programs, host, pin_cpu, conntrack, done)
        for is_warm_up, part in itertools.groupby(range(len(steps)), lambda n: steps[n].warm_up):
            # A warm-up counts, in which a child would outlive us where we are killed.
            kind = LoneNetserver if is_warm_up else Netserver
            with far or kind(programs.netserver) as runner.netserver:
                for index in part:
                    prepare(done)
                    left_s = plan.expected_s(steps[index:])
                    runner.run(steps[index], functools.partial(progress, left_s))
    return done


@contextlib.contextmanager
def kept(host: Host) -> Iterator[Tuple[Measurement, Conntrack]]:
    """Keeps what was measured within, whatever ends it."""
    done, conntrack = Measurement(), Conntrack(host)
    try:
        with handled():
            yield done, conntrack
    except Interrupted:
        done.interrupted = True
    except CannotMeasure as error:
        done.failure = str(error)
    except OSError as error:
        done.failure = error.strerror or "system error"  # its whole text may name a path
    done.conntrack_active = conntrack.is_active


@dataclass
class _Runner:
    programs: Programs
    host: Host
    pin_cpu: int
    conntrack: Conntrack
    done: Measurement
    netserver: Union[Netserver, FarNetserver] = field(init=False)
    with_interims: bool = True
    best_rate: float = 0.0

    def run(self, step: Step, say: Callable[[str], None], is_again: bool = False) -> None:
        """One step: a row more in `done.runs`, or a reason more in `done.left_out`."""
        by_time = self.best_rate * step.streams * (step.duration_s or 0)
        expected = step.transactions if step.duration_s is None else by_time
        pid = self.netserver.pid * self.netserver.in_new_network
        wait_for_room = self.conntrack.wait_for_room
        obstacle = wait_for_room(expected, say, pid) if step.test == "TCP_CRR" else None
        if obstacle is not None:
            self.done.left_out.append("%s: %s" % (step.label, obstacle))
            return
        say(step.label)
        time.sleep(step.settle_s)
        before = telemetry.read_run(self.host, pid)
        try:
            run = self._measured(step)
        except ConnectionWasReset as error:
            if is_again:
                raise
            self.done.repeated.append("%s: %s" % (step.label, error))
            say("repeated once: " + self.done.repeated[-1])
            self.run(step, say, is_again=True)
            return
        after = telemetry.read_run(self.host, pid)
        run["telemetry"].update(telemetry.over_run(before, after, self.host))
        self.done.runs.append(run)
        self._learn(step, run, before, after)

    def _measured(self, step: Step) -> Dict[str, Any]:
        command = self._command(step)
        run = self._row(step, command)
        first_start_s = time.monotonic()
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(step.streams)]
            processes: List["subprocess.Popen[bytes]"] = []
            try:
                for file in files:
                    with held():
                        processes.append(start([self.programs.netperf, *command[1:]], file))
                self._watch(step, run, processes, first_start_s)
            except Interrupted:
                with held():
                    self._keep_cut(run, processes, files)
                raise
            finally:
                with held():
                    for process in processes:
                        end_group(process)
            run["ended_at"] = now()
            run["outputs"] = [_read(file) for file in files]
        failed = [process.returncode for process in processes if process.returncode != 0]
        if failed:
            is_reset = any(RESET in output for output in run["outputs"])
            raise (ConnectionWasReset if is_reset else CannotMeasure)(
                "netperf failed (exit code %d): %s"
                % (failed[0], last_lines("\n".join(run["outputs"])))
            )
        return run

    def _watch(
        self,
        step: Step,
        run: Dict[str, Any],
        processes: Sequence["subprocess.Popen[bytes]"],
        first_start_s: float,
    ) -> None:
        """Read the counters inside the active window, from the last start to the end of the first
        stream, then wait for every process. A counted run has no wait at its end, so its window
        lasts until netperf has ended.
        """
        started_s = time.monotonic()
        deadline_s = started_s + step.expected_s + GRACE_S
        if not step.warm_up:
            wait(processes[0], started_s + MARGIN_S)
            first = telemetry.read(self.host)
            run["placement"] = cpus.verified(
                self.host,
                step.placement,
                [process.pid for process in processes],
                cpus.children(self.host, self.netserver.pid) or [self.netserver.pid],
            )
            is_counted = step.duration_s is None
            window_s = first_start_s + (step.duration_s or 0) - MARGIN_S
            wait(processes[0], deadline_s if is_counted else window_s)
            run["telemetry"] = telemetry.window(first, telemetry.read(self.host))
        for process in processes:
            if not wait(process, deadline_s):
                raise CannotMeasure(
                    "netperf does not end: can its data connections reach the other end?"
                )

    def _keep_cut(
        self,
        run: Dict[str, Any],
        processes: Sequence["subprocess.Popen[bytes]"],
        files: Sequence[IO[bytes]],
    ) -> None:
        """Let netperf say what it has so far, and keep it as partial. SIGINT makes it print that at
        once, on a busy host somewhat later; it would go on with the test then.
        """
        before = [_size_bytes(file) for file in files]
        for process in processes:
            with contextlib.suppress(OSError):
                process.send_signal(signal.SIGINT)
        deadline_s = time.monotonic() + STOP_LIMIT_S
        for process, file, size_bytes in zip(processes, files, before):
            while _size_bytes(file) == size_bytes and not wait(process, time.monotonic() + POLL_S):
                if time.monotonic() > deadline_s:
                    break
        run.update(
            ended_at=now(), partial=True, outputs=[text for text in map(_read, files) if text]
        )
        if run["outputs"]:
            self.done.runs.append(run)

    def _learn(
        self,
        step: Step,
        run: Dict[str, Any],
        before: telemetry.RunCounters,
        after: telemetry.RunCounters,
    ) -> None:
        """What this run tells about the next ones: rate, conntrack, whether this netperf can
        report in between.
        """
        rate = report.transaction_rate(run)
        if rate is not None and step.test == "TCP_CRR":
            self.best_rate = max(self.best_rate, rate / step.streams)
            connections = rate * step.duration_s if step.duration_s else step.transactions
            self.conntrack.observe(before.conntrack_count, after.conntrack_count, connections)
        if "demo mode not configured" in run["outputs"][0].lower():
            self.with_interims = False

    def _command(self, step: Step) -> List[str]:
        """The command line, with netperf's plain name. Every arm has the same options: each
        changes what is timed.
        """
        length = str(step.duration_s or -step.transactions)
        command = [
            "netperf",
            "-t",
            step.test,
            "-H",
            self.netserver.address,
            "-p",
            str(self.netserver.port),
        ]
        command += ["-l", length]
        if self.with_interims:
            command += ["-D", "%g" % step.interim_s]
        if step.placement == "same_cpu":
            command += ["-T", "%d,%d" % (self.pin_cpu, self.pin_cpu)]
        return [*command, "--", "-k", SELECTORS]

    def _row(self, step: Step, command: Sequence[str]) -> Dict[str, Any]:
        return {
            "tool": "netperf",
            "tool_version": self.programs.version,
            "command": " ".join(command),
            "topology": self.netserver.topology,
            "streams": step.streams,
            "placement": None if step.placement == "same_cpu" else step.placement,
            "warm_up": step.warm_up,
            "partial": False,
            "started_at": now(),
            "ended_at": None,
            "outputs": [],
            "remote_environment": self.netserver.environment,
            "telemetry": {},
        }


def _size_bytes(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
