"""From a file on disk to a report in a registry: secrets first, then the bytes, then what came of
it in words.

The two secrets are made before sending and kept in `<file>.claim`, for its owner alone:
`Idempotency-Key` makes a retry safe, `Claim-Token` is the right to edit or withdraw it. They belong
to one registry and one exact content.
"""

import hashlib
import json
import re
import secrets
import shlex
import shutil
import sys
import textwrap
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from crr_submit import send
from crr_submit.report import MEDIA_TYPE, save
from crr_submit.send import Claim
from crr_submit.terminal import Terminal, clean, clean_lines, counted

TEXT_TYPE = "text/plain; charset=utf-8"
TOKEN_PREFIX = "crrc_"
SECRET_BYTES = 32
COLUMNS = 80
INTERRUPTED = "interrupted"


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
        claim = claim_for(path, registry, body)
        got = send.send(
            body, media_type(body), registry, claim, lambda text: terminal.say(clean(text))
        )
    except (OSError, ValueError, send.SendError) as error:
        return not_sent(path, registry, str(error), terminal)
    except KeyboardInterrupt:
        return not_sent(path, registry, INTERRUPTED, terminal)
    sent = Outcome(path, True, registry, id=got["id"], url=got.get("url"), answer=got)
    try:
        _remember(path, claim, got, terminal)
        terminal.say(*lines(got), *_next_steps(path))
    except KeyboardInterrupt:  # it is there all the same
        return replace(sent, cause=INTERRUPTED)
    return sent


def not_sent(path: str, registry: Optional[str], cause: str, terminal: Terminal) -> Outcome:
    """Say that a saved report was not sent, why, where it is, and how to send it."""
    retry = retry_command(path, registry)
    terminal.complain(
        "Not sent: " + cause,
        "The report is in %s (send --text prints it for a mail)" % path,
        "To send it:  " + retry,
    )
    return Outcome(path, registry=registry, cause="\n".join(clean_lines(cause)), retry=retry)


def media_type(body: bytes) -> str:
    """An envelope goes as JSON, anything else as text: the registry says what is wrong with
    either.
    """
    return MEDIA_TYPE if "report_version" in send.json_object(body) else TEXT_TYPE


def retry_command(path: str, registry: Optional[str]) -> str:
    """The command that sends the file, called the way this program was called."""
    return "%s --registry %s" % (
        command_line("send", path),
        shlex.quote(registry) if registry else "URL",
    )


def command_line(*words: str) -> str:
    """The command with these arguments, as this program was called."""
    return " ".join(map(shlex.quote, [*_own_command(), *words]))


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


def _remember(path: str, claim: Claim, got: Dict[str, Any], terminal: Terminal) -> None:
    """The report is there whatever happens now, so a full disk is only worth a line."""
    try:
        keep(path, claim, got)
    except (OSError, ValueError) as error:
        terminal.complain("Could not note the report's address: %s" % error)


def _next_steps(path: str) -> List[str]:
    return [
        "Text for a mailing list:  " + command_line("post", path),
        "Keep %s private: with it you can edit or withdraw the report." % claim_path(path),
    ]


TITLES = (
    ("standing", "Where this host stands"),
    ("advice", "What limits it"),
    ("try", "What to try"),
    ("flags", "Flags"),
    ("warnings", "Warnings"),
)
NOTHING_TO_TRY = (
    "no experiment here shows yet what helps such a host: sudo crr-submit tune makes one"
)


def lines(answer: Mapping[str, Any]) -> List[str]:
    """What to print after sending; every text of the registry is cleaned."""
    found = ["Sent: %s" % clean(answer.get("url") or answer["id"])]
    if answer.get("status") == "received":
        found.append("The registry has stored the report and will read it soon.")
    elif answer.get("status"):
        reasons = texts([answer[name] for name in _REASONS if answer.get(name)])
        found.append("Status: " + "; ".join([clean(answer["status"]), *reasons]))
    told = {name: texts(answer.get(name)) for name, _ in TITLES}
    told["standing"] = standing(answer.get("standing"))
    if answer.get("standing") and answer.get("try") == []:
        told["try"] = [NOTHING_TO_TRY]
    for name, title in TITLES:
        if told[name]:
            found.append(title + ":")
            found += [line for row in _together(told[name]) for line in _wrapped(row)]
    return found


