import json
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from crr_submit import cpus, measure, plan, programs, report, session, telemetry
from crr_submit.host import Host
from crr_submit.report import schema
from tests.client import commands, schema_check, short_driver
from tests.client.small_registry import SmallRegistry
from tests.client.test_cli import CommandCase

HOST = Host()
SHORTEST = ("--quick", "--duration", "1", "--streams", "1")


def ended(pid):
    """True when no process has this number, or only its remains that wait for their parent."""
    stat = HOST.text(f"/proc/{pid}/stat")
    return stat is None or stat.rpartition(")")[2].split()[0] == "Z"


def wait_until(condition):
    """Ask again and again; fails when the answer is still no after a generous time."""
    deadline_s = time.monotonic() + commands.LIMIT_S
    while True:
        found = condition()
        if found or time.monotonic() > deadline_s:
            return found
        time.sleep(0.02)


def measuring(process, length):
    """Process ids of netserver and of a netperf of `-l length`, once that has worked for a tenth of
    a second. A signal within the warm-up would leave nothing to keep.
    """
    children = cpus.children(HOST, process.pid)
    names = {HOST.text(f"/proc/{pid}/comm"): pid for pid in children}
    netperf = names.get("netperf")
    if f"\0-l\0{length}\0" not in (HOST.text(f"/proc/{netperf}/cmdline") or ""):
        return None
    stat = HOST.text(f"/proc/{netperf}/stat") or ""
    fields = stat.rpartition(")")[2].split()
    # Columns 14 and 15 of stat: ticks in user and in system mode.
    worked = len(fields) > 12 and int(fields[11]) + int(fields[12]) >= 10
    return list(names.values()) if worked else None


@commands.needs_netperf
class PlanOnThisHostTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.said = []
        steps = [
            plan.Step("TCP_CRR", 1, "same_cpu", None, warm_up=True),
            plan.Step("TCP_CRR", 1, "same_cpu", 1),
            plan.Step("TCP_CRR", 2, "unpinned", 1),
            plan.Step("TCP_RR", 1, "unpinned", 1),
        ]
        cls.pin_cpu = max(os.sched_getaffinity(0))
        cls.done = measure.carry_out(
            steps,
            programs.find_programs(HOST),
            HOST,
            cls.pin_cpu,
            lambda left_s, label: cls.said.append(label),
        )

    def test_every_step_is_a_run(self):
        self.assertIsNone(self.done.failure)
        self.assertEqual([run["warm_up"] for run in self.done.runs], [True, False, False, False])
        self.assertEqual([run["streams"] for run in self.done.runs], [1, 1, 2, 1])
        self.assertEqual(len(self.said), 4)

    def test_runs_fit_the_format(self):
        report = {"report_version": 1, "runs": self.done.runs}
        self.assertEqual(schema_check.errors(report, schema()), [])
        self.assertEqual(schema_check.unknown_keys(report), [])

    def test_one_output_a_stream_that_names_the_test_by_itself(self):
        for run in self.done.runs:
            is_rr = " TCP_RR " in run["command"]
            words = "REQUEST/RESPONSE TEST" if is_rr else "Connect/Request/Response TEST"
            self.assertEqual(len(run["outputs"]), run["streams"])
            for output in run["outputs"]:
                self.assertIn(words, output)
                self.assertIn("THROUGHPUT_UNITS=Trans/s", output)

    def test_the_parser_reads_every_output(self):
        for run in self.done.runs:
            self.assertGreater(report.transaction_rate(run), 0)

    def test_placement_is_what_both_sides_got(self):
        self.assertEqual(
            [run["placement"] for run in self.done.runs],
            [None, "same_cpu", "unpinned", "unpinned"],
        )

    def test_the_pinned_cpu_is_busy_inside_the_window(self):
        rows = {row["cpu"]: row for row in self.done.runs[1]["telemetry"]["cpu"]}
        self.assertGreater(rows[self.pin_cpu]["busy_percent"], 50)

    def test_the_same_options_in_every_timed_arm(self):
        options = [
            run["command"].split(" -T ")[0].split(" -l ")[1][:8] for run in self.done.runs[1:]
        ]
        self.assertEqual(set(options), {"1 -D 0.5"})

    def test_nothing_names_a_path_or_this_host(self):
        text = json.dumps(self.done.runs)
        self.assertNotIn("/bin/", text)
        self.assertNotIn(os.uname().nodename, text.replace("netserver", ""))


