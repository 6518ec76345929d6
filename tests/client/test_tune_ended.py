"""`crr-submit tune` of three files, ended at each point of its life, in a network namespace of its
own for every case: whatever ended it, every setting of the namespace is as it was.

The command stops itself at the point. The test looks at the settings there, sends the signal from
outside, and lets it go on. SIGSTOP at a point, not a wait, is what makes the moment exact.
"""

import os
import re
import signal
import tempfile
import unittest
from pathlib import Path

from crr_submit import cpus
from crr_submit.host import Host
from tests.client import commands, tune_driver
from tests.client.namespace import Namespace, needs_namespace
from tests.client.test_measure import ended, wait_until

NET = "/proc/sys/net/ipv4/"
FIN, FILES = NET + "tcp_fin_timeout", {NET + "tcp_fin_timeout", NET + "tcp_keepalive_time"}
FILES.add(tune_driver.RPS)
NEVER = ("before apply 99", "SIGKILL")
# What is about to happen or has just happened: the point, and how many files are changed there.
# The first restore, with its ftruncate and fsync, looks for what an earlier tune left over. The
# order of the runs is A (warm-up), ABBA (pilot), ABBA, BAAB: run 3 is the first with new values.
POINTS = {
    "no journal yet": ("before write 1", 0),
    "journal written, not on the disk": ("before fsync 2", 0),
    "journal on the disk": ("after write 1", 0),
    "arm A at work": ("before watch 2", 0),
    "first file written, not verified": ("after write_text 1", 1),
    "all files verified": ("after apply 3", 3),
    "about to settle": ("after progress 3", 3),
    "arm B at work": ("before watch 3", 3),
    "between arms": ("after run 3", 3),
    "half-way back to arm A": ("after apply 4", 2),
    "counters read in a block": ("before verified 2", 3),
    "all measured": ("before restore 2", 3),
    "first file restored, not verified": ("after write_text 22", 2),
    "two of three files restored": ("after apply 23", 1),
    "all restored, journal full": ("before ftruncate 2", 0),
    "watchdog not dismissed": ("before dismiss 1", 0),
}
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")


@needs_namespace
@commands.needs_netperf
class EndedCase(unittest.TestCase):
    def setUp(self):
        self.space = self.enter(Namespace())
        self.folder = Path(self.enter(tempfile.TemporaryDirectory()))
        self.journal = self.folder / "journal"
        self.before = self.space.snapshot()
        self.assertLess(FILES, self.before.keys())

    def enter(self, context):
        """`enterContext` of newer Pythons."""
        self.addCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def start(self, points, what, factor="several"):
        fixed = (tune_driver.__file__, str(self.journal), points, what, "tune", factor)
        return self.space.start(self.folder, *fixed, "--no-cloud", "--dry-run", "-o", "report.json")

    def changed(self):
        """Paths of the settings that are not as they were."""
        now = self.space.snapshot()
        return {path for path in {*now, *self.before} if now.get(path) != self.before.get(path)}

    def stopped(self, process):
        """The process id of tune, which has stopped itself; nsenter, its parent, stops with it."""
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status), "the point was never reached")
        [tune] = cpus.children(Host(), process.pid)
        return tune

    def finish(self, process):
        """stderr, which ends when the watchdog too has ended."""
        process.send_signal(signal.SIGCONT)
        _, errors = process.communicate(timeout=commands.LIMIT_S)
        self.assertNotIn("Traceback", errors)
        self.assertFalse((self.folder / "report.json").exists())
        return errors

    def assert_changed(self, count):
        changed = self.changed()
        self.assertEqual((len(changed), changed - FILES), (count, set()))

    def assert_as_it_was(self):
        self.assertEqual(self.changed(), set())
        self.assertEqual(self.journal.read_bytes(), b"")


class EndedAnywhereTest(EndedCase):
    def ended_by(self, name, point, n_changed):
        with self.start(point, "SIGSTOP") as process:
            tune = self.stopped(process)
            self.assert_changed(n_changed)
            os.kill(tune, getattr(signal, name))
            errors = self.finish(process)
        self.assertEqual(process.returncode, -9 if name == "SIGKILL" else 1, errors)
        if name == "SIGKILL":
            self.assertEqual(errors.count("' again\n"), n_changed, errors)
        self.assert_as_it_was()


class EndedVethTest(EndedCase):
    def test_the_pair_goes_with_whatever_ended_the_command(self):
        for name in SIGNALS:
            with self.start("before watch 3", "SIGSTOP", "offload.tso") as process:
                tune = self.stopped(process)
                self.assertIn("crr-near", self.space.links())
                os.kill(tune, getattr(signal, name))
                self.finish(process)
            # The kernel clears a namespace away after its last process.
            self.assertTrue(wait_until(lambda: "crr-near" not in self.space.links()))
            self.assert_as_it_was()


class EndedAppTest(EndedCase):
    def test_the_queue_of_listeners_is_as_long_as_before(self):
        for name in SIGNALS:
            with self.start("after apply 2", "SIGSTOP", "net.core.somaxconn") as process:
                tune = self.stopped(process)
                os.kill(tune, getattr(signal, name))
                self.finish(process)
            self.assert_as_it_was()


class EndedWithItsWatchdogTest(EndedCase):
    """As by a power switch that spared the disk, or an end of the whole control group."""

    def killed_at(self, point, n_changed):
        with self.start(point, "SIGSTOP") as process:
            tune = self.stopped(process)
            for pid in (*cpus.children(Host(), tune), tune):
                os.kill(pid, signal.SIGKILL)
                self.assertTrue(pid == tune or wait_until(lambda pid=pid: ended(pid)))
            self.finish(process)
        self.assert_changed(n_changed)
        with self.start(*NEVER, "net.ipv4.tcp_keepalive_time") as process:
            errors = self.finish(process)
        self.assertEqual(process.returncode, 3, errors)
        self.assert_as_it_was()


class SomebodyElseTest(EndedCase):
    def rewritten(self, name):
        """Ended before the journal is written anew without the file that somebody else changed."""
        with self.start("after run 3,before pwrite 2", f"{FIN}=45,{name}") as process:
            _, errors = process.communicate(timeout=commands.LIMIT_S)
        self.assertEqual(process.returncode, -9 if name == "SIGKILL" else 1, errors)
        self.assertEqual(self.changed(), {FIN})
        self.assertEqual(self.space.snapshot()[FIN], "45\n")


def cases():
    """Class, method and arguments of a test for every point and end."""
    for place, (point, n_changed) in POINTS.items():
        for name in SIGNALS:
            yield f"{place}: {name}", EndedAnywhereTest, "ended_by", (name, point, n_changed)
        if n_changed:
            yield place, EndedWithItsWatchdogTest, "killed_at", (point, n_changed)
    for name in SIGNALS:
        yield f"the others are restored: {name}", SomebodyElseTest, "rewritten", (name,)


def add(words, case, method, arguments):
    def body(self):
        getattr(self, method)(*arguments)

    body.__name__ = "test_" + re.sub(r"\W+", "_", words)
    setattr(case, body.__name__, body)


for given in cases():
    add(*given)


if __name__ == "__main__":
    unittest.main()
