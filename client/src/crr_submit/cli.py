"""The command crr-submit: what each subcommand does, and with which exit code it ends.

0 sent or done, 1 measured but not sent, 2 usage, 3 cannot measure. What one command alone needs is
imported by it: the start takes its time.
"""

import os
import re
import sys
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from crr_submit import collect, journal, session
from crr_submit.deliver import (
    INTERRUPTED,
    TEXT_TYPE,
    Outcome,
    claims_of,
    deliver,
    media_type,
    not_sent,
)
from crr_submit.host import Host
from crr_submit.options import Options
from crr_submit.programs import CannotMeasure
from crr_submit.report import build, default_path, redacted, save, to_bytes, to_mail, to_text
from crr_submit.send import SendError, fetch, json_object
from crr_submit.terminal import Terminal

_ID = re.compile(r"[a-z2-7]{16}\Z")
DONE, NOT_SENT, USAGE, CANNOT_MEASURE = 0, 1, 2, 3


def execute(options: Options) -> int:
    """Run the command; returns its exit code."""
    terminal = Terminal(options.as_json)
    commands = {
        "submit": submit,
        "run": submit,
        "send": send,
        "show": show,
        "post": post_text,
        "tune": tune_factor,
        "app": measure_app,
    }
    try:
        if options.command in ("submit", "run", "app"):
            for line in journal.leftovers():
                terminal.complain(line)
        return commands[options.command](options, terminal)
    except CannotMeasure as error:
        return _failed("Cannot measure: %s" % error, CANNOT_MEASURE, terminal)
    except session.CannotSave as error:
        return _failed("crr-submit: %s" % error, USAGE, terminal)
    except KeyboardInterrupt:
        return _failed("Interrupted; nothing was sent.", NOT_SENT, terminal)
    except BrokenPipeError:
        # Whoever read our output has gone; without this the interpreter complains at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_SENT
    except OSError as error:
        return _failed("crr-submit: %s" % error, NOT_SENT, terminal)


def submit(options: Options, terminal: Terminal) -> int:
    """Measure, save, show, ask, send; run only measures and saves."""
    return _offer(session.measure_and_save(options, terminal), options, terminal)


def tune_factor(options: Options, terminal: Terminal) -> int:
    """Try a setting, put it back, save, show, ask, send."""
    from crr_submit import tune

    return _offer(tune.measure_and_save(options, terminal), options, terminal)


def measure_app(options: Options, terminal: Terminal) -> int:
    """Measure a small HTTP server, save, show, ask, send."""
    from crr_submit import app

    return _offer(app.measure_and_save(options, terminal), options, terminal)


def _offer(report: session.SavedReport, options: Options, terminal: Terminal) -> int:
    """Show, ask and send a report that is on disk."""
    if not report.is_complete:
        cause = "the measurement did not finish"
        outcome = not_sent(report.path, options.registry, cause, terminal)
        return _finish(outcome, NOT_SENT, terminal)
    if options.command == "run":
        terminal.say("Saved: %s" % report.path)
        return _finish(Outcome(report.path), DONE, terminal)
    if options.dry_run:
        terminal.show(report.body.decode("ascii"))
        terminal.say("Nothing was sent. The report is in %s" % report.path)
        return _finish(Outcome(report.path), DONE, terminal)
    outcome = _ask_and_deliver(report, options, terminal)
    return _finish(outcome, DONE if outcome.sent else NOT_SENT, terminal)


def send(options: Options, terminal: Terminal) -> int:
    """Send files. All are read before the first is sent, so a wrong name sends nothing."""
    try:
        reports = [_readable(name, options, terminal) for name in options.files]
    except (OSError, ValueError, RecursionError) as error:
        return _failed("crr-submit: %s" % error, USAGE, terminal)
    if options.as_text:
        return _print_for_mail(reports, terminal)
    outcomes: List[Outcome] = []
    for path, body in reports:
        if any(outcome.cause == INTERRUPTED for outcome in outcomes):
            outcomes.append(not_sent(path, options.registry, INTERRUPTED, terminal))
        else:
            outcomes.append(_sent(path, body, options, terminal))
    terminal.finish({"reports": [outcome.as_dict() for outcome in outcomes]})
    is_done = options.dry_run or all(outcome.sent for outcome in outcomes)
    return DONE if is_done else NOT_SENT


