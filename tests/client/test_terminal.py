import os
import pty
import subprocess
import sys
import tempfile
import unittest

from crr_submit.terminal import clean, duration
from tests.client import commands

PROGRESS = "terminal.progress(200.0, 'TCP_CRR, 1 stream'); terminal.say('done')"
ASK = "print(terminal.ask('Send?'))"


class TextTest(unittest.TestCase):
    def test_clean_keeps_ordinary_text(self):
        self.assertEqual(clean("naïve 50 % \U0001f600"), "naïve 50 % \U0001f600")

    def test_clean_takes_out_what_steers_a_terminal(self):
        self.assertEqual(clean("a\x1b[2J\x07\x9b\u202eb\n"), "a [2J   b ")

    def test_duration(self):
        self.assertEqual([duration(9.6), duration(200)], ["10 s", "3 min 20 s"])


class TerminalTest(unittest.TestCase):
    """A program of one line that has a real terminal, or none."""

    def command(self, line):
        start = "from crr_submit.terminal import Terminal; terminal = Terminal(); "
        return [sys.executable, "-c", start + line]

    def environment(self, **more):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return commands.environment(folder.name, TERM="xterm", **more)

    def on_a_terminal(self, line, typed=b"", **more):
        """Everything that the terminal shows."""
        ours, theirs = pty.openpty()
        os.write(ours, typed)
        environment = self.environment(**more)
        with subprocess.Popen(
            self.command(line), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        ) as process:
            process.wait(commands.LIMIT_S)
        os.write(theirs, b"\0")  # the end: reading an empty terminal would wait
        shown = b""
        while not shown.endswith(b"\0"):
            shown += os.read(ours, 4096)
        os.close(ours)
        os.close(theirs)
        return shown.decode().rstrip("\0").replace("\r\n", "\n")

    def test_progress_is_one_line_that_is_rewritten(self):
        shown = self.on_a_terminal(PROGRESS)
        self.assertIn("\r\x1b[KTCP_CRR, 1 stream; \x1b[2mabout 3 min 20 s left\x1b[0m", shown)
        self.assertTrue(shown.endswith("\r\x1b[Kdone\n"), shown)

    def test_no_color_takes_the_colour_out(self):
        shown = self.on_a_terminal(PROGRESS, NO_COLOR="1")
        self.assertIn("\r\x1b[KTCP_CRR, 1 stream; about 3 min 20 s left", shown)
        self.assertNotIn("\x1b[2m", shown)

    def test_without_a_terminal_progress_is_a_plain_line(self):
        done = subprocess.run(
            self.command(PROGRESS),
            env=self.environment(),
            capture_output=True,
            timeout=commands.LIMIT_S,
            check=True,
        )
        self.assertEqual(done.stderr, b"TCP_CRR, 1 stream; about 3 min 20 s left\n")
        self.assertEqual(done.stdout, b"done\n")

    def test_what_went_wrong_steers_no_terminal(self):
        shown = self.on_a_terminal("terminal.complain('no: \\x1b[2J\\n  so', 'end')")
        self.assertEqual(shown, "no:  [2J\n  so\nend\n")

    def test_a_long_text_is_shown_whatever_the_pager(self):
        line = "terminal.show('line\\n' * 100)"
        for pager in ("no-such-pager", "false", "cat", "sed s/l/l/"):
            shown = self.on_a_terminal(line, PAGER=pager)
            self.assertEqual(shown.count("line\n"), 100, (pager, shown))
        self.assertEqual(self.on_a_terminal(line, PAGER="wc -l").strip(), "100")

    def test_only_yes_is_yes(self):
        for typed, answer in (
            (b"y\n", "True"),
            (b"YES\n", "True"),
            (b"\n", "False"),
            (b"n\n", "False"),
        ):
            shown = self.on_a_terminal(ASK, typed)
            self.assertTrue(shown.endswith(answer + "\n"), shown)
            self.assertIn("Send? [y/N] ", shown)


if __name__ == "__main__":
    unittest.main()