@commands.needs_netperf
class CountedTest(unittest.TestCase):
    def test_is_watched_like_a_timed_run_and_prepared_for(self):
        pin_cpu, prepared = max(os.sched_getaffinity(0)), []
        done = measure.carry_out(
            [plan.Step("TCP_CRR", 1, "same_cpu", None, transactions=30_000)],
            programs.find_programs(HOST),
            HOST,
            pin_cpu,
            lambda left_s, label: None,
            lambda so_far: prepared.append(len(so_far.runs)),
        )
        [run] = done.runs
        self.assertEqual((prepared, run["placement"]), ([0], "same_cpu"))
        self.assertIn(" -l -30000 ", run["command"])
        rows = {row["cpu"]: row for row in run["telemetry"]["cpu"]}
        self.assertGreater(rows[pin_cpu]["busy_percent"], 50)
        self.assertGreater(run["telemetry"]["softirqs"]["NET_RX"], 10_000)

    def test_the_window_ends_with_the_stream_that_began_first(self):
        started_s, read_s = [], []
        start, read = measure.start, telemetry.read

        def slowly(*arguments):
            time.sleep(0.4)
            started_s.append(time.monotonic())
            return start(*arguments)

        def seen(host):
            read_s.append(time.monotonic())
            return read(host)

        with mock.patch.object(measure, "start", slowly), mock.patch.object(
            telemetry, "read", seen
        ):
            measure.carry_out(
                [plan.Step("TCP_RR", 2, "unpinned", 2)],
                programs.find_programs(HOST),
                HOST,
                0,
                lambda left_s, label: None,
            )
        self.assertEqual((len(started_s), len(read_s)), (2, 2))
        self.assertGreater(read_s[0], started_s[1])
        self.assertLess(read_s[1], started_s[0] + 2.0)

    def test_what_prepare_cannot_do_ends_it(self):
        def prepare(so_far):
            raise programs.CannotMeasure("no such setting")

        steps, found = [plan.Step("TCP_CRR", 1, "unpinned", None)], programs.find_programs(HOST)
        done = measure.carry_out(steps, found, HOST, 0, lambda left_s, label: None, prepare)
        self.assertEqual((done.failure, done.runs), ("no such setting", []))


@commands.needs_netperf
class FailingTest(unittest.TestCase):
    def carry_out(self, said=None, **more):
        real = programs.find_programs(HOST)
        paths = {"netperf": real.netperf, "netserver": real.netserver, **more}
        steps = [plan.Step("TCP_CRR", 1, "unpinned", 1)]
        found = programs.Programs(paths["netperf"], paths["netserver"], None)
        heard = [] if said is None else said
        return measure.carry_out(steps, found, HOST, 0, lambda left_s, label: heard.append(label))

    def test_a_netserver_that_ends_at_once(self):
        done = self.carry_out(netserver="/bin/false")
        self.assertIn("netserver (/bin/false) does not start", done.failure)
        self.assertEqual(done.runs, [])

    def test_a_netperf_that_fails_is_quoted(self):
        done = self.carry_out(netperf="/bin/false")
        self.assertIn("netperf failed (exit code 1): it printed nothing", done.failure)
        self.assertFalse(done.has_results)

    def reset(self, times):
        """What came of a run whose first connections a netperf lost, and what was said."""
        with tempfile.TemporaryDirectory() as folder:
            netperf, said = Path(folder, "netperf"), []
            netperf.write_text(
                f"""#!/bin/sh
cd {folder}
echo >> runs
if [ $(wc -l < runs) -le {times} ]; then
    echo 'netperf: send_omni: recv_data failed: Connection reset by peer'
    exit 1
fi
exec {programs.find_programs(HOST).netperf} "$@"
"""
            )
            netperf.chmod(0o755)
            done = self.carry_out(said, netperf=str(netperf))
            return done, said, Path(folder, "runs").read_text().count("\n")

    def test_a_connection_that_is_reset_once_costs_a_run_and_not_the_measurement(self):
        done, said, count = self.reset(1)
        self.assertEqual((done.failure, len(done.runs), count), (None, 1, 2))
        self.assertGreater(report.transaction_rate(done.runs[0]), 0)
        [told] = done.repeated
        self.assertIn("TCP_CRR, 1 stream, unpinned: netperf failed", told)
        self.assertEqual(said[1], "repeated once: " + told)
        self.assertEqual(session.notes(done, 1), "Repeated once: " + told)

    def test_a_connection_that_is_reset_again_ends_it(self):
        done, _, count = self.reset(2)
        self.assertIn("recv_data failed: Connection reset by peer", done.failure)
        self.assertEqual((done.runs, count), ([], 2))

    def test_what_was_measured_before_a_system_error_is_kept_without_its_path(self):
        with tempfile.TemporaryDirectory() as folder:
            netperf, real = Path(folder, "netperf"), programs.find_programs(HOST)
            netperf.symlink_to(real.netperf)
            done = measure.carry_out(
                [plan.Step("TCP_RR", 1, "unpinned", 1)] * 2,
                programs.Programs(str(netperf), real.netserver, None),
                HOST,
                0,
                lambda left_s, label: None,
                lambda so_far: netperf.unlink() if so_far.runs else None,
            )
        self.assertEqual((done.failure, len(done.runs)), ("No such file or directory", 1))


