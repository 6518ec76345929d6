"""What `crr-submit tune` is about to change, on disk before it is changed, and how it is put back.

The journal is one file, locked while a tune is at work, with each kernel file, its value before and
the values that will be written to it. Any other value is somebody else's and is left alone. It lies
in /run, which the reboot empties that resets the settings.

The watchdog is a second process that outlives a killed tune: when its pipe closes without the word
of `dismiss`, it restores the settings.
"""

import contextlib
import fcntl
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from crr_submit.programs import SIGNALS, CannotMeasure

PATH = "/run/crr-submit.journal"
LEFT_OVER = "Left over from a tune that did not end: "
ANY = "*"  # as applied value: whatever is there is ours
_NETWORK = "/proc/self/ns/net"


@dataclass(frozen=True)
class Setting:
    """One file of the kernel, as it was found; `applied` are the values that tune writes to it."""

    path: str
    before: str
    applied: Tuple[str, ...]


class Journal:
    """The open journal. The watchdog, being a fork, shares the lock and keeps it to its own end."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, settings: Sequence[Setting]) -> None:
        """Replace the content, and return when it is on the disk."""
        network = os.readlink(_NETWORK)
        content = {"network": network, "settings": [asdict(setting) for setting in settings]}
        text = json.dumps(content).encode("ascii")
        # One write, with blanks over what was longer: it is never empty in between.
        os.pwrite(self._handle, text.ljust(os.fstat(self._handle).st_size), 0)
        os.fsync(self._handle)

    def forget(self, path: str) -> None:
        """Leave this setting to whoever else has changed it."""
        self.write([setting for setting in self.settings() if setting.path != path])

    def settings(self) -> List[Setting]:
        """What has to be put back. Raises CannotMeasure for those of another network namespace."""
        content = self._content()
        if content.get("network", os.readlink(_NETWORK)) != os.readlink(_NETWORK):
            raise CannotMeasure(
                "an unfinished tune of another network namespace is noted in %s; run crr-submit "
                "tune there, or remove the file if that namespace is gone" % PATH
            )
        return [
            Setting(row["path"], row["before"], tuple(row["applied"]))
            for row in content.get("settings", ())
        ]

    def restore(self) -> List[str]:
        """Put every setting back and empty the journal; returns what was done, in words.

        Raises CannotMeasure, and keeps the journal, when one does not take its old value.
        """
        done, failed = [], []
        for setting in self.settings():
            try:
                done += put_back(setting)
            except (OSError, CannotMeasure) as error:
                by_hand = "to do it by hand: echo '%s' > %s" % (setting.before, setting.path)
                failed.append("could not restore %s (%s); %s" % (setting.path, error, by_hand))
        if failed:
            raise CannotMeasure("; ".join(failed + done))
        os.ftruncate(self._handle, 0)
        os.fsync(self._handle)
        return done

    def _content(self) -> Dict[str, Any]:
        text = os.pread(self._handle, os.fstat(self._handle).st_size, 0)
        try:
            content: Dict[str, Any] = json.loads(text.decode("ascii"))
        except ValueError:
            # Empty, or cut short: a setting is changed only after the whole journal is on the disk.
            return {}
        return content


@contextlib.contextmanager
def opened(path: Optional[str] = None) -> Iterator[Journal]:
    """The journal, locked. Raises CannotMeasure when it cannot be kept or another tune has it."""
    try:
        handle = os.open(path or PATH, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise CannotMeasure("tune writes settings of the kernel, which needs root") from error
    except OSError as error:
        raise CannotMeasure("cannot keep a journal of what is changed: %s" % error) from error
    try:
        _lock(handle)
        yield Journal(handle)
    finally:
        os.close(handle)


def leftovers() -> List[str]:
    """What a tune that did not end left over, put back where we are root; in words. Raises
    CannotMeasure while a tune is at work: each would spoil the other's figures.
    """
    if not os.path.exists(PATH) or not os.path.getsize(PATH):
        return []
    if os.geteuid() != 0:
        return [
            "A tune is at work on this host and spoils these figures, or one did not end; then %s "
            "names settings to put back: sudo crr-submit run does it" % PATH
        ]
    with opened() as kept:
        try:
            return [LEFT_OVER + line for line in kept.restore()]
        except CannotMeasure as error:
            return [LEFT_OVER + str(error)]


def put_back(setting: Setting) -> List[str]:
    """Give one setting its old value; a line for each thing that was done or left alone."""
    now = read(setting.path)
    if now == setting.before:
        return []
    if not {now, ANY}.intersection(setting.applied):
        return [
            "%s is now '%s', which somebody else has set; it is left so (it was '%s')"
            % (setting.path, now, setting.before)
        ]
    apply(setting.path, setting.before)
    return ["%s is '%s' again" % (setting.path, setting.before)]


def apply(path: str, value: str) -> None:
    """Write the value and read it back; raises OSError, or CannotMeasure when another one took,
    which nobody asked for: the one before is written again.
    """
    made, before = _written(path, value)
    if made != value:
        Path(path).write_text(before, encoding="ascii")
        raise CannotMeasure("%s reads '%s' after '%s' was written" % (path, made, value))


def tried(path: str, value: str) -> str:
    """What the kernel makes of a value; the one before is there again. Raises OSError."""
    made, before = _written(path, value)
    Path(path).write_text(before, encoding="ascii")
    return made


def _written(path: str, value: str) -> Tuple[str, str]:
    """What the file holds after the value was written, and what it held before."""
    before = read(path)
    Path(path).write_text(value, encoding="ascii")
    return read(path), before


def read(path: str) -> str:
    """The value without white space around it; raises OSError."""
    return Path(path).read_text(encoding="ascii", errors="replace").strip()


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        text = "another crr-submit tune is at work on this host; wait until it has ended"
        raise CannotMeasure(text) from error


_DONE = b"done"


class Watchdog:
    """The parent's end."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe = pipe

    def dismiss(self) -> None:
        """All is restored: let it end, and wait until it has."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, _DONE)
        os.close(self._pipe)
        os.waitpid(self.pid, 0)


def start_watchdog(restore: Callable[[], List[str]]) -> Watchdog:
    """Start it; call with signals held, so that none ends the child before it ignores them."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reading)
        return Watchdog(pid, writing)
    try:
        os.close(writing)
        _detach()
        _watch(reading, restore)
    finally:
        # Whatever happens, the child never goes on as a second tune.
        os._exit(0)


def _detach() -> None:
    os.setsid()
    for number in (*SIGNALS, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    # stderr stays: it is the only way to tell the user what was restored.
    for standard in (0, 1):
        os.dup2(nothing, standard)


def _watch(reading: int, restore: Callable[[], List[str]]) -> None:
    if os.read(reading, len(_DONE)) == _DONE:
        return
    try:
        lines = restore()
    except CannotMeasure as error:
        lines = [str(error)]
    for line in lines:
        os.write(2, b"crr-submit tune was killed: %s\n" % line.encode("utf-8", "replace"))