_REASONS = ("status_reason", "next_step")
_OF_A_RUN = re.compile(r"(runs\[\d+\]): (.*)\Z")


def _together(rows: Sequence[str]) -> List[str]:
    """`runs[3], runs[4]: text` where several runs have one and the same text."""
    found: Dict[str, List[str]] = {}
    for row in rows:
        run = _OF_A_RUN.match(row)
        found.setdefault(run[2] if run else row, []).extend([run[1]] if run else [])
    return [": ".join(filter(None, [", ".join(runs), text])) for text, runs in found.items()]


def _wrapped(row: str) -> List[str]:
    return textwrap.fill(row, COLUMNS, initial_indent="  ", subsequent_indent="    ").split("\n")


def standing(value: Any) -> List[str]:
    """`TCP_CRR, 1 stream, same cpu: 24,000 trans/s in 8 runs`, and among whom that is how good."""
    try:
        where = clean(value["placement"] or "placement unknown").replace("_", " ")
        kind = ", ".join([clean(value["test"]), counted(value["streams"], "stream"), where])
        rate = "{:,.0f} {}".format(value["rate"], clean(value["unit"]))
        rows = ["%s: %s in %s" % (kind, rate, counted(value["n_runs"], "run"))]
        over = clean(value["topology"] or "unknown topology").replace("_", " ")
        others, below = value["n_machines"], value["below"]
        among = "measured in the same way (%s, %s)" % (kind, over)
        if others == 0:
            return [*rows, "the first machine here that was " + among]
        text = "faster than %d of %d other machines (percentile %.0f) %s"
        return [*rows, text % (below, others, 100 * below / others, among)]
    except (KeyError, TypeError, ValueError, ArithmeticError):
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
    parts = {key: texts(item) for key, item in value.items()}
    return ["%s: %s" % (clean(key), ", ".join(found)) for key, found in parts.items() if found]


def claim_path(report_path: str) -> str:
    return report_path + ".claim"


def claim_for(report_path: str, registry: str, body: bytes) -> Claim:
    """The kept claim of this content at this registry, or a new one, on disk; raises OSError or
    ValueError.
    """
    digest = hashlib.sha256(body).hexdigest()
    claims = claims_of(report_path)
    for claim in claims:
        if (claim.registry, claim.body_sha256) == (registry, digest):
            return claim
    token = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    made = Claim(registry, digest, secrets.token_urlsafe(SECRET_BYTES), token)
    _store(report_path, [*claims, made])
    return made


def keep(report_path: str, claim: Claim, answer: Mapping[str, Any]) -> None:
    """Note beside the secrets which report they belong to; raises OSError or ValueError."""
    known = replace(claim, id=_string(answer, "id"), url=_string(answer, "url"))
    _store(report_path, [known if kept == claim else kept for kept in claims_of(report_path)])


def claims_of(report_path: str) -> List[Claim]:
    """All claims kept beside a report; raises ValueError when the file is not one of ours."""
    path = claim_path(report_path)
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["claims"]
        return [Claim(**row) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("%s is not a claim file of crr-submit (%s)" % (path, error)) from error


def _store(report_path: str, claims: List[Claim]) -> None:
    content: Dict[str, Any] = {"claims": [asdict(claim) for claim in claims]}
    save(claim_path(report_path), (json.dumps(content, indent=2) + "\n").encode("ascii"))


def _string(answer: Mapping[str, Any], name: str) -> Optional[str]:
    value = answer.get(name)
    return value if isinstance(value, str) else None
