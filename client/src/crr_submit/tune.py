"""`crr-submit tune FACTOR`: a setting of this host against its other value, in paired blocks, and
the setting put back whatever happens.

The report on disk is sent to nobody. A warm-up and a pilot fix how many transactions a run counts
and how many blocks there are, and are no part of the result. One host gives a ratio and an
interval, never a verdict.
"""

import contextlib
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from crr_submit import (
    collect,
    cpus,
    factors,
    journal,
    measure,
    paired,
    plan,
    programs,
    report,
    session,
)
from crr_submit.factors import Trial
from crr_submit.host import Host
from crr_submit.journal import Journal, Setting
from crr_submit.options import Options
from crr_submit.paired import Design, Effect, Ratio
from crr_submit.programs import CannotMeasure, Interrupted, handled, held
from crr_submit.terminal import Terminal, duration

_DESIGNS = {plan.DEFAULT: paired.DEFAULT, plan.QUICK: paired.QUICK, plan.THOROUGH: paired.THOROUGH}
# Not in a home: a folder that root makes there would be closed to its owner.
TRIED = "/run/crr-submit.tried"


@dataclass(frozen=True)
class Result:
    """A finished experiment: every run with the pilot's before them, which `first` leaves out."""

    trial: Trial
    orders: Tuple[str, ...]
    runs: Tuple[Dict[str, Any], ...]
    first: int
    conntrack_active: bool
    repeated: Tuple[str, ...] = ()

    @property
    def rates(self) -> List[float]:
        return [rate_of(run) for run in self.runs[self.first :]]

    @property
    def row(self) -> Dict[str, Any]:
        """As the report has it: A is the first arm."""
        letters = "".join(self.orders)
        rows = [
            {
                "value": value,
                "runs": [self.first + n for n, arm in enumerate(letters) if arm == letter],
            }
            for letter, value in zip("AB", self.trial.values)
        ]
        return {"factor": self.trial.factor, "blocks": list(self.orders), "arms": rows}


def measure_and_save(options: Options, terminal: Terminal) -> session.SavedReport:
    """Carry out the experiment and save it.

    Raises CannotMeasure, with nothing changed or everything put back and nothing saved, and
    KeyboardInterrupt likewise: blocks that somebody chose to stop at would not be an honest sample.
    """
    path, sender = session.prepared(options)
    host = Host()
    factor = factors.find(options.factor)
    with _interruptible(), journal.opened() as kept:
        for line in kept.restore():
            terminal.complain(journal.LEFT_OVER + line)
        trial = factor.plan(host, options.against)
        factors.require_writable(trial)
        found = None if trial.app else programs.find_programs(host)
        environment = collect.environment(host, options.with_cloud)
        result = carry_out(trial, design_of(options), found, host, kept, terminal)
    if result.conntrack_active and not trial.over_veth:
        environment["tuning"]["conntrack"] = "active"
    notes = ["%d runs of warm-up and pilot came first, marked as warm-up." % result.first]
    notes += result.repeated
    text = "\n".join(notes)
    made = report.build(environment, result.runs, sender, text, options.redact, result.row)
    body = report.to_bytes(made)
    path = session.save(path, body, terminal)
    terminal.say(*result.repeated, *lines(result, count_tried(trial.factor)))
    return session.SavedReport(path, body, is_complete=True)


def carry_out(
    trial: Trial,
    design: Design,
    found: Optional[programs.Programs],
    host: Host,
    kept: Journal,
    terminal: Terminal,
) -> Result:
    """Pilot and blocks, with every file of the trial as it was when this returns or raises."""
    settings = [Setting(path, journal.read(path), values) for path, values in trial.files.items()]
    with _restored(kept, settings, terminal):
        trial = _as_taken(trial, settings, kept) if trial.is_cut else trial
        runner = _Runner(trial, found, host, kept, terminal, {s.path: s.before for s in settings})
        terminal.say("Pilot: %s, %s against %s" % (trial.factor, *reversed(trial.values)))
        first = runner.run(*_pilot(design))
        arms, count = _sized(first, design)
        orders = paired.draw_orders(count, random.Random())
        letters = "".join(orders)
        steps = [arms[letter] for letter in letters]
        about = duration(plan.expected_s(steps))
        terminal.say("%d blocks of 4 runs, about %s." % (count, about))
        done = runner.run(letters, steps)
        runner.check()
    runs = (*first.runs, *done.runs)
    repeated = tuple("Repeated once: " + text for text in first.repeated + done.repeated)
    return Result(trial, tuple(orders), runs, len(first.runs), runner.conntrack_active, repeated)


