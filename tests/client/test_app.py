"""The real server and the real generators on loopback, with small numbers."""

import json
import os
import shutil
import signal
import socket
import threading
import unittest
from dataclasses import replace
from unittest import mock

from crr_submit import app, app_generators, app_output, cpus, telemetry
from crr_submit.app import Step
from crr_submit.app_generators import Job, Own
from crr_submit.app_output import ACCEPT, KEEPALIVE
from crr_submit.app_server import BODY, Server
from crr_submit.host import Host
from crr_submit.options import AppSettings
from crr_submit.programs import CannotMeasure, Interrupted, handled
from crr_submit.report import schema
from tests.client import commands, schema_check
from tests.client.small_registry import SmallRegistry
from tests.client.test_cli import CommandCase
from tests.client.test_measure import ended, wait_until

HOST = Host()
REQUESTS = 1_003  # shared by two processes it leaves a rest
FEW = ("--requests", "300", "--quick", "--no-cloud")


def carry_out(generator, listeners="reuseport", workers=2):
    settings = AppSettings(listeners=listeners, workers=workers)
    steps = [Step(test, REQUESTS) for test in (ACCEPT, KEEPALIVE)]
    return app.carry_out(steps, settings, generator, HOST, lambda left_s, label: None)


def exchange(server, request):
    """All that the server answers, until it closes or is asked for nothing more."""
    with socket.create_connection((server.address, server.port)) as connection:
        for piece in request:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


class ServerTest(unittest.TestCase):
    def test_it_closes_unless_asked_to_keep(self):
        ask = b"GET / HTTP/1.%d\r\nHost: h\r\n%s\r\n"
        with Server(HOST, 1, "shared", 128) as server:
            for request, kept in (
                (ask % (0, b""), False),
                (ask % (0, b"Connection: Keep-Alive\r\n"), True),
                (ask % (1, b""), True),
                (ask % (1, b"Connection: close\r\n"), False),
            ):
                answer = exchange(server, [request])
                self.assertTrue(answer.endswith(b"\r\n\r\n" + BODY))
                self.assertEqual(b"Connection: Keep-Alive" in answer, kept)
            self.assertEqual(server.counts().requests, 4)

    def test_a_request_in_pieces_an_endless_one_and_none(self):
        with Server(HOST, 1, "shared", 128) as server:
            pieces = [b"GET / HTTP/1.0\r\n", b"Host: h\r\n", b"\r\n"]
            self.assertTrue(exchange(server, pieces).endswith(BODY))
            self.assertEqual(exchange(server, []), b"")
            with self.assertRaises(ConnectionError):
                for _ in range(1_000):
                    exchange(server, [b"x" * 1_000] * 1_000)
            counts = server.counts()
        self.assertEqual(counts.requests, 1)

    def test_the_kernel_cuts_the_backlog(self):
        most = HOST.number("/proc/sys/net/core/somaxconn")
        with Server(HOST, 1, "shared", 65_535) as server:
            self.assertEqual(server.backlog, min(most, 65_535))

    def test_a_server_process_that_ends_is_told(self):
        with Server(HOST, 2, "reuseport", 128) as server:
            os.kill(server.pids[0], signal.SIGKILL)
            with self.assertRaisesRegex(CannotMeasure, "the server ended"):
                server.counts()

    def test_nothing_is_left_of_it(self):
        with Server(HOST, 2, "reuseport", 128) as server:
            pids = server.pids
            address = (server.address, server.port)
        self.assertEqual([HOST.text("/proc/%d/stat" % pid) for pid in pids], [None, None])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(address)


