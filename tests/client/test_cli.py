import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from crr_submit import __version__, deliver, report
from tests.client import commands
from tests.client.small_registry import CREATED, SmallRegistry, error
from tests.client.test_deliver import STANDING

TEXT = b"MIGRATED TCP Connect/Request/Response TEST\nTHROUGHPUT=1\n"
REPORT = b'{"report_version": 1, "notes": "of acme", "runs": []}\n'


class CommandCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.report = self.folder / "report.json"
        self.report.write_bytes(REPORT)

    def run_command(self, *arguments, **more):
        return commands.run(self.folder, *arguments, **more)


class ShowTest(CommandCase):
    def test_prints_the_environment_and_nothing_else(self):
        code, out, _ = self.run_command("show", "--json")
        self.assertEqual((code, list(json.loads(out))), (0, ["environment"]))

    def test_for_people_it_is_the_same(self):
        code, out, _ = self.run_command("show")
        self.assertEqual((code, list(json.loads(out))), (0, ["environment"]))

    def test_redacts(self):
        release = Path("/proc/sys/kernel/osrelease").read_text().strip()
        _, out, _ = self.run_command("show", "--redact", release)
        self.assertNotIn(release, out)

    def test_version_and_usage(self):
        self.assertEqual(self.run_command("--version"), (0, f"crr-submit {__version__}\n", ""))
        code, _, errors = self.run_command("--no-such-flag")
        self.assertEqual(code, 2)
        self.assertIn("usage:", errors)

    def test_an_output_that_nobody_reads_is_no_traceback(self):
        with commands.start(self.folder, "show") as process:
            process.stdout.close()
            errors = process.stderr.read()
            process.wait(commands.LIMIT_S)
        self.assertEqual(errors, b"")


class ClosedStreamTest(CommandCase):
    def with_closed(self, redirection, *command):
        words = ["sh", "-c", 'exec "$0" "$@" ' + redirection, sys.executable, *command]
        return subprocess.run(
            words,
            cwd=str(self.folder),
            env=commands.environment(self.folder),
            capture_output=True,
            timeout=commands.LIMIT_S,
            check=False,
        )

    def test_nothing_takes_the_place_of_a_closed_stream(self):
        script = "import os; from unittest import mock; from crr_submit import __main__, cli\n"
        script += "seen = lambda options: os.readlink('/proc/self/fd/0')\n"
        script += "with mock.patch.object(cli, 'execute', seen): __main__.main()"
        done = self.with_closed("<&-", "-c", script, "show")
        self.assertEqual(done.stderr, b"/dev/null\n")

    def test_each_of_them_may_be_closed(self):
        for redirection in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            done = self.with_closed(redirection, *commands.COMMAND, "show")
            self.assertEqual((done.returncode, done.stderr), (0, b""), redirection)
        done = self.with_closed("2>&-", *commands.COMMAND, "send", "missing", "--dry-run")
        self.assertEqual(done.returncode, 2)