def _as_taken(trial: Trial, settings: Sequence[Setting], kept: Journal) -> Trial:
    """The trial with what the kernel makes of its second value, such as a mask without the CPUs
    that it keeps for itself; the journal learns it too, and takes any value for ours until then.
    """
    kept.write([replace(setting, applied=(journal.ANY,)) for setting in settings])
    files = {}
    for path, (first, second) in trial.files.items():
        with held():
            try:
                files[path] = (first, journal.tried(path, second))
            except OSError as error:
                raise CannotMeasure("%s cannot be set: %s" % (trial.factor, error)) from error
        if files[path][1] == first:
            raise CannotMeasure("%s: %s stays at '%s'" % (trial.factor, path, first))
    kept.write([replace(setting, applied=files[setting.path]) for setting in settings])
    return replace(trial, files=files)


@dataclass
class _Runner:
    """Runs steps with the setting switched before each; `present` is what each file should hold."""

    trial: Trial
    found: Optional[programs.Programs]
    host: Host
    kept: Journal
    terminal: Terminal
    present: Dict[str, str]
    value: str = ""
    conntrack_active: bool = False

    def run(self, letters: str, steps: Sequence[plan.Step]) -> measure.Measurement:
        """One step a letter. Raises what stopped it: half an experiment is none."""
        done = self._measured(letters, steps)
        self.conntrack_active = done.conntrack_active
        if done.interrupted:
            raise Interrupted
        if done.failure or done.left_out:
            raise CannotMeasure(done.failure or done.left_out[0])
        return done

    def _measured(self, letters: str, steps: Sequence[plan.Step]) -> measure.Measurement:
        def progress(left_s: float, label: str) -> None:
            self.terminal.progress(left_s, "%s %s" % (self.value, label))

        def prepare(so_far: measure.Measurement) -> None:
            self._prepare(so_far, letters)

        if self.found is None:
            from crr_submit import app  # only here: start-up time that no other factor needs

            settings = [self.trial.app["AB".index(letter)] for letter in letters]
            return app.carry_out_apart(steps, settings, self.host, progress, prepare)
        kind = programs.VethNetserver if self.trial.over_veth else programs.LoneNetserver
        self.netserver = kind(self.found.netserver)
        pin_cpu = cpus.pin_choice(cpus.allowed())
        return measure.carry_out(
            steps,
            self.found,
            self.host,
            pin_cpu,
            progress,
            prepare,
            self.conntrack_active,
            self.netserver,
        )

    def check(self) -> None:
        """Raises CannotMeasure, and leaves the file to them, when somebody else changed one."""
        for path, expected in self.present.items():
            now = journal.read(path)
            if now != expected:
                self.kept.forget(path)
                raise CannotMeasure(
                    "somebody else set %s to '%s' during the experiment; it is left so, and what "
                    "was measured is discarded" % (path, now)
                )

    def _prepare(self, done: measure.Measurement, letters: str) -> None:
        if done.left_out:
            raise CannotMeasure(done.left_out[0])
        arm = "AB".index(letters[len(done.runs)])
        self.value = "%s %s:" % (self.trial.factor, self.trial.values[arm])
        try:
            self.check()
            for path, values in self.trial.files.items():
                with held():
                    self._switch(path, values[arm])
            if self.trial.over_veth:
                self.trial.over_veth(arm, self.netserver.pid)
        except OSError as error:
            raise CannotMeasure("%s cannot be set: %s" % (self.trial.factor, error)) from error

    def _switch(self, path: str, value: str) -> None:
        if self.present[path] != value:
            journal.apply(path, value)
            self.present[path] = value


@contextlib.contextmanager
def _restored(kept: Journal, settings: Sequence[Setting], terminal: Terminal) -> Iterator[None]:
    """Around everything that changes the settings. Where even this does not run to its end, the
    watchdog does the same; and where that was killed too, the next tune.
    """
    guard: Optional[journal.Watchdog] = None
    try:
        with held():
            guard = journal.start_watchdog(kept.restore)
        kept.write(settings)
        yield
    finally:
        with held():
            try:
                terminal.say(*kept.restore())
            finally:
                if guard is not None:
                    guard.dismiss()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    try:
        with handled():
            yield
    except Interrupted:
        raise KeyboardInterrupt from None


