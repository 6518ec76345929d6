"""`crr-submit tune` on real settings of a network namespace: whatever ends it, they are back."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from crr_submit.report import schema, unknown_keys
from tests.client import commands, schema_check, tune_driver
from tests.client.namespace import Namespace, needs_namespace
from tests.client.test_cli import CommandCase

FIN = "/proc/sys/net/ipv4/tcp_fin_timeout"
NEVER = ("before apply 99", "SIGKILL")


class TuneCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.space = cls.enter(Namespace())
        cls.folder = Path(cls.enter(tempfile.TemporaryDirectory()))
        cls.journal = cls.folder / "journal"

    @classmethod
    def enter(cls, context):
        """`enterClassContext` of newer Pythons."""
        cls.addClassCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def tune(self, point, what, *arguments):
        """(exit code, stdout, stderr); stderr ends when the watchdog too has ended."""
        fixed = (tune_driver.__file__, str(self.journal), point, what, "tune")
        flags = ("--no-cloud", "--dry-run", "-o", "report.json")
        return self.space.run(self.folder, *fixed, *arguments, *flags)

    def saved(self):
        return json.loads((self.folder / "report.json").read_text())


@needs_namespace
@commands.needs_netperf
class LeftoverTest(TuneCase):
    def leave_over(self):
        """A journal, and the setting changed, as after a power switch that spared the disk."""
        point = ("after apply 1", "SIGKILL", "net.ipv4.tcp_fin_timeout")
        script = "import sys; from unittest import mock; from crr_submit import journal\n"
        script += "journal.start_watchdog = mock.Mock()\n"
        script += "from tests.client import tune_driver; sys.exit(tune_driver.main(*sys.argv[1:]))"
        root = str(Path(__file__).resolve().parents[2])
        code, _, errors = self.space.run(
            self.folder,
            *("-c", script, str(self.journal), *point[:2], "tune", point[2]),
            PYTHONPATH=f"{commands.SOURCE}:{root}",
        )
        self.assertEqual(code, -9, errors)
        self.assertEqual(self.space.snapshot()[FIN], "31\n")

    def test_is_put_back_by_the_next_tune_before_anything_else(self):
        self.leave_over()
        code, _, errors = self.tune(*NEVER, "net.ipv4.tcp_keepalive_time")
        self.assertEqual(self.space.snapshot()[FIN], "60\n")
        self.assertIn(f"Left over from a tune that did not end: {FIN} is '60' again", errors)
        self.assertEqual(code, 3)

    def test_a_value_that_somebody_set_since_is_left(self):
        self.leave_over()
        self.space.run(self.folder, "-c", f"open('{FIN}', 'w').write('45')")
        _, _, errors = self.tune(*NEVER, "net.ipv4.tcp_keepalive_time")
        self.assertEqual(self.space.snapshot()[FIN], "45\n")
        self.assertIn(f"{FIN} is now '45', which somebody else has set", errors)
        self.space.run(self.folder, "-c", f"open('{FIN}', 'w').write('60')")

    def test_of_another_network_namespace_is_not_replayed_here(self):
        self.leave_over()
        with Namespace() as other:
            code, _, errors = other.run(
                self.folder,
                *(
                    tune_driver.__file__,
                    str(self.journal),
                    *NEVER,
                    "tune",
                    "net.ipv4.tcp_keepalive_time",
                ),
            )
        self.assertEqual(code, 3)
        self.assertIn("another network namespace", errors)
        self.tune(*NEVER, "net.ipv4.tcp_keepalive_time")
        self.assertEqual(self.space.snapshot()[FIN], "60\n")


@needs_namespace
@commands.needs_netperf
class FaultTest(TuneCase):
    def test_what_another_tool_sets_meanwhile_is_left_and_the_experiment_discarded(self):
        for point in ("after run 3", "after run 13"):
            code, _, errors = self.tune(point, f"{FIN}=45", "net.ipv4.tcp_fin_timeout")
            self.assertEqual(code, 3)
            self.assertIn(f"somebody else set {FIN} to '45'", errors)
            self.assertEqual(self.space.snapshot()[FIN], "45\n")
            self.assertFalse((self.folder / "report.json").exists())
            self.space.run(self.folder, "-c", f"open('{FIN}', 'w').write('60')")

    def test_a_value_that_the_kernel_refuses(self):
        before = self.space.snapshot()
        code, _, errors = self.tune(*NEVER, "net.ipv4.tcp_keepalive_time")
        self.assertEqual(code, 3)
        self.assertIn("net.ipv4.tcp_keepalive_time cannot be set: [Errno 22]", errors)
        self.assertEqual(self.space.snapshot(), before)

    def test_a_second_tune_waits_for_the_first(self):
        script = "import sys, fcntl; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2)\n"
        script += "print('locked', flush=True); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", script, str(self.journal)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            other.stdout.readline()
            code, _, errors = self.tune(*NEVER, "net.ipv4.tcp_fin_timeout")
            other.stdin.close()
        self.assertEqual(code, 3)
        self.assertIn("another crr-submit tune is at work", errors)

    def test_a_journal_that_cannot_be_kept_changes_nothing(self):
        before = self.space.snapshot()
        fixed = (tune_driver.__file__, "/no/such/journal", *NEVER, "tune")
        code, _, errors = self.space.run(self.folder, *fixed, "net.ipv4.tcp_fin_timeout")
        self.assertEqual(code, 3)
        self.assertIn("cannot keep a journal of what is changed: [Errno 2]", errors)
        self.assertEqual(self.space.snapshot(), before)


@needs_namespace
@commands.needs_netperf
class RpsOfLoopbackTest(TuneCase):
    def test_from_the_pilot_to_a_report(self):
        before = self.space.snapshot()
        code, out, errors = self.tune(*NEVER, "rps.lo")
        self.assertEqual(code, 0, errors)
        self.assertEqual(self.space.snapshot(), before)
        report = self.saved()
        self.assertEqual(schema_check.errors(report, schema()), [])
        self.assertEqual(unknown_keys(report), [])

        experiment, runs = report["experiment"], report["runs"]
        self.assertEqual((experiment["factor"], len(experiment["blocks"])), ("rps.lo", 2))
        self.assertEqual([arm["value"] for arm in experiment["arms"]], ["off", "on"])
        indexes = sorted(n for arm in experiment["arms"] for n in arm["runs"])
        self.assertEqual(indexes, list(range(len(runs) - 8, len(runs))))
        self.assertEqual([run["warm_up"] for run in runs], [True] * (len(runs) - 8) + [False] * 8)
        letters = {n: letter for arm, letter in zip(experiment["arms"], "AB") for n in arm["runs"]}
        self.assertEqual("".join(map(letters.get, indexes)), "".join(experiment["blocks"]))
        self.assertIn("rps.lo: on (B) over off (A)", out)
        self.assertIn("One host; factors tried on it since its start: 1", out)
        self.assertEqual(out.count("ABBA  ") + out.count("BAAB  "), 2)


class RefusedTest(CommandCase):
    def test_without_root(self):
        script = "import os, sys; from crr_submit import cli\n"
        script += "if os.geteuid() == 0: os.setuid(65534)\n"
        script += "sys.exit(cli.execute(['tune', 'rps.lo']))"
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd="/tmp",
            env=commands.environment(self.folder),
            capture_output=True,
            timeout=commands.LIMIT_S,
            check=False,
        )
        self.assertEqual((done.returncode, done.stdout), (3, b""), done.stderr)
        self.assertIn(b"writes settings of the kernel, which needs root", done.stderr)

    def refused(self, name):
        code, _, errors = self.run_command("tune", name)
        self.assertEqual(code, 3, errors)
        self.assertIn("Can be tried here: rps.lo, clocksource, cpufreq.governor", errors)
        return errors

    def test_what_needs_many_connections_at_once(self):
        for name in (
            "net.core.somaxconn",
            "net.ipv4.tcp_max_syn_backlog",
            "net.ipv4.tcp_syncookies",
            "listen_backlog",
        ):
            self.assertIn("has one connection outstanding", self.refused(name))
        self.assertIn("no port in TIME_WAIT", self.refused("net.ipv4.tcp_tw_reuse"))

    def test_what_needs_a_second_host(self):
        for name in ("offload.tso", "offload.gro", "rps.nic", "irq_spread"):
            self.assertIn("a second host (--host)", self.refused(name))

    def test_conntrack_is_never_turned_on_by_a_test(self):
        self.assertIn("turns tracking on", self.refused("conntrack"))

    def test_what_is_fixed_at_the_start(self):
        self.assertIn("fixed when the system starts", self.refused("mitigations"))

    def test_a_sysctl_without_a_mechanism_and_a_name_of_nothing(self):
        self.assertIn("nothing known shows", self.refused("net.ipv4.tcp_fin_timeout"))
        self.assertIn("no such factor", self.refused("\x1b[31mred"))
        self.assertIn("no such factor", self.refused("net.ipv4"))
        self.assertNotIn("\x1b", self.refused("\x1b[31mred"))


if __name__ == "__main__":
    unittest.main()
