"""`crr-submit tune` with factors that only the tests have, small runs, and a fault at one point.

Run as a program in a namespace: journal's path, point, what happens there, then the arguments of
crr-submit. A point is `before` or `after`, a function, and which of its calls. What happens: the
name of a signal, which this process sends to itself; or PATH=VALUE, which is written.
"""

import os
import signal
import sys
from pathlib import Path
from unittest import mock

from crr_submit import cli, factors, journal, measure, paired, tune

OWNERS = {
    "write": (journal.Journal, "write"),
    "start": (journal, "start_watchdog"),
    "apply": (journal, "apply"),
    "run": (measure._Runner, "_measured"),
    "watch": (measure._Runner, "_watch"),
    "restore": (journal.Journal, "restore"),
    "dismiss": (journal.Watchdog, "dismiss"),
}
TINY = paired.Design(
    run_s=0.02,
    settle_s=0.0,
    least_blocks=2,
    most_blocks=2,
    pilot_blocks=1,
    pilot_transactions=50,
)


def sysctl(name, new):
    """A factor that is a sysctl: its present value against another."""
    path = "/proc/sys/" + name.replace(".", "/")

    def plan(host, against):
        if journal.read(path) == new:
            raise factors.CannotMeasure("%s is already %s" % (name, new))
        values = (journal.read(path), new)
        return factors.Trial(name, values, {path: values})

    return factors.Factor(name, plan)


def happen(what):
    path, equals, value = what.partition("=")
    if equals:
        Path(path).write_text(value)
    else:
        os.kill(os.getpid(), getattr(signal, what))


def at(point, what):
    """A patch that lets it happen at the point."""
    when, name, number = point.split()
    owner, attribute = OWNERS[name]
    original, calls, process = getattr(owner, attribute), [], os.getpid()

    def wrapped(*arguments, **named):
        calls.append(name)
        # Not in the watchdog, which is a fork.
        is_due = len(calls) == int(number) and os.getpid() == process
        if is_due and when == "before":
            happen(what)
        returned = original(*arguments, **named)
        if is_due and when == "after":
            happen(what)
        return returned

    return mock.patch.object(owner, attribute, wrapped)


def main(path, point, what, *arguments):
    extra = [
        sysctl("net.ipv4.tcp_fin_timeout", "31"),
        sysctl("net.ipv4.tcp_keepalive_time", "unwritable"),
    ]
    known = {**factors.FACTORS, **{factor.name: factor for factor in extra}}
    opened = journal.opened
    with mock.patch.object(factors, "FACTORS", known), mock.patch.object(
        tune, "design_of", lambda options: TINY
    ), mock.patch.object(journal, "opened", lambda: opened(path)), mock.patch.object(
        tune, "TRIED", path + ".tried"
    ), at(point, what):
        return cli.execute(arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