class CountsTest(unittest.TestCase):
    def check(self, done, generator):
        self.assertIsNone(done.failure)
        outputs = [app_output.read(run["outputs"][0]) for run in done.runs]
        self.assertEqual([output.test for output in outputs], [ACCEPT, KEEPALIVE])
        for output in outputs:
            self.assertEqual((output.requests, output.errors), (REQUESTS, 0))
            self.assertEqual((output.generator, output.concurrency), (generator, 20))
            self.assertGreater(min(output.server_cpu_s + output.generator_cpu_s), 0)
        self.assertEqual(outputs[1].connections, 20)
        for run in done.runs:
            self.assertIn("ListenOverflows", run["telemetry"]["netstat"])
        report = {"report_version": 1, "runs": done.runs}
        self.assertEqual(schema_check.errors(report, schema()), [])
        self.assertEqual(schema_check.unknown_keys(report), [])
        return outputs

    def test_of_very_many_cpus_it_uses_as_many_as_a_block_can_name(self):
        with mock.patch.object(cpus, "usable_count", lambda host: 600):
            count = app.processes(HOST)
        run = carry_out(Own(1)).runs[0]
        output = app_output.read(run["outputs"][0])
        output = replace(output, server_cpu_s=(0.5,) * count, generator_cpu_s=(0.5,) * count)
        self.assertEqual(app_output.read(app_output.write(output)).server_cpu_s, (0.5,) * count)

    def test_both_kinds_of_listener(self):
        for listeners in app_output.LISTENERS:
            with self.subTest(listeners=listeners):
                outputs = self.check(carry_out(Own(2), listeners), "crr-submit")
                self.assertEqual(outputs[0].connections, REQUESTS)
                self.assertEqual({output.listeners for output in outputs}, {listeners})
                self.assertEqual([len(output.server_cpu_s) for output in outputs], [2, 2])
                self.assertEqual([len(output.generator_cpu_s) for output in outputs], [2, 2])

    @unittest.skipUnless(shutil.which("ab"), "ab is not installed")
    def test_ab(self):
        done = carry_out(app_generators.choose("ab", HOST, 1))
        outputs = self.check(done, "ab")
        # ab opens a few at its end that it has no request for.
        self.assertIn(outputs[0].connections - REQUESTS, range(21))
        self.assertEqual({run["tool"] for run in done.runs}, {"ab"})
        self.assertIn("Complete requests:", done.runs[0]["outputs"][0])
        self.assertTrue(done.runs[0]["command"].startswith("ab -q -n 1003 -c 20 http://"))

    @unittest.skipUnless(shutil.which("wrk"), "wrk is not installed")
    def test_wrk_which_counts_seconds(self):
        done = carry_out(app_generators.choose("wrk", HOST, 1))
        self.assertIsNone(done.failure)
        accept, kept = [app_output.read(run["outputs"][0]) for run in done.runs]
        self.assertGreaterEqual(accept.connections, accept.requests)
        self.assertGreater(kept.requests, kept.connections)
        self.assertEqual((accept.errors, kept.errors), (0, 0))

    def test_fewer_requests_than_connections(self):
        with Server(HOST, 1, "shared", 128) as server:
            job = Job(server.address, server.port, 3, 20, keep_alive=True)
            load = Own(8).run(job, None)
            self.assertEqual((load.requests, load.errors), (3, 0))
            self.assertEqual(server.counts().connections, 3)

    def test_a_full_backlog_is_counted(self):
        settings = AppSettings(listeners="shared", workers=1, backlog=1)
        before = telemetry.read_run(HOST).netstat["ListenOverflows"]
        with Server(HOST, 1, settings.listeners, settings.backlog) as server:
            os.kill(server.pids[0], signal.SIGSTOP)

            def go_on_when_full():
                wait_until(lambda: telemetry.read_run(HOST).netstat["ListenOverflows"] > before)
                os.kill(server.pids[0], signal.SIGCONT)

            waiter = threading.Thread(target=go_on_when_full)
            # Two fit into a backlog of 1; with many more some would wait for half a minute.
            job = Job(server.address, server.port, 10, 4, keep_alive=False)
            waiter.start()
            load = Own(1).run(job, None)
            waiter.join()
            counts = server.counts()
        after = telemetry.read_run(HOST).netstat["ListenOverflows"]
        self.assertEqual((load.requests, load.errors, counts.requests), (10, 0, 10))
        self.assertGreater(after, before)


