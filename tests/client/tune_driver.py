"""`crr-submit tune` with factors that only the tests have, small runs in a fixed order (ABBA, then
ABBA BAAB), and faults at given points.

Run as a program in a namespace: journal's path, points, what happens there, then the arguments of
crr-submit. A point is `before` or `after`, a function, and which of its calls. What happens: the
name of a signal, which this process sends to itself; or PATH=VALUE, which is written. With commas
between them, several points and as many faults.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path
from unittest import mock

from crr_submit import cli, cpus, factors, journal, measure, options, paired, tune
from crr_submit.terminal import Terminal

OWNERS = {
    "write": (journal.Journal, "write"),
    "fsync": (os, "fsync"),
    "pwrite": (os, "pwrite"),
    "ftruncate": (os, "ftruncate"),
    "start": (journal, "start_watchdog"),
    "apply": (journal, "apply"),
    "write_text": (Path, "write_text"),
    "progress": (Terminal, "progress"),
    "run": (measure._Runner, "_measured"),
    "watch": (measure._Runner, "_watch"),
    "verified": (cpus, "verified"),
    "restore": (journal.Journal, "restore"),
    "dismiss": (journal.Watchdog, "dismiss"),
}
RPS = "/sys/class/net/lo/queues/rx-0/rps_cpus"
ORDERS = ["ABBA", "BAAB"]
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


def several():
    """A factor of three files, one of them in /sys, as `rps.lo` has on a host with more queues."""
    names = ("net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_time")
    new = {"/proc/sys/" + name.replace(".", "/"): "31" for name in names}
    new[RPS] = factors._mask(1, journal.read(RPS))

    def plan(host, against):
        files = {path: (journal.read(path), value) for path, value in new.items()}
        return factors.Trial("several", ("old", "new"), files)

    return factors.Factor("several", plan)


def remade(name, **more):
    """A factor of which the kernel makes another value than was written, 72 here."""

    def plan(host, against):
        path = "/proc/sys/net/ipv4/tcp_fin_timeout"
        return factors.Trial(name, ("old", "new"), {path: (journal.read(path), "0110")}, **more)

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


def main(path, points, what, *arguments):
    extra = [
        sysctl("net.ipv4.tcp_fin_timeout", "31"),
        sysctl("net.ipv4.tcp_keepalive_time", "unwritable"),
        several(),
        remade("remade"),
        remade("cut", is_cut=True),
    ]
    known = {**factors.FACTORS, **{factor.name: factor for factor in extra}}
    opened = journal.opened
    with contextlib.ExitStack() as stack:
        for owner, name, new in (
            (factors, "FACTORS", known),
            (tune, "design_of", lambda options: TINY),
            (paired, "draw_orders", lambda count, chance: ORDERS),
            (journal, "opened", lambda: opened(path)),
            (tune, "TRIED", path + ".tried"),
        ):
            stack.enter_context(mock.patch.object(owner, name, new))
        for point, fault in zip(points.split(","), what.split(",")):
            stack.enter_context(at(point, fault))
        return cli.execute(options.parse(arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
