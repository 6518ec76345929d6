"""One session of measuring: from the options to a report on disk, sent to nobody.

The machine id is a random number that says "the same machine again" and nothing else, made once,
kept in the user's configuration folder, sent only when asked for.
"""

import os
import random
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from crr_submit import (
    collect,
    cpus,
    measure,
    plan,
    post,
    programs,
    report,
    telemetry,
)
from crr_submit.host import Host
from crr_submit.options import Options
from crr_submit.terminal import Terminal, duration

ID_BYTES = 16


class CannotSave(Exception):
    """There is no place for the report, found before measuring; the text says where and why."""


@dataclass(frozen=True)
class SavedReport:
    """A report on disk. `is_complete` is False when its plan was interrupted or failed."""

    path: str
    body: bytes
    is_complete: bool


def measure_and_save(options: Options, terminal: Terminal) -> SavedReport:
    """Carry out the plan and save what came of it.

    Raises CannotSave before measuring, CannotMeasure when there is no result, KeyboardInterrupt
    when it was interrupted before the first, OSError when the report finds no place after all.
    """
    path, sender = prepared(options)
    host = Host()
    found = programs.find_programs(host)
    environment = collect.environment(
        host, options.with_cloud, options.far.address if options.far else None
    )
    steps, left_out = _steps(options, host)
    where = "over loopback" if options.far is None else "against the other host"
    terminal.say(
        "Measuring for about %s: %d netperf runs %s, changing nothing on this host."
        % (duration(plan.expected_s(steps)), len(steps), where)
    )
    environment["spin_steal_percent"] = telemetry.spin_steal_percent(host)
    pin_cpu = cpus.pin_choice(cpus.allowed())
    done = measure.carry_out(steps, found, host, pin_cpu, terminal.progress, far=options.far)
    done.left_out[:0] = left_out
    made = envelope(environment, done, len(steps), sender, options)
    return saved(path, made, done, post.table(done.runs), terminal)


def prepared(options: Options) -> Tuple[str, Optional[str]]:
    """Where the report goes and the machine id, if the user wants to send it; raises CannotSave."""
    path = options.output or report.default_path()
    file = Path(path).absolute()
    is_other = file.is_symlink() or (file.exists() and not file.is_file())
    if is_other or not os.access(str(file.parent), os.W_OK):
        raise CannotSave("cannot write %s; choose a file with -o" % file)
    try:
        return path, machine_id() if options.machine_id else None
    except (OSError, RuntimeError, KeyError) as error:  # the last two: a user without a home
        raise CannotSave("cannot keep the machine id: %s" % error) from error


def envelope(
    environment: Dict[str, Any],
    done: measure.Measurement,
    n_steps: int,
    sender: Optional[str],
    options: Options,
) -> Dict[str, Any]:
    """What came of a plan; raises what it failed of, or KeyboardInterrupt, without a result."""
    if not done.has_results:
        if done.interrupted:
            raise KeyboardInterrupt
        raise programs.CannotMeasure(done.failure or "; ".join(done.left_out))
    if done.conntrack_active:
        environment["tuning"]["conntrack"] = "active"
    hidden = [*options.redact, *(options.far.names() if options.far else ())]
    return report.build(environment, done.runs, sender, notes(done, n_steps), hidden)


def saved(
    path: str,
    made: Dict[str, Any],
    done: measure.Measurement,
    table: Sequence[str],
    terminal: Terminal,
) -> SavedReport:
    """Save a report, and show its figures and notes."""
    body = report.to_bytes(made)
    path = save(path, body, terminal)
    terminal.say(*table)
    if made["notes"]:
        terminal.complain(made["notes"])
    return SavedReport(path, body, is_complete=not (done.interrupted or done.failure))


def save(path: str, body: bytes, terminal: Terminal) -> str:
    """Save, in the system's temporary folder if need be: minutes of measuring shall not be lost."""
    try:
        report.save(path, body)
        return path
    except OSError as error:
        terminal.complain("Cannot save in %s: %s" % (path, error))
    other = str(Path(tempfile.gettempdir(), Path(report.default_path()).name))
    report.save(other, body)
    return other


def machine_id_path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "crr-submit" / "machine-id"


def machine_id() -> str:
    """The kept id, or a new one; raises OSError when it cannot be kept."""
    file_path = machine_id_path()
    try:
        kept = file_path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        kept = ""
    if re.match(r"^[0-9a-f]{32}$", kept):
        return kept
    file_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = secrets.token_hex(ID_BYTES)
    report.save(str(file_path), (made + "\n").encode("ascii"))
    return made


def _steps(options: Options, host: Host) -> Tuple[List[plan.Step], List[str]]:
    """The steps, and what the report has no room for."""
    usable = cpus.usable_count(host)
    streams = options.streams + ((1, usable) if options.with_all_cpus else ())
    steps = plan.build(options.scale, streams, usable, random.Random())
    left_out = plan.left_out(options.scale, streams, usable)
    return plan.against_far_end(steps) if options.far else steps, left_out


def notes(done: measure.Measurement, n_steps: int) -> Optional[str]:
    """What the reader of the report should know about the plan; None when all went well."""
    lines = ["Left out: " + text for text in done.left_out]
    lines += ["Repeated once: " + text for text in done.repeated]
    if done.interrupted:
        lines.append("Interrupted: %d of %d runs." % (len(done.runs), n_steps))
    if done.failure:
        lines.append("Stopped after %d of %d runs: %s" % (len(done.runs), n_steps, done.failure))
    return "\n".join(lines) or None