class GeneratorTest(unittest.TestCase):
    def test_wrong_answers_are_errors(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()

            def answer_wrongly():
                for _ in range(5):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(b"HTTP/1.1 500 No\r\n\r\n")

            server = threading.Thread(target=answer_wrongly)
            server.start()
            load = Own(1).run(Job(*listener.getsockname(), 5, 2, keep_alive=False), None)
            server.join()
        self.assertEqual((load.requests, load.errors), (0, 5))

    def test_a_server_that_is_not_there(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            load = Own(2).run(Job(*nobody.getsockname(), 50, 4, keep_alive=True), None)
        self.assertEqual((load.requests, load.errors), (0, 50))

    def test_an_interruption_leaves_no_process(self):
        before = cpus.children(HOST, os.getpid())
        with handled(), Server(HOST, 2, "reuseport", 128) as server:
            job = Job(server.address, server.port, 10**9, 20, keep_alive=True)
            waiter = threading.Thread(target=self.interrupt, args=(len(before) + 4,))
            waiter.start()
            with self.assertRaises(Interrupted):
                Own(2).run(job, None)
            waiter.join()
            self.assertEqual(len(cpus.children(HOST, os.getpid())), len(before) + 2)
        self.assertEqual(cpus.children(HOST, os.getpid()), before)

    def interrupt(self, n_children):
        wait_until(lambda: len(cpus.children(HOST, os.getpid())) == n_children)
        os.kill(os.getpid(), signal.SIGTERM)


class LimitTest(unittest.TestCase):
    def limit(self, server_cpu_s, generator_cpu_s, busy_percent, overflows=0, throttled=0):
        output = app_output.AppOutput(
            test=ACCEPT,
            requests=100,
            errors=0,
            elapsed_time_s=10.0,
            concurrency=20,
            backlog=128,
            listeners="shared",
            address_family="inet",
            connections=100,
            server_cpu_s=server_cpu_s,
            generator="ab",
            generator_version="2.3",
            generator_cpu_s=generator_cpu_s,
        )
        cpu = [{"busy_percent": busy} for busy in busy_percent]
        netstat = {"ListenOverflows": overflows}
        found = {"cpu": cpu, "netstat": netstat, "cgroup_throttled": throttled}
        return app.limit(output, found)

    def test_by_the_busiest_process_of_each_side(self):
        self.assertEqual(self.limit((9.5, 1.0), (5.0,), (99.0, 50.0)), "the server")
        self.assertEqual(self.limit((4.0,), (9.5,), (99.0, 50.0)), "the generator")
        both = self.limit((9.5,), (9.5,), (99.0, 99.0))
        self.assertEqual(both, "the server and the generator")

    def test_without_a_busy_process(self):
        shared = "the CPUs, which both sides share"
        self.assertEqual(self.limit((8.0,), (8.0,), (95.0, 99.0)), shared)
        self.assertEqual(self.limit((4.0,), (4.0,), (95.0, 99.0)), "other work on the CPUs")
        self.assertEqual(self.limit((5.0,), (5.0,), (95.0, 50.0)), "none found")
        self.assertEqual(self.limit((5.0,), (5.0,), ()), "none found")

    def test_what_holds_both_sides_back_comes_first(self):
        self.assertEqual(self.limit((9.5,), (5.0,), (99.0,), overflows=3), "the listen backlog")
        quota = self.limit((9.5,), (5.0,), (99.0,), throttled=3)
        self.assertEqual(quota, "the CPU quota of this cgroup")


class Stopping(Own):
    """Our generator, which in its second run meets something."""

    def __init__(self, what):
        super().__init__(1)
        self.what = what
        self.n_runs = 0

    def run(self, job, rate):
        self.n_runs += 1
        if self.n_runs == 2:
            self.what()
        return super().run(job, rate)


class StoppedTest(unittest.TestCase):
    def test_what_was_measured_before_an_interruption_is_kept(self):
        done = carry_out(Stopping(lambda: os.kill(os.getpid(), signal.SIGTERM)))
        self.assertTrue(done.interrupted)
        (run,) = done.runs
        self.assertEqual(app_output.read(run["outputs"][0]).test, ACCEPT)

    def test_a_server_that_ends_is_the_failure(self):
        before = set(cpus.children(HOST, os.getpid()))

        def end_servers():
            for pid in set(cpus.children(HOST, os.getpid())) - before:
                os.kill(pid, signal.SIGKILL)

        done = carry_out(Stopping(end_servers))
        self.assertEqual((done.failure, len(done.runs)), ("the server ended before its time", 1))

    def test_a_system_error_is_the_failure_without_its_path(self):
        done = carry_out(Stopping(lambda: os.stat("missing")))
        self.assertEqual((done.failure, len(done.runs)), ("No such file or directory", 1))

    def test_a_generator_that_fails_is_quoted_by_its_plain_name(self):
        done = carry_out(app_generators.Ab("/bin/false", "2.3"))
        self.assertEqual(
            (done.failure, done.runs), ("false failed (exit code 1): it printed nothing", [])
        )

    def test_a_generator_of_an_unknown_kind_is_not_guessed_at(self):
        done = carry_out(app_generators.Ab("/bin/echo", "2.3"))
        self.assertIn("this ab prints another text", done.failure)


class CommandTest(CommandCase):
    def test_measures_saves_and_sends_what_was_saved(self):
        with SmallRegistry() as registry:
            arguments = ("app", "--yes", "--json", "--registry", registry.url, *FEW)
            code, out, errors = self.run_command(*arguments)
        found = json.loads(out)
        self.assertEqual((code, found["sent"]), (0, True), errors)
        saved = (self.folder / found["file"]).read_bytes()
        self.assertEqual([body for _, _, body in registry.requests], [saved])
        report = json.loads(saved)
        tests = [app_output.read(run["outputs"][0]).test for run in report["runs"]]
        self.assertEqual(tests, [ACCEPT, KEEPALIVE] * 2)
        self.assertEqual([run["warm_up"] for run in report["runs"]], [True, True, False, False])
        self.assertEqual(schema_check.errors(report, schema()), [])
        progress = [line for line in errors.splitlines() if line.endswith(" left")]
        self.assertEqual(len(progress), len(report["runs"]))
        self.assertIn("load by", errors)

    def test_without_a_registry_the_file_and_the_command_to_send_it_are_told(self):
        code, out, errors = self.run_command("app", "--generator", "own", *FEW)
        self.assertEqual(code, 1)
        self.assertIn("--registry URL", errors)
        self.assertIn("limit:", out)
        self.assertIn("load by crr-submit", out)
        (report,) = self.folder.glob("crr-report-*.json")
        code, out, errors = self.run_command("post", report.name)
        self.assertEqual(code, 0, errors)
        self.assertIn("HTTP_ACCEPT: ", out)
        self.assertIn("HTTP_KEEPALIVE ", out)

    def test_mistakes(self):
        for arguments in (
            ("app", "--requests", "0"),
            ("app", "--backlog", "70000"),
            ("app", "--duration", "5"),
            ("app", "--listeners", "none"),
            ("app", "--redact", "http"),
            ("app", "--redact", "20"),
        ):
            self.assertEqual(self.run_command(*arguments)[0], 2)

    def test_a_generator_that_is_missing(self):
        code, out, errors = self.run_command("app", "--json", "--generator", "wrk", PATH="/nowhere")
        self.assertEqual((code, json.loads(out)["file"]), (3, None))
        self.assertIn("wrk is not on PATH", errors)

    def interrupted(self, number):
        """(exit code, errors) of a command that got a signal within a run and left no process."""
        arguments = ("app", "-o", "cut.json", "--requests", "10000000", "--workers", "2")
        with commands.start(self.folder, *arguments, "--generator", "own") as process:
            pids = wait_until(lambda: self.all_at_work(process.pid))
            process.send_signal(number)
            _, errors = process.communicate(timeout=commands.LIMIT_S)
        self.assertTrue(wait_until(lambda: all(map(ended, pids))), pids)
        self.assertEqual(list(self.folder.glob("cut*")), [])
        return process.returncode, errors.decode()

    def test_an_interrupted_command_leaves_no_process(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            code, errors = self.interrupted(number)
            self.assertEqual(code, 1)
            self.assertIn("Interrupted; nothing was sent.", errors)

    def test_a_killed_command_leaves_no_process(self):
        self.assertEqual(self.interrupted(signal.SIGKILL)[0], -signal.SIGKILL)

    def test_a_killed_command_leaves_no_foreign_generator(self):
        generator = self.folder / "ab"
        path = "%s:%s" % (self.folder, os.environ["PATH"])
        arguments = ("app", "-o", "cut.json", "--workers", "2", "--generator", "ab")
        generator.write_text("#!/bin/sh\n[ $1 = -V ] || exec sleep 600\n")
        generator.chmod(0o755)
        with commands.start(self.folder, *arguments, PATH=path) as process:
            pids = wait_until(lambda: self.all_at_work(process.pid))
            process.kill()
            process.communicate(timeout=commands.LIMIT_S)
        self.assertTrue(wait_until(lambda: all(map(ended, pids))), pids)

    def all_at_work(self, pid):
        """Two servers and at least one generator."""
        found = cpus.children(HOST, pid)
        return found if len(found) > 2 else None


if __name__ == "__main__":
    unittest.main()
