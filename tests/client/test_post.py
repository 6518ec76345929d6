"""A report as text for a mailing list."""

import contextlib
import email
import io
import json
import os
import tempfile
import unittest
from pathlib import Path

from crr_submit import cli, options, post
from tests.client.small_registry import SmallRegistry, error

OUTPUT = """\
MIGRATED TCP Connect/Request/Response TEST from 0.0.0.0 () port 0 AF_INET to 127.0.0.1 ()
Local /Remote
Socket Size   Request  Resp.   Elapsed  Trans.
Send   Recv   Size     Size    Time     Rate
bytes  Bytes  bytes    bytes   secs.    per sec

16384  131072 1        1       5.00     %s
16384  131072
"""


def run(*rates, placement="same_cpu", **more):
    row = {
        "command": "netperf -t TCP_CRR -H 127.0.0.1 -l 5 -T 1,1 -- -k THROUGHPUT",
        "placement": placement,
        "streams": len(rates),
        "outputs": [OUTPUT % rate for rate in rates],
    }
    return {**row, **more}


def body(*runs, **environment):
    report = {"report_version": 1, "environment": environment, "runs": runs}
    return json.dumps(report).encode()


class PostTest(unittest.TestCase):
    def lines(self, *args):
        text = post.text(*args)
        self.assertTrue(all(len(line) <= 72 for line in text.split("\n")), text)
        self.assertTrue(all(" " <= letter <= "~" or letter == "\n" for letter in text), text)
        return text.split("\n")

    def test_numbers_first_then_what_the_host_is(self):
        runs = [
            run("10000.00"),
            run("10100.00"),
            run("9900.00"),
            run("6000.00", placement="unpinned"),
        ]
        lines = self.lines(
            body(*runs, kernel={"release": "6.1"}, virtualization={"type": "none"}),
            "https://registry.example/r/abcdefghijklmnop",
        )
        self.assertEqual(lines[0], "TCP_CRR: 10,000 trans/s (1 stream, same cpu, 3 runs)")
        self.assertEqual(lines[3].split()[-4:], ["10,000", "9,750", "-", "10,300"])
        self.assertIn("One stream, unpinned to same CPU: x0.60", lines)
        self.assertIn("kernel:   6.1", lines)
        self.assertIn("runs on:  bare metal", lines)
        self.assertIn("command:  netperf -t TCP_CRR -H 127.0.0.1 -l 5 -T 1,1", lines)
        self.assertEqual(lines[-2], "https://registry.example/r/abcdefghijklmnop")

    def test_the_arms_of_an_experiment_are_told_apart(self):
        """The block's figures are those that `tune` prints: B over A, by blocks."""
        order = "ABBABAAB"
        rates = {"A": ("10000.00", "10100.00"), "B": ("8000.00", "8080.00")}
        runs = [run("5000.00")] + [run(rates[one][n % 2]) for n, one in enumerate(order)]
        arms = [
            {"value": value, "runs": [n for n, one in enumerate(order, 1) if one == letter]}
            for letter, value in (("A", "loaded"), ("B", "active"))
        ]
        experiment = {"factor": "conntrack", "blocks": ["ABBA", "BAAB"], "arms": arms}
        report = {"report_version": 1, "environment": {}, "runs": runs, "experiment": experiment}
        lines = self.lines(json.dumps(report).encode())
        self.assertIn("conntrack, B to A: x0.8 ", lines[0])
        self.assertIn(", 2 blocks, TCP_CRR (1 stream,", lines[0])
        rows = [line.split() for line in lines if line[:2] in ("A ", "B ")]
        self.assertEqual([row[0] + " " + row[5] for row in rows], ["A 4", "B 4"])
        self.assertIn("A:        conntrack loaded", lines)
        self.assertIn("B:        conntrack active", lines)
        del report["runs"][-1]
        self.assertTrue(self.lines(json.dumps(report).encode())[0].startswith("TCP_CRR: "))

    def test_runs_without_a_figure_are_counted(self):
        self.assertEqual(len(post.table([run("10.00")])), 2)
        lost = run("10.00", outputs=["netperf: no"])
        self.assertIn("2 runs without a figure", post.table([run("10.00"), lost, lost])[-1])

    def test_interval_is_students_on_the_logarithms(self):
        arm = post.Arm("TCP_CRR", 1, None, "trans/s", (9800.0, 10050.0, 9900.0, 10120.0, 9950.0))
        low, high = arm.interval
        self.assertAlmostEqual(arm.rate, 9963.368, places=3)
        self.assertAlmostEqual(low, 9808.817, delta=0.2)
        self.assertAlmostEqual(high, 10120.355, delta=0.2)

    def test_streams_are_summed_and_what_is_no_figure_left_out(self):
        lines = self.lines(
            body(run("10.00", "20.00"), run("99.00", warm_up=True), run("98.00", partial=True))
        )
        self.assertEqual(lines[0], "TCP_CRR: 30 trans/s (2 streams, same cpu, 1 run)")
        self.assertEqual(sum(line.startswith("TCP_CRR  ") for line in lines), 1)

    def test_results_of_raw_text_are_never_averaged(self):
        lines = self.lines((OUTPUT % "100.00" + OUTPUT % "40000.00").encode())
        self.assertEqual([line.split()[-1] for line in lines[3:5]], ["100", "40,000"])

    def test_hostile_text_cannot_leave_its_line(self):
        kernel = {"release": "6.1\n\x1b[31m\u202e<b>" + "x" * 300}
        self.assertIn("?[31m", post.text(body(run("10.00"), kernel=kernel)))
        self.lines(body(run("10.00"), kernel=kernel))

    def test_without_a_result_there_is_no_post(self):
        for content in (b"", b"nothing", b'{"runs": []}', body(run())):
            with self.assertRaises(ValueError):
                post.text(content)

    def test_draft_is_a_mail_of_plain_text(self):
        mail = email.message_from_string(post.draft(post.text(body(run("10000.00")))))
        self.assertEqual(mail["Subject"][:30], "[netperf] TCP_CRR: 10,000 tran")
        self.assertEqual(mail.get_content_type(), "text/plain")
        self.assertIsNone(mail["To"])
        self.assertIn("TCP_CRR: 10,000 trans/s", mail.get_payload())


class CommandTest(unittest.TestCase):
    def execute(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.execute(options.parse(["post", *arguments]))
        return code, out.getvalue(), err.getvalue()

    def test_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.json")
            Path(path).write_bytes(body(run("10000.00")))
            code, out, _ = self.execute(path)
            self.assertEqual((code, out.split("\n")[0][:23]), (0, "TCP_CRR: 10,000 trans/s"))
            code, out, _ = self.execute("--json", path)
            self.assertEqual(json.loads(out)["address"], None)
            self.assertTrue(self.execute("--eml", path)[1].startswith("Subject: "))

    def test_a_file_that_is_not_there_and_an_id_without_a_registry(self):
        for name, words in (("no-such.json", "No such file"), ("a" * 16, "--registry")):
            code, out, err = self.execute(name)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(words, err)

    def test_a_refusal_steers_no_terminal(self):
        with SmallRegistry((404, {}, error("not_found", "\x1b[2Jgone"))) as registry:
            code, out, err = self.execute("a" * 16, "--registry", registry.url)
        self.assertEqual((code, out), (2, ""))
        self.assertIn("the registry answers 404:  [2Jgone (not_found)", err)


if __name__ == "__main__":
    unittest.main()
