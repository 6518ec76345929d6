"""`crr-submit tune` on real settings of a network namespace: whatever ends it, they are back."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from crr_submit import app_output, journal
from crr_submit.report import schema
from tests.client import commands, schema_check, tune_driver
from tests.client.namespace import Namespace, needs_conntrack, needs_namespace
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
            PYTHONPATH=f"{root}:{commands.SOURCE}",  # others install tests too
        )
        self.assertEqual(code, -9, errors)
        self.assertEqual(self.space.snapshot()[FIN], "31\n")

    def test_is_put_back_by_the_next_tune_before_anything_else(self):
        self.leave_over()
        code, _, errors = self.tune(*NEVER, "net.ipv4.tcp_keepalive_time")
        self.assertEqual(self.space.snapshot()[FIN], "60\n")
        self.assertIn(f"Left over from a tune that did not end: {FIN} is '60' again", errors)
        self.assertEqual(code, 3)

    def test_is_put_back_by_any_command_that_measures(self):
        self.leave_over()
        script = "import sys; from crr_submit import cli, journal, options\n"
        script += "journal.PATH = sys.argv[1]; sys.exit(cli.execute(options.parse(sys.argv[2:])))"
        run = ("run", "--quick", "--duration", "1", "--streams", "1", "--no-cloud")
        code, _, errors = self.space.run(
            self.folder, "-c", script, str(self.journal), *run, "-o", "report.json"
        )
        self.assertEqual(code, 0, errors)
        self.assertIn(f"Left over from a tune that did not end: {FIN} is '60' again", errors)
        self.assertEqual(self.space.snapshot()[FIN], "60\n")

    def replayed_without_root(self):
        os.seteuid(65534)
        try:
            with mock.patch.object(journal, "PATH", str(self.journal)):
                return journal.leftovers()
        finally:
            os.seteuid(0)

    def test_who_is_not_root_is_told_how(self):
        self.leave_over()
        self.folder.chmod(0o711)
        [line] = self.replayed_without_root()
        self.assertIn("A tune is at work on this host", line)
        self.assertNotIn("Left over", line)
        self.assertIn(f"{self.journal} names settings to put back", line)
        self.assertIn("sudo crr-submit run", line)
        self.assertEqual(self.space.snapshot()[FIN], "31\n")
        self.tune(*NEVER, "net.ipv4.tcp_keepalive_time")
        self.assertEqual(self.space.snapshot()[FIN], "60\n")
        self.assertEqual(self.replayed_without_root(), [])

    def test_nothing_measures_beside_a_tune(self):
        script = "import sys; from crr_submit import cli, journal, options\n"
        script += "journal.PATH = sys.argv[1]; sys.exit(cli.execute(options.parse(sys.argv[2:])))"
        with journal.opened(str(self.journal)) as kept:
            kept.write([])
            for command in ("run", "app"):
                code, _, errors = self.space.run(
                    self.folder, "-c", script, str(self.journal), command, "--quick", "--no-cloud"
                )
                self.assertEqual(code, 3)
                self.assertIn("another crr-submit tune is at work", errors)
        self.journal.write_bytes(b"")

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

    def test_a_value_of_which_the_kernel_makes_another(self):
        before = self.space.snapshot()
        code, _, errors = self.tune(*NEVER, "remade")
        self.assertEqual(code, 3, errors)
        self.assertIn(f"{FIN} reads '72' after '0110' was written", errors)
        self.assertNotIn("somebody else", errors)
        self.assertEqual(self.space.snapshot(), before)

    def test_a_mask_of_which_the_kernel_takes_a_part(self):
        before = self.space.snapshot()
        code, _, errors = self.tune(*NEVER, "cut")
        self.assertEqual(code, 0, errors)
        self.assertEqual(self.space.snapshot(), before)
        (self.folder / "report.json").unlink()
        for point in ("after write_text 1", "after run 3"):
            code, _, errors = self.tune(point, "SIGKILL", "cut")
            self.assertEqual(code, -9)
            self.assertIn(f"{FIN} is '60' again", errors)
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
        self.assertEqual(schema_check.unknown_keys(report), [])

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


@needs_namespace
@commands.needs_netperf
class OtherLoadsTest(TuneCase):
    """Factors that netperf over loopback does not exercise, under the load that does."""

    def life(self, factor, *arguments):
        """The runs of the blocks, with the value each had; everything is as before."""
        before = self.space.snapshot()
        for _ in range(3):
            code, out, errors = self.tune(*NEVER, factor, *arguments)
            # Where packets change CPUs, netperf meets a reset now and then, and says no more.
            if "recv_data failed: Connection reset by peer" not in errors:
                break
            self.assertEqual(code, 3, errors)
        self.assertEqual(code, 0, errors)
        after = self.space.snapshot()
        self.assertEqual({path for path in before if before[path] != after.get(path)}, set())
        report = self.saved()
        self.assertEqual(schema_check.errors(report, schema()), [])
        self.assertEqual(schema_check.unknown_keys(report), [])
        self.assertIn(f"{factor}: ", out)
        arms = report["experiment"]["arms"]
        return [(report["runs"][n], arm["value"]) for arm in arms for n in arm["runs"]]

    def test_the_queue_of_a_listener_under_many_connections(self):
        runs = self.life("net.core.somaxconn", "--against", "256")
        self.assertEqual(len(runs), 8)
        for run, value in runs:
            block = app_output.read(run["outputs"][0])
            self.assertEqual((block.test, block.backlog), (app_output.ACCEPT, int(value)))
            self.assertGreater(block.concurrency, 256)

    def test_the_backlog_of_the_server(self):
        runs = self.life("listen_backlog", "--against", "256")
        found = {value: app_output.read(run["outputs"][0]).backlog for run, value in runs}
        self.assertEqual(found, {"128": 128, "256": 256})

    def test_offloads_of_a_veth_pair(self):
        for name in ("offload.tso", "rps.nic"):
            runs = self.life(name)
            self.assertEqual(len(runs), 8)
            self.assertEqual({run["topology"] for run, _ in runs}, {"same_host"})
            # The counter is the whole host's: of other tests it may rise with "off" too.
            counted = [run["telemetry"].get("softnet") for run, value in runs if value == "on"]
            if name == "rps.nic":
                self.assertTrue(all(each["received_rps"] > 0 for each in counted if each))

    def test_an_interface_of_that_name_is_left_where_it_is(self):
        order = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
        link = ("ip", "link", "add", "crr-near", "type", "veth", "peer", "name", "other")
        self.assertEqual(self.space.run(self.folder, "-c", order, *link)[0], 0)
        code, _, errors = self.tune(*NEVER, "offload.tso")
        self.assertEqual(code, 3, errors)
        self.assertIn("crr-near", self.space.links())
        self.space.run(self.folder, "-c", order, "ip", "link", "del", "crr-near")

    @needs_conntrack
    def test_connection_tracking_where_netserver_accepts(self):
        self.life("conntrack")
        report = self.saved()
        values = {n: arm["value"] for arm in report["experiment"]["arms"] for n in arm["runs"]}
        counts = [run["telemetry"]["conntrack"]["count"] for run in report["runs"]]
        rises = [(values[n], counts[n] - counts[n - 1]) for n in sorted(values)]
        self.assertEqual([v for v, rise in rises if (rise > 0) != (v == "active")], [], rises)
        self.assertNotEqual(report["environment"]["tuning"]["conntrack"], "active")


class RefusedTest(CommandCase):
    def test_without_root(self):
        # Imported before, since the folder of the tests is root's own.
        script = "import os, sys; from crr_submit import cli, options, tune\n"
        script += "if os.geteuid() == 0: os.setuid(65534)\n"
        script += "sys.exit(cli.execute(options.parse(['tune', 'rps.lo'])))"
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

    def test_what_neither_loopback_nor_a_veth_pair_has(self):
        for name in ("irq_spread", "rfs.nic", "xps.nic"):
            self.assertIn("interrupts or several queues", self.refused(name))

    def test_what_acts_at_the_side_that_closes_first(self):
        self.assertIn("closes first", self.refused("net.ipv4.tcp_tw_reuse"))

    def test_what_is_fixed_at_the_start(self):
        self.assertIn("fixed when the system starts", self.refused("mitigations"))

    def test_a_sysctl_without_a_mechanism_and_a_name_of_nothing(self):
        self.assertIn("nothing known shows", self.refused("net.ipv4.tcp_fin_timeout"))
        self.assertIn("no such factor", self.refused("\x1b[31mred"))
        self.assertIn("no such factor", self.refused("net.ipv4"))
        self.assertNotIn("\x1b", self.refused("\x1b[31mred"))


if __name__ == "__main__":
    unittest.main()