def _print_for_mail(reports: Sequence[Tuple[str, bytes]], terminal: Terminal) -> int:
    """Netperf's own text is fit for a mail as it is."""
    rows = []
    for path, body in reports:
        is_report = media_type(body) != TEXT_TYPE
        text = to_mail(body) if is_report else body.decode("utf-8", "replace")
        rows.append({"file": path, "text": text})
        terminal.say(*text.rstrip("\n").split("\n"))
    terminal.finish({"reports": rows})
    return DONE


def show(options: Options, terminal: Terminal) -> int:
    environment = collect.environment(Host(), options.with_cloud)
    shown = {"environment": build(environment, redact=options.redact)["environment"]}
    if options.as_json:
        terminal.finish(shown)
    else:
        terminal.say(to_text(shown).rstrip("\n"))
    return DONE


def post_text(options: Options, terminal: Terminal) -> int:
    """Print a report for a mailing list."""
    from crr_submit import post

    name = options.files[0]
    try:
        body, address = _report_and_address(name, options)
        block = post.text(body, address)
    except (OSError, ValueError, SendError) as error:
        reason = getattr(error, "strerror", None) or error
        return _failed("crr-submit: %s: %s" % (name, reason), USAGE, terminal)
    if options.as_mail:
        block = post.draft(block)
    if options.as_json:
        terminal.finish({"report": name, "address": address, "text": block})
    else:
        terminal.say(block.rstrip("\n"))
    return DONE


def _report_and_address(name: str, options: Options) -> Tuple[bytes, Optional[str]]:
    """The report in a file, with the address kept beside it, or in the registry by its id."""
    if Path(name).exists() or not _ID.match(name):
        addresses = [kept.url for kept in claims_of(name) if kept.url]
        return Path(name).read_bytes(), addresses[-1] if addresses else None
    if options.registry is None:
        raise ValueError("no such file; for a report of a registry give --registry URL")
    return fetch(options.registry, name), "%s/r/%s" % (options.registry, name)


def _ask_and_deliver(report: session.SavedReport, options: Options, terminal: Terminal) -> Outcome:
    path, body, registry = report.path, report.body, options.registry
    if registry is None:
        cause = "no registry is given (--registry URL or CRR_REGISTRY)"
        return not_sent(path, None, cause, terminal)
    if not options.yes:
        if not terminal.can_ask:
            cause = "nobody to ask here; --yes sends without asking"
            return not_sent(path, registry, cause, terminal)
        terminal.show(body.decode("ascii"))
        question = "Send exactly this (%d bytes, %s) to %s?" % (len(body), path, registry)
        if not terminal.ask(question):
            return not_sent(path, registry, "as you wish", terminal)
    return deliver(path, body, registry, terminal)


def _sent(path: str, body: bytes, options: Options, terminal: Terminal) -> Outcome:
    if options.registry is not None and not options.dry_run:
        return deliver(path, body, options.registry, terminal)
    where = options.registry or "a registry"
    terminal.say("Would send %s (%d bytes) to %s" % (path, len(body), where))
    return Outcome(path, registry=options.registry)


def _readable(name: str, options: Options, terminal: Terminal) -> Tuple[str, bytes]:
    """(path, bytes) of a file to send; standard input and redacted text are saved first."""
    body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    changed = _redacted(body, options.redact)
    if name != "-" and changed == body:
        return name, body
    path = default_path("json" if changed.lstrip()[:1] == b"{" else "txt")
    save(path, changed)
    terminal.say("Saved what will be sent: %s" % path)
    return path, changed


def _redacted(body: bytes, words: Sequence[str]) -> bytes:
    """A report by its values: its text may write a word with escapes, and has more than values."""
    if not words:
        return body
    envelope = json_object(body)
    if "report_version" in envelope:
        changed = redacted(envelope, words)
        return body if changed == envelope else to_bytes(changed)
    text: str = redacted(body.decode("utf-8", "surrogateescape"), words)
    return text.encode("utf-8", "surrogateescape")


def _failed(text: str, code: int, terminal: Terminal) -> int:
    terminal.complain(text)
    terminal.finish({"file": None, "sent": False, "cause": text})
    return code


def _finish(outcome: Outcome, code: int, terminal: Terminal) -> int:
    terminal.finish(outcome.as_dict())
    return code
