"""`crr-submit app`: how many HTTP requests a second a small server takes on this host, each on a
new connection against connections that are kept, as an application sees it.

The report on disk is sent to nobody. Server and generator are processes of their own on loopback;
nothing on the host is changed.
"""

import functools
import statistics
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from crr_submit import (
    app_generators,
    app_output,
    collect,
    cpus,
    plan,
    session,
    telemetry,
)
from crr_submit.app_generators import Job, Load
from crr_submit.app_output import AppOutput
from crr_submit.app_server import Counts, Server
from crr_submit.host import Host
from crr_submit.measure import Measurement, Progress, kept, now
from crr_submit.options import AppSettings, Options
from crr_submit.programs import CannotMeasure
from crr_submit.telemetry import Conntrack
from crr_submit.terminal import Terminal, counted

# Before the first run nothing is known of this host; only the time left is guessed by it.
FIRST_RATE = 10_000.0
WARM_UP_SHARE = 10
SIZES = {  # rounds of both tests, requests of a run
    plan.DEFAULT: (3, 100_000),
    plan.QUICK: (1, 10_000),
    plan.THOROUGH: (10, 100_000),
}

BUSY = 0.9
Found = Tuple[AppOutput, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One run of a generator."""

    test: str
    requests: int
    warm_up: bool = False

    @property
    def label(self) -> str:
        """`HTTP_ACCEPT, 100,000 requests`."""
        name = "warm-up of " + self.test if self.warm_up else self.test
        return "%s, %s requests" % (name, "{:,}".format(self.requests))


def build(settings: AppSettings, scale: plan.Scale) -> List[Step]:
    """The steps in order: a warm-up of each test, then rounds that run both once."""
    rounds, usual = SIZES[scale]
    requests = settings.requests or usual
    short = max(1, requests // WARM_UP_SHARE)
    warm_ups = [Step(test, short, warm_up=True) for test in app_output.TESTS]
    return warm_ups + [Step(test, requests) for test in app_output.TESTS] * rounds


def measure_and_save(options: Options, terminal: Terminal) -> session.SavedReport:
    """Carry out the plan and save what came of it; raises what `session.measure_and_save` does."""
    path, sender = session.prepared(options)
    host = Host()
    generator = app_generators.choose(options.app.generator, host, processes(host))
    environment = collect.environment(host, options.with_cloud)
    steps = build(options.app, options.scale)
    text = "Measuring: %d runs of a small HTTP server on loopback, load by %s, changing nothing."
    terminal.say(text % (len(steps), generator.name))
    done = carry_out(steps, options.app, generator, host, terminal.progress)
    made = session.envelope(environment, done, len(steps), sender, options)
    return session.saved(path, made, done, app_table(done.runs), terminal)


def carry_out(
    steps: Sequence[Step],
    settings: AppSettings,
    generator: app_generators.Generator,
    host: Host,
    progress: Progress,
) -> Measurement:
    """Run the steps in order; `progress(seconds left, label)` is called before each."""
    workers = settings.workers or processes(host)
    listening = Server(host, workers, settings.listeners, settings.backlog)
    with kept(host) as (done, conntrack), listening as server:
        runner = _Runner(settings, generator, host, server, conntrack, done)
        for index, step in enumerate(steps):
            runner.run(step, functools.partial(progress, runner.expected_s(steps[index:])))
    return done


def carry_out_apart(
    steps: Sequence[plan.Step],
    settings: Sequence[AppSettings],
    host: Host,
    progress: Progress,
    prepare: Callable[[Measurement], None],
) -> Measurement:
    """Each step of HTTP_ACCEPT with settings of its own and a server of its own, which so begins to
    listen after `prepare` changed the host.
    """
    usable = processes(host)
    generator = app_generators.choose(app_output.OWN, host, usable)
    with kept(host) as (done, conntrack):
        for index, (step, own) in enumerate(zip(steps, settings)):
            prepare(done)
            time.sleep(step.settle_s)
            say = functools.partial(progress, plan.expected_s(steps[index:]))
            with Server(host, usable, own.listeners, own.backlog) as server:
                runner = _Runner(own, generator, host, server, conntrack, done)
                runner.run(Step(app_output.ACCEPT, step.transactions, step.warm_up), say)
    return done


def processes(host: Host) -> int:
    """As many as usable CPUs, or as a block can name."""
    return min(cpus.usable_count(host), app_output.MOST_PROCESSES)


@dataclass
class _Runner:
    settings: AppSettings
    generator: app_generators.Generator
    host: Host
    server: Server
    conntrack: Conntrack
    done: Measurement
    rates: Dict[str, float] = field(default_factory=dict)

    def expected_s(self, steps: Sequence[Step]) -> float:
        """How long the steps will take, by the last run of each test."""
        return sum(step.requests / self.rates.get(step.test, FIRST_RATE) for step in steps)

    def run(self, step: Step, say: Callable[[str], None]) -> None:
        """One step: a row more in `done.runs`, or a reason more in `done.left_out`."""
        connections = self._connections(step)
        obstacle = self.conntrack.wait_for_room(connections, say)
        if obstacle is not None:
            self.done.left_out.append("%s: %s" % (step.label, obstacle))
            return
        say(step.label)
        before = telemetry.read_run(self.host)
        run = self._measured(step)
        after = telemetry.read_run(self.host)
        run["telemetry"].update(telemetry.over_run(before, after, self.host))
        self.done.runs.append(run)
        self.conntrack.observe(before.conntrack_count, after.conntrack_count, connections)

    def _measured(self, step: Step) -> Dict[str, Any]:
        job = Job(
            address=self.server.address,
            port=self.server.port,
            requests=step.requests,
            concurrency=self.settings.concurrency,
            keep_alive=step.test == app_output.KEEPALIVE,
        )
        started_at, counted = now(), self.server.counts()
        # The load lasts from the first reading to the last but for the start of the generator, so
        # the window is the run.
        first = telemetry.read(self.host)
        load = self.generator.run(job, self.rates.get(step.test))
        window = telemetry.window(first, telemetry.read(self.host))
        output = self._output(step, load, counted, self.server.counts())
        self.rates[step.test] = output.rate
        text = _checked(output) + ("\n" + load.text if load.text else "")
        return self._row(step, load, started_at, text, window)

    def _output(self, step: Step, load: Load, before: Counts, after: Counts) -> AppOutput:
        if not load.requests or load.elapsed_s <= 0:
            text = "%s got no answer: %d requests failed"
            raise CannotMeasure(text % (self.generator.name, load.errors))
        return AppOutput(
            test=step.test,
            requests=load.requests,
            errors=load.errors,
            elapsed_time_s=load.elapsed_s,
            concurrency=self.settings.concurrency,
            backlog=self.server.backlog,
            listeners=self.settings.listeners,
            address_family=self.server.family,
            connections=after.connections - before.connections,
            server_cpu_s=tuple(late - early for early, late in zip(before.cpu_s, after.cpu_s)),
            generator=self.generator.name,
            generator_version=self.generator.version,
            generator_cpu_s=load.cpu_s,
        )

    def _connections(self, step: Step) -> int:
        return step.requests if step.test == app_output.ACCEPT else self.settings.concurrency

    def _row(
        self, step: Step, load: Load, started_at: str, text: str, window: Dict[str, Any]
    ) -> Dict[str, Any]:
        own = self.generator.name == app_output.OWN
        return {
            "tool": "crr-submit app" if own else self.generator.name,
            "tool_version": self.generator.version,
            "command": load.command or _own_command(self.settings, step),
            "topology": "loopback",
            "streams": None,
            "placement": "unpinned",
            "warm_up": step.warm_up,
            "partial": False,
            "started_at": started_at,
            "ended_at": now(),
            "outputs": [text],
            "telemetry": window,
        }


def _checked(output: AppOutput) -> str:
    """The block, if it is one that the registry will read."""
    text = app_output.write(output)
    found = app_output.parse(text)
    reasons: List[Optional[str]] = [warning.message for warning in found.warnings] if found else []
    if not found or not found.results:
        raise CannotMeasure("the run makes no sense: %s" % (reasons or [None])[0])
    return text


def _own_command(settings: AppSettings, step: Step) -> str:
    counts = (step.requests, settings.concurrency, settings.backlog, settings.listeners)
    return "crr-submit app --requests %d --concurrency %d --backlog %d --listeners %s" % counts


def app_table(runs: Sequence[Mapping[str, Any]]) -> List[str]:
    """The lines of each test, by its counted runs."""
    found: Dict[str, List[Found]] = {}
    for run in runs:
        output = app_output.read(run["outputs"][0]) if run["outputs"] else None
        if output and not run["warm_up"]:
            found.setdefault(output.test, []).append((output, run["telemetry"]))
    return [line for test in app_output.TESTS for line in _lines(found.get(test, []))]


def limit(output: AppOutput, telemetry: Mapping[str, Any]) -> str:
    """What was the limit of one run: a side, or what both sides need."""
    if (telemetry.get("netstat") or {}).get("ListenOverflows"):
        return "the listen backlog"
    if telemetry.get("cgroup_throttled"):
        return "the CPU quota of this cgroup"
    full = {
        "the server": busiest(output, output.server_cpu_s) >= BUSY,
        "the generator": busiest(output, output.generator_cpu_s) >= BUSY,
    }
    if any(full.values()):
        return " and ".join(side for side, is_full in full.items() if is_full)
    cpus = [row["busy_percent"] / 100 for row in telemetry.get("cpu") or []]
    if not cpus or min(cpus) < BUSY:
        return "none found"
    used_s = sum(output.server_cpu_s) + sum(output.generator_cpu_s)
    others = sum(cpus) - used_s / output.elapsed_time_s
    return (
        "other work on the CPUs" if others > len(cpus) / 2 else "the CPUs, which both sides share"
    )


def busiest(output: AppOutput, cpu_s: Sequence[float]) -> float:
    """The share of the time in which the busiest of these processes was on a CPU."""
    return max(cpu_s) / output.elapsed_time_s


def _lines(found: Sequence[Found]) -> Iterator[str]:
    if not found:
        return
    output = found[0][0]
    rates = [each.rate for each, _ in found]
    yield "  %-14s %8s %12s trans/s (median), load by %s" % (
        output.test,
        counted(len(rates), "run"),
        "{:,.0f}".format(statistics.median(rates)),
        output.generator,
    )
    yield "    server:    " + _side([(each, each.server_cpu_s) for each, _ in found])
    yield "    generator: " + _side([(each, each.generator_cpu_s) for each, _ in found])
    yield "    all CPUs:  " + _all_cpus(found)
    limits = [limit(each, telemetry) for each, telemetry in found]
    for name in dict.fromkeys(limits):
        times = "" if len(limits) == 1 else " (%d of %d runs)" % (limits.count(name), len(limits))
        yield "    limit:     " + name + times
    overflows = sum((row.get("netstat") or {}).get("ListenOverflows", 0) for _, row in found)
    if overflows:
        yield "    %d connections found the backlog of %d full" % (overflows, output.backlog)
    errors = sum(each.errors for each, _ in found)
    if errors:
        yield "    %d requests failed" % errors


def _all_cpus(found: Sequence[Found]) -> str:
    """More than both sides use is the kernel's work for them, or other people's."""
    busy = [[row["busy_percent"] for row in each.get("cpu") or []] for _, each in found]
    shares = [statistics.mean(row) for row in busy if row]
    return "%.0f %% busy" % statistics.median(shares) if shares else "not known"


def _side(sides: Sequence[Tuple[AppOutput, Sequence[float]]]) -> str:
    """`2 processes, 0.71 CPUs, the busiest process 41 % of the time`."""
    count = len(sides[0][1])
    used = statistics.median(sum(cpu_s) / output.elapsed_time_s for output, cpu_s in sides)
    most = statistics.median(busiest(output, cpu_s) for output, cpu_s in sides)
    text = "%s, %.2f CPUs, the busiest %.0f %% of the time"
    return text % (counted(count, "process", "es"), used, 100 * most)