class SendTest(CommandCase):
    def test_sends_the_bytes_of_the_file_and_prints_the_address(self):
        with SmallRegistry() as registry:
            code, out, errors = self.run_command("send", "report.json", "--registry", registry.url)
        self.assertEqual((code, errors), (0, ""))
        self.assertIn(registry.url + "/r/abcdefghijklmnop", out)
        [(_, headers, body)] = registry.requests
        self.assertEqual((headers["content-type"], body), ("application/json", REPORT))

    def test_the_secrets_are_on_disk_and_not_in_the_report(self):
        with SmallRegistry() as registry:
            self.run_command("send", "report.json", "--registry", registry.url)
        [(_, headers, body)] = registry.requests
        [kept] = deliver.claims_of(str(self.report))
        self.assertEqual(headers["claim-token"], kept.claim_token)
        self.assertEqual(headers["idempotency-key"], kept.idempotency_key)
        self.assertNotIn(kept.claim_token.encode(), body)
        mode = Path(f"{self.report}.claim").stat().st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_the_secrets_are_on_disk_even_when_nobody_answers(self):
        busy = (429, {"Retry-After": "3600"}, error("throttled", "tomorrow"))
        with SmallRegistry(busy) as registry:
            self.run_command("send", "report.json", "--registry", registry.url)
            self.run_command("send", "report.json", "--registry", registry.url)
        keys = {headers["idempotency-key"] for _, headers, _ in registry.requests}
        self.assertEqual((len(registry.requests), len(keys)), (2, 1))

    def test_raw_text_goes_as_text(self):
        (self.folder / "raw.txt").write_bytes(TEXT)
        with SmallRegistry() as registry:
            self.run_command("send", "raw.txt", "--registry", registry.url)
        [(_, headers, body)] = registry.requests
        self.assertEqual((headers["content-type"], body), ("text/plain; charset=utf-8", TEXT))

    def test_standard_input_is_saved_before_it_is_sent(self):
        with SmallRegistry() as registry:
            code, out, _ = self.run_command("send", "-", "--registry", registry.url, stdin=TEXT)
        [saved] = self.folder.glob("crr-report-*.txt")
        self.assertEqual((code, saved.read_bytes()), (0, TEXT))
        self.assertEqual(registry.requests[0][2], TEXT)
        self.assertIn(saved.name, out)

    def test_redacted_words_do_not_leave(self):
        with SmallRegistry() as registry:
            arguments = ("send", "report.json", "--registry", registry.url, "--redact", "ACME")
            self.assertEqual(self.run_command(*arguments)[0], 0)
        self.assertNotIn(b"acme", registry.requests[0][2])
        self.assertEqual(self.report.read_bytes(), REPORT)

    def test_a_report_is_redacted_by_its_values(self):
        made = {"report_version": 1, "notes": "of M\u00fcnchen 1", "runs": [], "more": 1}
        self.report.write_text(json.dumps(made))
        for word, notes in (
            ("M\u00dcNCHEN", "of [redacted] 1"),
            ("1", "of M\u00fcnchen [redacted]"),
            ("runs", made["notes"]),
        ):
            with SmallRegistry() as registry:
                arguments = ("send", "report.json", "--registry", registry.url, "--redact", word)
                code, _, errors = self.run_command(*arguments, PYTHONUTF8="1")
            self.assertEqual(code, 0, errors)
            [(_, headers, body)] = registry.requests
            self.assertEqual(headers["content-type"], "application/json")
            self.assertEqual(json.loads(body.decode()), {**made, "notes": notes})
        self.assertEqual(body, self.report.read_bytes())

    def test_a_report_that_cannot_be_redacted_is_not_sent(self):
        self.report.write_text('{"report_version": 1, "notes": "of acme", "more": NaN}')
        arguments = ("send", "report.json", "--registry", "http://127.0.0.1:9", "--redact", "acme")
        code, _, errors = self.run_command(*arguments)
        self.assertEqual(code, 2, errors)
        self.assertNotIn("Traceback", errors)

    def test_a_refusal_names_cause_file_and_the_command_that_sends_it(self):
        self.report.rename(self.folder / "my report.json")
        answer = error("invalid", "1 error", [{"path": "$.runs", "message": "\x1b[31mempty"}])
        with SmallRegistry((422, {}, answer)) as registry:
            arguments = ("send", "my report.json", "--registry", registry.url)
            code, _, errors = self.run_command(*arguments)
        self.assertEqual(code, 1)
        self.assertIn("$.runs:  [31mempty", errors)
        self.assertIn("The report is in my report.json", errors)
        retry = shlex.split(errors.split("To send it:")[1])
        self.assertEqual(retry[-4:], [*arguments][:4])

    def test_without_a_way_out_it_is_printed_for_a_mail(self):
        code, out, errors = commands.run(self.folder, "send", "--text", "report.json")
        self.assertEqual((code, errors), (0, ""))
        self.assertEqual(out, report.to_mail(self.report.read_bytes()) + "\n")
        code, out, _ = commands.run(self.folder, "send", "--text", "--json", "report.json")
        self.assertEqual(code, 0)
        [row] = json.loads(out)["reports"]
        self.assertTrue(row["text"].startswith(report.BLOCK_BEGINS))

    def test_the_retry_command_sends_it(self):
        with SmallRegistry((422, {}, error("invalid", "no"))) as registry:
            _, _, errors = self.run_command("send", "report.json", "--registry", registry.url)
            registry.answers[:] = SmallRegistry().answers
            retry = errors.split("To send it:")[1].strip()
            done = subprocess.run(
                ["sh", "-c", retry],
                cwd=str(self.folder),
                env=commands.environment(self.folder),
                capture_output=True,
                timeout=commands.LIMIT_S,
                check=False,
            )
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_one_of_two_refused_is_not_sent(self):
        (self.folder / "b.json").write_bytes(REPORT.replace(b"acme", b"b"))
        with SmallRegistry((422, {}, error("invalid", "no")), *SmallRegistry().answers) as registry:
            code, out, _ = self.run_command(
                "send", "report.json", "b.json", "--registry", registry.url, "--json"
            )
        reports = json.loads(out)["reports"]
        self.assertEqual((code, [row["sent"] for row in reports]), (1, [False, True]))
        self.assertIn("send report.json", reports[0]["retry"])

    def test_an_interrupted_one_is_the_last(self):
        names = ["report.json", "b.json", "c.json"]
        for name in names[1:]:
            (self.folder / name).write_bytes(REPORT.replace(b"acme", name.encode()))
        busy = (503, {"Retry-After": "50"}, error("unavailable", "away"))
        with SmallRegistry(busy, *SmallRegistry().answers) as registry:
            arguments = ("send", *names, "--registry", registry.url, "--json")
            with commands.start(self.folder, *arguments) as process:
                self.assertIn(b"trying again", process.stderr.readline())
                process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=commands.LIMIT_S)
            self.assertEqual(len(registry.requests), 1)
        reports = json.loads(out.decode())["reports"]
        self.assertEqual([row["cause"] for row in reports], ["interrupted"] * 3)
        for name, row in zip(names, reports):
            self.assertIn("send " + name, row["retry"])

    def test_whatever_the_answer_holds_the_report_is_there(self):
        deep, huge = [], {**CREATED, "standing": {**STANDING, "rate": 10**400}}
        for _ in range(40):
            deep = {"a": deep, "b": 1}
        for answer, url in (
            ({**CREATED, "warnings": deep}, "/r/abcdefghijklmnop"),
            (huge, "/r/abcdefghijklmnop"),
            ({**CREATED, "url": "http://["}, None),
        ):
            with SmallRegistry((201, {}, answer)) as registry:
                code, out, errors = self.run_command(
                    "send", "report.json", "--registry", registry.url, "--json"
                )
                self.assertEqual(code, 0, errors)
                [row] = json.loads(out)["reports"]
                kept = deliver.claims_of(str(self.report))[-1]
                expected = (CREATED["id"], url and registry.url + url)
                self.assertEqual((row["id"], row["url"]), expected)
                self.assertEqual((kept.id, kept.url), expected)

    def test_a_missing_file_sends_nothing_at_all(self):
        with SmallRegistry() as registry:
            arguments = ("send", "report.json", "missing", "--registry", registry.url)
            code, _, errors = self.run_command(*arguments)
        self.assertEqual((code, registry.requests), (2, []))
        self.assertIn("missing", errors)

    def test_dry_run_sends_nothing(self):
        with SmallRegistry() as registry:
            arguments = ("send", "report.json", "--registry", registry.url, "--dry-run")
            code, out, _ = self.run_command(*arguments)
        self.assertEqual((code, registry.requests), (0, []))
        self.assertIn("Would send report.json", out)

    def test_a_foreign_claim_file_is_not_overwritten(self):
        other = self.folder / "report.json.claim"
        other.write_text("mine")
        with SmallRegistry() as registry:
            code, _, _ = self.run_command("send", "report.json", "--registry", registry.url)
        self.assertEqual((code, registry.requests, other.read_text()), (1, [], "mine"))


class WhereToSaveTest(CommandCase):
    def test_a_folder_that_cannot_be_written_is_found_before_measuring(self):
        code, _, errors = self.run_command("run", "-o", "missing/report.json")
        self.assertEqual(code, 2)
        self.assertIn("missing", errors)

    def test_what_is_no_file_of_its_own_is_never_replaced(self):
        os.mkfifo(self.folder / "pipe")
        (self.folder / "link").symlink_to("report.json")
        for name in ("pipe", "link", "."):
            code, _, errors = self.run_command("run", "-o", name)
            self.assertEqual(code, 2, errors)
            self.assertIn("choose a file with -o", errors)


if __name__ == "__main__":
    unittest.main()
