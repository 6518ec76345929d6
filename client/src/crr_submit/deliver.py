"""From a file on disk to a report in a registry: secrets first, then the bytes, then what came of
it in words.

In: a saved report or netperf text and where to send it. Out: an `Outcome`, the same for people and
for --json. The shapes of `standing` and `advice` belong to the registry, which may grow them;
whatever comes is printed. Called by `crr_submit.cli`.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from crr_submit import claim, send
from crr_submit.report import MEDIA_TYPE
from crr_submit.terminal import Terminal, clean, clean_lines

TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Outcome:
    """What became of one report. `retry` is the command that sends it, when it was not sent."""

    file: str
    sent: bool = False
    registry: Optional[str] = None
    id: Optional[str] = None
    url: Optional[str] = None
    answer: Optional[Dict[str, Any]] = None
    cause: Optional[str] = None
    retry: Optional[str] = None

    def as_dict(self) -> Dict[str, Any]:
        return asdict(self)


def deliver(path: str, body: bytes, registry: str, terminal: Terminal) -> Outcome:
    """Send a file that is on disk, and say how it went."""
    try:
        secrets = claim.get_or_create(path, registry, body)
        got = send.send(
            body, media_type(body), registry, secrets, lambda text: terminal.say(*clean_lines(text))
        )
    except (OSError, ValueError, send.SendError) as error:
        return not_sent(path, registry, str(error), terminal)
    except KeyboardInterrupt:
        return not_sent(path, registry, "interrupted", terminal)
    terminal.say(*lines(got))
    _remember(path, secrets, got, terminal)
    return Outcome(path, sent=True, registry=registry, id=got["id"], url=got.get("url"), answer=got)


def not_sent(path: str, registry: Optional[str], cause: str, terminal: Terminal) -> Outcome:
    """Say that a saved report was not sent, why, where it is, and how to send it."""
    retry = retry_command(path, registry)
    lines = clean_lines(cause)
    terminal.complain("Not sent: " + lines[0], *lines[1:])
    terminal.complain("The report is in %s" % path, "To send it:  %s" % retry)
    return Outcome(path, registry=registry, cause="\n".join(lines), retry=retry)


def media_type(body: bytes) -> str:
    """An envelope goes as JSON, anything else as text: the registry says what is wrong with
    either.
    """
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return TEXT_TYPE
    return MEDIA_TYPE if isinstance(value, dict) and "report_version" in value else TEXT_TYPE


def retry_command(path: str, registry: Optional[str]) -> str:
    """The command that sends the file, called the way this program was called."""
    words = [*_own_command(), "send", path]
    return (
        " ".join(map(shlex.quote, words))
        + " --registry "
        + (shlex.quote(registry) if registry else "URL")
    )


def _own_command() -> List[str]:
    program, python = sys.argv[0], _callable_name(sys.executable)
    name = Path(program).name
    if name == "__main__.py":
        return [python, "-m", "crr_submit"]
    if name.endswith((".pyz", ".py")):
        return [python, program]
    return [_callable_name(program)]


def _callable_name(program: str) -> str:
    """The plain name where the shell finds the same program by it, else the path."""
    name = Path(program).name
    found = shutil.which(name)
    return name if found and Path(found).resolve() == Path(program).resolve() else program


def _remember(path: str, secrets: claim.Claim, got: Dict[str, Any], terminal: Terminal) -> None:
    """The report is there whatever happens now, so a full disk is only worth a line."""
    try:
        claim.remember(path, secrets, got)
    except (OSError, ValueError) as error:
        terminal.complain("Could not note the report's address: %s" % error)
    kept = claim.path_of(path)
    terminal.say("Keep %s private: with it you can edit or withdraw the report." % kept)


def lines(answer: Mapping[str, Any]) -> List[str]:
    """What to print after sending; every text of the registry is cleaned."""
    found = ["Sent: %s" % clean(answer.get("url") or answer["id"])]
    status = answer.get("status")
    if status == "received":
        found.append("The registry has stored the report and will read it soon.")
    elif status:
        found.append("Status: %s" % clean(status))
    told = {"Standing": standing(answer.get("standing"))}
    told.update(
        (key.capitalize(), texts(answer.get(key))) for key in ("advice", "flags", "warnings")
    )
    for title, rows in told.items():
        if rows:
            found += ["%s:" % title] + ["  " + row for row in rows]
    return found


def standing(value: Any) -> List[str]:
    """`TCP_CRR, 1 stream, same cpu: 24,000 trans/s; faster than 2 of 3 other machines`."""
    try:
        others = value["n_machines"]
        place = (
            "first of its kind here"
            if others == 0
            else "faster than %d of %d others" % (value["below"], others)
        )
        streams = "1 stream" if value["streams"] == 1 else "%d streams" % value["streams"]
        where = clean(value["placement"] or "placement unknown").replace("_", " ")
        rate = "{:,.0f} {}".format(value["rate"], clean(value["unit"]))
        return ["%s, %s, %s: %s; %s" % (clean(value["test"]), streams, where, rate, place)]
    except (KeyError, TypeError, ValueError):
        return texts(value)


def texts(value: Any) -> List[str]:
    """Lines of a text, a list or an object; an object that has a text or message is printed as
    that.
    """
    if value is None or value == "" or value == [] or value == {}:
        return []
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    if not isinstance(value, dict):
        return [clean(value)]
    for key in ("text", "message"):
        if isinstance(value.get(key), str):
            return [clean(value[key])]
    return [
        "%s: %s" % (clean(key), ", ".join(texts(item)))
        for key, item in value.items()
        if texts(item)
    ]
