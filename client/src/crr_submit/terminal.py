"""What the user sees and is asked: lines, one rewritten progress line, the pager, a yes-or-no
question.

With `--json` everything for people goes to stderr, and stdout gets one JSON object at the end.
Text from a registry is stripped of control characters before it is printed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import Any, List, Mapping, TextIO, Tuple

_ERASE_LINE = "\r\x1b[K"
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class Terminal:
    """The user's terminal, or what stands in its place."""

    def __init__(self, as_json: bool = False) -> None:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        self.as_json = as_json
        self.stream = sys.stderr if as_json else sys.stdout
        self._is_rewritten = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._has_colour = self._is_rewritten and not os.environ.get("NO_COLOR")
        self._progress = ""

    def say(self, *lines: str) -> None:
        """Print lines for people, below a progress line if one is there."""
        self._end_progress()
        _write(self.stream, *lines)

    def complain(self, *lines: str) -> None:
        """Print what went wrong, on stderr, whoever worded it."""
        self._end_progress()
        self.stream.flush()
        _write(sys.stderr, *clean_lines("\n".join(lines)))

    def finish(self, result: Mapping[str, Any]) -> None:
        """With --json: the one object on stdout."""
        self._end_progress()
        if self.as_json:
            _write(sys.stdout, json.dumps(result))

    def progress(self, left_s: float, label: str) -> None:
        """Say what runs and how long the rest takes: one line on a terminal, else a line each."""
        left = "about %s left" % duration(left_s)
        text = "%s; %s" % (label, left)
        if self._is_rewritten:
            shown = text[: _screen_size()[0] - 1]
            if self._has_colour:
                shown = shown.replace(left, _DIM + left + _PLAIN)
            _write(sys.stderr, _ERASE_LINE + shown, end="")
        elif text != self._progress:
            _write(sys.stderr, text)
        self._progress = text

    def show(self, text: str) -> None:
        """Show a long text, in the user's pager when it does not fit the screen."""
        self._end_progress()
        is_long = text.count("\n") >= _screen_size()[1] - 2
        if not (self.stream is sys.stdout and self.can_ask and is_long and _is_paged(text)):
            self.say(text.rstrip("\n"))

    @property
    def can_ask(self) -> bool:
        return sys.stdin is not None and sys.stdin.isatty() and self.stream.isatty()

    def ask(self, question: str) -> bool:
        """A question that only y or yes answers with yes, and Ctrl-C with no."""
        self._end_progress()
        try:
            _write(self.stream, question + " [y/N] ", end="")
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        except KeyboardInterrupt:
            _write(self.stream, "")
            return False

    def _end_progress(self) -> None:
        if self._progress and self._is_rewritten:
            _write(sys.stderr, _ERASE_LINE, end="")
        self._progress = ""


def _is_paged(text: str) -> bool:
    """Whether a pager has shown it: that which PAGER names may not be there."""
    if os.environ.get("TERM") == "dumb":
        return False
    command = os.environ.get("PAGER") or "less || more"
    pager = subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pager's
    try:
        pager.communicate(text.encode("utf-8", "backslashreplace"))
    finally:
        signal.signal(signal.SIGINT, before)
    return pager.returncode == 0


def clean(value: Any) -> str:
    """Text of a registry without anything that could steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))


def clean_lines(text: str) -> List[str]:
    return [clean(line) for line in text.split("\n")]


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return "%d min %d s" % (minutes, rest) if minutes else "%d s" % rest


def counted(count: int, what: str, plural: str = "s") -> str:
    """`1 run`, `3 runs`."""
    return "%d %s" % (count, what if count == 1 else what + plural)


def _screen_size() -> Tuple[int, int]:
    """Columns and lines; some terminals say 0, which older Pythons hand on."""
    size = shutil.get_terminal_size()
    return size.columns or 80, size.lines or 24


def _write(stream: TextIO, *lines: str, end: str = "\n") -> None:
    for line in lines:
        stream.write(line + end)
    stream.flush()
