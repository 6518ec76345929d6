"""What is wrong with a host is made really wrong, in namespaces that end with the command: it says
so in words, ends with the right code, loses nothing and changes nothing.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from crr_submit import cpus, send
from crr_submit.host import Host
from crr_submit.report import schema
from tests.client import commands, schema_check, short_driver, tune_driver
from tests.client.namespace import needs_namespace
from tests.client.small_registry import CREATED, SmallRegistry, error
from tests.client.test_measure import ended, measuring, wait_until

ALONE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
READY = "mount -t sysfs sysfs /sys && ip link set lo up && ip address add 192.0.2.1/32 dev lo"
FIN = "/proc/sys/net/ipv4/tcp_fin_timeout"


@needs_namespace
@commands.needs_netperf
class FaultCase(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = Path(made.name)

    def run_in(self, fault, *command, **more):
        """(exit code, stdout, stderr) of a Python program where the shell's words came true."""
        script = f'{READY} && {fault} && exec "$0" "$@"'
        done = subprocess.run(
            [*ALONE, "sh", "-c", script, sys.executable, *map(str, command)],
            cwd=str(self.folder),
            env=commands.environment(self.folder, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=commands.LIMIT_S,
            check=False,
        )
        self.assertNotIn(b"Traceback", done.stderr)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def submit(self, fault, *arguments, **more):
        fixed = (short_driver.__file__, "--no-cloud", *arguments)
        return self.run_in(fault, *fixed, **more)

    def measured(self, fault, **more):
        """The report of a measurement that nothing should stop."""
        code, _, errors = self.submit(fault, "run", "-o", "report.json", **more)
        self.assertEqual(code, 0, errors)
        return self.report("report.json")

    def report(self, name):
        report = json.loads((self.folder / name).read_text())
        self.assertEqual(schema_check.errors(report, schema()), [])
        self.assertEqual(schema_check.unknown_keys(report), [])
        return report

    def assert_has_results(self, report):
        self.assertEqual([run["warm_up"] for run in report["runs"]], [True, False, False])
        for run in report["runs"]:
            self.assertIn("THROUGHPUT=", run["outputs"][0])


class PoorHostTest(FaultCase):
    def test_without_root_it_measures_all_the_same(self):
        self.folder.chmod(0o777)
        report = self.measured("true", AS_NOBODY="1")
        self.assert_has_results(report)
        self.assertEqual((self.folder / "report.json").stat().st_uid, 65534)

    def test_without_netstat_its_counters_are_unknown_and_not_0(self):
        whole = self.measured("true")["runs"][1]["telemetry"]
        report = self.measured("mount -t tmpfs none /proc/$$/net")
        self.assert_has_results(report)
        telemetry = report["runs"][1]["telemetry"]
        self.assertNotIn(whole["netstat"], ({}, None))
        self.assertIn(telemetry.get("netstat"), ({}, None))
        self.assertEqual(telemetry["softirqs"].keys(), whole["softirqs"].keys())

    def test_a_read_only_proc_and_sys_are_enough_to_measure(self):
        self.assert_has_results(
            self.measured("mount -o remount,ro,bind /proc && mount -o remount,ro /sys")
        )

    def test_in_a_container_it_measures_and_says_so(self):
        report = self.measured("true", container="podman")
        self.assert_has_results(report)
        self.assertEqual(report["environment"]["virtualization"]["container"], "podman")

    def test_with_ipv6_alone(self):
        """127.0.0.1 is there, and netperf does not resolve it."""
        other = "ip address delete 192.0.2.1/32 dev lo && ip address add 2001:db8::1/128 dev lo"
        report = self.measured(other)
        self.assert_has_results(report)
        self.assertIn(" -H ::1 ", report["runs"][1]["command"])

    def test_without_a_loopback_address_that_netperf_can_use(self):
        gone = "ip address flush dev lo && ip link set lo down"
        lonely = "ip address delete 192.0.2.1/32 dev lo"
        for fault, words in (
            (gone, "is the interface lo up?"),
            (lonely, "give it one: ip address"),
        ):
            code, _, errors = self.submit(fault, "run", "-o", "report.json")
            self.assertEqual(code, 3, errors)
            self.assertIn(words, errors)
            self.assertEqual(os.listdir(self.folder), [])

    def test_in_german(self):
        self.assertIsNotNone(shutil.which("localedef"), "Debian: package locales")
        made = ("localedef", "-i", "de_DE", "-f", "UTF-8", str(self.folder / "de_DE.UTF-8"))
        subprocess.run(made, check=True)
        german = {"LANG": "de_DE.UTF-8", "LOCPATH": str(self.folder)}
        probe = "import locale; locale.setlocale(locale.LC_ALL, ''); print(locale.str(0.5))"
        self.assertEqual(self.run_in("true", "-c", probe, **german)[1], "0,5\n")
        report = self.measured("true", **german)
        self.assert_has_results(report)
        self.assertRegex(report["runs"][1]["outputs"][0], r"THROUGHPUT=\d+\.\d+\n")


class CannotMeasureTest(FaultCase):
    def test_no_netserver_names_what_to_install(self):
        hidden = "mount --bind /dev/null " + shlex.quote(str(shutil.which("netserver")))
        code, _, errors = self.submit(hidden, "run", "-o", "report.json")
        self.assertEqual(code, 3, errors)
        self.assertRegex(errors, "Cannot measure: netserver not found. To install: .*netperf")
        self.assertEqual(os.listdir(self.folder), [])

    def test_netserver_dies_within_a_run(self):
        host = Host()
        with commands.start(self.folder, "run", "-o", "cut.json", "--duration", "60") as process:
            pids = wait_until(lambda: measuring(process, 60))
            children = cpus.children(host, process.pid)
            [netserver] = [p for p in children if host.text(f"/proc/{p}/comm") == "netserver"]
            for pid in (*cpus.children(host, netserver), netserver):
                os.kill(pid, 9)
            _, errors = process.communicate(timeout=commands.LIMIT_S)
        self.assertEqual(process.returncode, 3, errors)
        self.assertIn(b"Cannot measure: netperf failed", errors)
        self.assertNotIn(b"Traceback", errors)
        self.assertTrue(wait_until(lambda: all(map(ended, pids))))


class ReadOnlyTest(FaultCase):
    def tune(self, fault, factor):
        journal = self.folder / "journal"
        fixed = (tune_driver.__file__, journal, "before apply 99", "SIGKILL", "tune", factor)
        before = Path(FIN).read_text()
        code, _, errors = self.run_in(fault, *fixed, "--no-cloud", "-o", "report.json")
        self.assertEqual(code, 3, errors)
        self.assertFalse((self.folder / "report.json").exists())
        self.assertEqual(Path(FIN).read_text(), before)
        return errors

    def test_tune_says_that_the_setting_cannot_be_written(self):
        errors = self.tune("mount -o remount,ro,bind /proc", "net.ipv4.tcp_fin_timeout")
        self.assertIn(FIN, errors)
        errors = self.tune("mount -o remount,ro /sys", "rps.lo")
        self.assertIn("/sys/class/net/lo/queues", errors)


class FullDiskTest(FaultCase):
    FULL = (
        "mkdir full && mount -t tmpfs -o size=4k,mode=777 none full && echo > full/one && cd full"
    )

    def test_the_report_goes_to_the_temporary_folder_and_can_be_sent_from_there(self):
        temporary = self.folder / "tmp"
        temporary.mkdir()
        code, out, errors = self.submit(self.FULL, "--json", TMPDIR=str(temporary))
        self.assertEqual(code, 1, errors)
        self.assertIn("No space left on device", errors)
        found = json.loads(out)
        self.assertEqual(Path(found["file"]).parent, temporary)
        self.assert_has_results(self.report(found["file"]))
        with SmallRegistry() as registry:
            sent = ("send", found["file"], "--registry", registry.url)
            code, _, errors = commands.run(self.folder, *sent)
        self.assertEqual((code, len(registry.requests)), (0, 1), errors)

    def test_no_room_for_the_secrets_sends_nothing(self):
        with SmallRegistry() as registry:
            (self.folder / "report.json").write_bytes(b'{"report_version": 1, "runs": []}')
            with tempfile.TemporaryDirectory() as place:
                room = f"mount -t tmpfs -o size=8k none {place} && cp report.json {place}"
                filled = f"cd {place} && (cat /dev/zero > rest || true)"
                # Its network is the host's, where the registry is.
                script = f'{room} && {filled} && exec "$0" "$@"'
                program = [*commands.COMMAND, "send", "report.json", "--registry", registry.url]
                done = subprocess.run(
                    ["unshare", "--mount", "sh", "-c", script, sys.executable, *program],
                    cwd=str(self.folder),
                    env=commands.environment(self.folder),
                    capture_output=True,
                    timeout=commands.LIMIT_S,
                    check=False,
                )
        self.assertEqual((done.returncode, registry.requests), (1, []), done.stderr)
        self.assertIn(b"Not sent: [Errno 28] No space left on device", done.stderr)
        self.assertIn(b"To send it:", done.stderr)


class RegistryDownTest(unittest.TestCase):
    def test_five_tries_and_the_report_is_kept_with_the_command_that_sends_it(self):
        away = (503, {}, error("unavailable", "the database is away"))
        with tempfile.TemporaryDirectory() as folder, SmallRegistry(away) as registry:
            report = Path(folder, "report.json")
            report.write_bytes(b'{"report_version": 1, "runs": []}')
            sending = ("send", "report.json", "--registry", registry.url)
            done = subprocess.run(
                [sys.executable, short_driver.__file__, *sending],
                cwd=folder,
                env=commands.environment(folder, FIRST_DELAY_S="0.001"),
                capture_output=True,
                timeout=commands.LIMIT_S,
                check=False,
            )
            errors = done.stderr.decode()
            self.assertEqual((done.returncode, len(registry.requests)), (1, 5), errors)
            self.assertEqual(send.TRIES, 5)
            self.assertIn("the database is away (unavailable)", errors)
            self.assertEqual(report.read_bytes(), registry.requests[-1][2])
            keys = {headers["idempotency-key"] for _, headers, _ in registry.requests}
            registry.answers[:] = [(201, {}, CREATED)]
            code, _, errors = commands.run(folder, *shlex.split(errors.split("To send it:")[1])[2:])
            self.assertEqual(code, 0, errors)
            keys.add(registry.requests[-1][1]["idempotency-key"])
            self.assertEqual(len(keys), 1)


if __name__ == "__main__":
    unittest.main()