def design_of(options: Options) -> Design:
    """The design that --quick, --thorough and --duration ask for."""
    design = _DESIGNS[options.size]
    if options.duration_s is None:
        return design
    return replace(design, run_s=float(options.duration_s))


def _pilot_order(design: Design) -> str:
    """ABBABAAB and so on, a letter for each run."""
    return "".join(paired.ORDERS * design.pilot_blocks)[: 4 * design.pilot_blocks]


def _pilot(design: Design) -> Tuple[str, List[plan.Step]]:
    """Letters and steps of the warm-up and the pilot."""
    order = _pilot_order(design)
    warm_up = _counted(plan.WARM_UP_TRANSACTIONS, plan.WARM_UP_S, 0.0, warm_up=True)
    step = _counted(design.pilot_transactions, plan.WARM_UP_S, design.settle_s, warm_up=True)
    return "A" + order, [warm_up] + [step] * len(order)


def _sized(pilot: measure.Measurement, design: Design) -> Tuple[Dict[str, plan.Step], int]:
    """A step for each arm, counting what takes about `run_s`, and the number of blocks."""
    order, rates = _pilot_order(design), [rate_of(run) for run in pilot.runs[1:]]
    steps = {}
    for letter in "AB":
        known = [rate for rate, arm in zip(rates, order) if arm == letter]
        transactions = max(1, round(design.run_s * sum(known) / len(known)))
        steps[letter] = _counted(transactions, design.run_s, design.settle_s)
    return steps, min(paired.needed_blocks(rates, order, design), _room(steps["A"]))


def _counted(
    transactions: int, about_s: float, settle_s: float, warm_up: bool = False
) -> plan.Step:
    return plan.Step(
        "TCP_CRR",
        1,
        "same_cpu",
        None,
        warm_up=warm_up,
        transactions=transactions,
        counted_s=about_s,
        settle_s=settle_s,
    )


def _room(step: plan.Step) -> int:
    """Blocks that a report has room for."""
    return max(2, plan.REPORT_BUDGET_BYTES // (4 * step.report_bytes(len(cpus.allowed()))))


def rate_of(run: Dict[str, Any]) -> float:
    """Raises CannotMeasure when netperf printed none."""
    rate = report.transaction_rate(run)
    if not rate:
        raise CannotMeasure("netperf printed no rate: %s" % " / ".join(run["outputs"])[-200:])
    return rate


def lines(result: Result, n_factors: int) -> Iterator[str]:
    """The result for people: every block, the ratio, and how far it can be trusted."""
    effect = paired.effect(result.orders, result.rates)
    first, second = result.trial.values
    yield "%s: %s (B) over %s (A)" % (result.trial.factor, second, first)
    yield "%s, transactions a second:" % result.trial.load
    yield from _block_rows(result, effect)
    yield "Ratio B/A:              %s, %d blocks" % (_shown(effect.overall), len(effect.blocks))
    yield "Smallest to be seen:    %.1f %%, in 4 of 5 such experiments" % (
        100 * (effect.smallest_visible - 1)
    )
    yield "Carry-over:             %s, first over second of %d pairs of AA or BB" % (
        _shown(effect.carry_over),
        effect.carry_over.count,
    )
    text = "One host; factors tried on it since its start: %d. Of many, some differ by chance."
    yield text % n_factors


def count_tried(factor: str) -> int:
    """How many factors were tried on this host since it was started, with this one; where the list
    cannot be kept, this one alone.
    """
    tried = {factor}
    with contextlib.suppress(OSError):
        if Path(TRIED).exists():
            tried.update(Path(TRIED).read_text(encoding="ascii", errors="replace").split())
        report.save(TRIED, "".join(name + "\n" for name in sorted(tried)).encode("ascii"))
    return len(tried)


def _block_rows(result: Result, effect: Effect) -> Iterator[str]:
    yield "  block  order          A          B     B/A"
    rates = result.rates
    for number, (order, ratio) in enumerate(zip(result.orders, effect.blocks)):
        block = rates[4 * number : 4 * number + 4]
        means = [sum(r for r, arm in zip(block, order) if arm == letter) / 2 for letter in "AB"]
        shown = ["{:,.0f}".format(mean) for mean in means]
        yield "  %5d  %s  %10s %10s  %6.3f" % (number + 1, order, shown[0], shown[1], ratio)


def _shown(ratio: Ratio) -> str:
    return "%.3f (95 %% interval %.3f to %.3f)" % (ratio.value, ratio.low, ratio.high)