@commands.needs_netperf
class SubmitTest(CommandCase):
    def test_without_a_registry_it_measures_and_saves_and_the_file_can_be_sent_later(self):
        code, out, errors = self.run_command("--json", "--machine-id", *SHORTEST)
        found = json.loads(out)
        self.assertEqual((code, found["sent"]), (1, False), errors)
        self.assertTrue(found["retry"].endswith(f"send {found['file']} --registry URL"))
        self.assertIn(found["retry"], errors)

        saved = (self.folder / found["file"]).read_bytes()
        report = json.loads(saved)
        self.assertEqual(schema_check.errors(report, schema()), [])
        self.assertEqual(schema_check.unknown_keys(report), [])
        kept = (self.folder / ".config/crr-submit/machine-id").read_text().strip()
        self.assertEqual(report["machine_id"], kept)
        progress = [line for line in errors.splitlines() if line.endswith(" left")]
        self.assertEqual(len(progress), len(report["runs"]))

        with SmallRegistry() as registry:
            arguments = ("send", found["file"], "--registry", registry.url)
            code, out, _ = self.run_command(*arguments)
        self.assertEqual((code, [body for _, _, body in registry.requests]), (0, [saved]))
        self.assertIn(registry.url + "/r/abcdefghijklmnop", out)


@commands.needs_netperf
class AskedTest(CommandCase):
    # Ctrl-C is ignored by what a shell starts in the background, and by all that it starts.
    START = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    def read_until(self, terminal, words, shown=b""):
        """What a terminal shows until these words, or to its end; fails after a generous time."""
        deadline_s = time.monotonic() + commands.LIMIT_S
        while words is None or words not in shown:
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([terminal], [], [], left_s)[0]:
                self.fail("nothing more comes after: %r" % shown[-1000:])
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # nobody has the other end any more
                piece = b""
            if not piece:
                break
            shown += piece
        return shown

    def test_an_interrupted_question_is_a_no(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        arguments = ("--no-cloud", "--registry", "http://127.0.0.1:9", "-o", "report.json")
        with subprocess.Popen(
            [sys.executable, "-c", self.START, short_driver.__file__, *arguments],
            cwd=str(self.folder),
            env=commands.environment(self.folder, TERM="dumb"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            try:
                shown = self.read_until(ours, b"[y/N] ")
                self.assertIn(b"Send exactly this", shown)
                process.send_signal(signal.SIGINT)
                shown = self.read_until(ours, None, shown)
                code = process.wait(commands.LIMIT_S)
            finally:
                process.kill()
        said = shown.decode().partition("[y/N] ")[2]
        self.assertEqual(code, 1, said)
        self.assertNotIn("Traceback", said)
        self.assertIn("Not sent: as you wish", said)
        self.assertIn("The report is in report.json", said)
        self.assertIn("send report.json --registry http://127.0.0.1:9", said)


@commands.needs_netperf
class CannotMeasureTest(CommandCase):
    def test_a_netperf_that_fails_ends_with_code_3_and_no_file(self):
        (self.folder / "netperf").symlink_to("/bin/false")
        path = f"{self.folder}:{os.environ['PATH']}"
        code, out, errors = self.run_command("--json", *SHORTEST, PATH=path)
        self.assertEqual((code, json.loads(out)["file"]), (3, None))
        self.assertIn("Cannot measure: netperf failed", errors)
        self.assertEqual(list(self.folder.glob("crr-report*")), [])

    def test_what_no_report_has_room_for_is_told(self):
        code, _, errors = self.run_command("run", "--no-cloud", "--streams", "1024")
        self.assertEqual(code, 3, errors)
        self.assertIn("1024 streams, unpinned: a report has no room", errors)


@commands.needs_netperf
class KilledTest(CommandCase):
    def test_in_the_warm_up_it_leaves_no_process(self):
        script = "from unittest import mock; from crr_submit import cli, options, plan\n"
        script += "step = plan.Step('TCP_CRR', 1, 'same_cpu', None, True, 100_000_000)\n"
        script += "with mock.patch.object(plan, 'build', lambda *asked: [step]):\n"
        script += "    cli.execute(options.parse(['run', '--no-cloud']))"
        with subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=str(self.folder),
            env=commands.environment(self.folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            pids = wait_until(lambda: measuring(process, -100_000_000))
            pids += [child for pid in pids for child in cpus.children(HOST, pid)]
            process.kill()
        self.assertTrue(wait_until(lambda: all(map(ended, pids))), pids)


@commands.needs_netperf
class InterruptTest(CommandCase):
    def interrupted(self, number):
        """(exit code, saved report, errors) of a command that got a signal within a run."""
        with commands.start(self.folder, "run", "-o", "cut.json", "--duration", "60") as process:
            pids = wait_until(lambda: measuring(process, 60))
            self.assertEqual(len(pids), 2)
            process.send_signal(number)
            _, errors = process.communicate(timeout=commands.LIMIT_S)
        self.assertTrue(wait_until(lambda: all(map(ended, pids))), pids)
        report = json.loads(Path(self.folder, "cut.json").read_text())
        return process.returncode, report, errors.decode()

    def test_what_was_measured_is_kept_as_partial_and_every_process_ended(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            code, report, errors = self.interrupted(number)
            self.assertEqual(code, 1)
            self.assertIs(report["runs"][-1]["partial"], True)
            self.assertIn("NETPERF_INTERIM_RESULT", report["runs"][-1]["outputs"][0])
            self.assertEqual(schema_check.errors(report, schema()), [])
            self.assertIn("Interrupted", report["notes"])
            self.assertIn("send cut.json", errors)


if __name__ == "__main__":
    unittest.main()
