"""The command that measures a recipe again, for whoever doubts a figure or wants to add a machine.

Where a recipe cannot be had by one command (an import leaves things out, a burst or a confidence
level is not stored) there is none: a command that measures something else would be worse. Texts of
senders are in recipes, and the command is made to be copied into a shell: only what is known to be
harmless gets into it.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crr_submit.app_output import GENERATORS, LISTENERS, OWN, TESTS
from registry.models import Recipe

Fields = Mapping[str, Any]

PLAN_TESTS = ("TCP_CRR", "TCP_RR")
LONGEST_S = 600  # crr-submit's own limit
COMMANDS_SHOWN = 4
FAR_HOST = "HOST"
# A run of a class of lengths, in seconds: any of them is of the same recipe.
_LENGTHS_S = {"short": 1.0, "normal": 5.0, "long": 30.0}
_TEST = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_SOCKETS = re.compile(r"-[sS][0-9]{1,12}[kKmMgG]?(?:,[0-9]{1,12}[kKmMgG]?)?", re.ASCII)
_SERVER = re.compile(rf"backlog=([0-9]{{1,5}}) listeners=({'|'.join(LISTENERS)})", re.ASCII)
_LOAD = re.compile(rf"generator=({'|'.join(GENERATORS)}),servers=([0-9]{{1,5}})", re.ASCII)
_TIMING = {"cpu": ("-c", "-C"), "latency": ("-j",), "demo": ("-D", "0.5")}
_PLACED = {"unpinned": (), "same_cpu": ("-T", "0,0"), "cross_cpu": ("-T", "0,1")}


@dataclass(frozen=True)
class Repeat:
    """`note` says what the command leaves to the reader; empty where it is all."""

    command: str
    note: str


def repeats(measured: Iterable[tuple[Fields, float | None]], registry: str) -> list[Repeat]:
    """Commands for the recipes of one report, the first one first, each with the median length of
    its runs in seconds; `registry` is the address of this site.
    """
    rows = [(fields, elapsed_s) for fields, elapsed_s in measured if elapsed_s]
    planned = [row for row in rows if row[0].get("source") == Recipe.Source.PLAN]
    found = [_of_plan(planned, registry)]
    found += [_of_application(fields, registry) for fields, _ in planned]
    found += [
        _of_netperf(fields, elapsed_s)
        for fields, elapsed_s in rows
        if fields.get("source") == Recipe.Source.PASTED
    ]
    return list(dict.fromkeys(each for each in found if each))[:COMMANDS_SHOWN]


def command_of(fields: Fields, registry: str) -> str | None:
    """The one command that measures a recipe on one more machine; None where there is none."""
    elapsed_s = _LENGTHS_S.get(fields.get("duration_class") or "")
    found = repeats([(fields, elapsed_s)], registry)
    return found[0].command if found else None


def _of_plan(rows: Sequence[tuple[Fields, float | None]], registry: str) -> Repeat | None:
    """One call of crr-submit measures every arm of its plan that a report has."""
    arms = [(fields, elapsed_s) for fields, elapsed_s in rows if _is_arm(fields)]
    if not arms:
        return None
    topology, length_s = arms[0][0]["topology"], round(arms[0][1] or 0)
    streams = {fields["streams"] for fields, _ in arms if fields["topology"] == topology}
    if not 1 <= length_s <= LONGEST_S:
        return None
    command = ["crr-submit", "--registry", registry]
    command += ["--streams", ",".join(map(str, sorted(streams))), "--duration", str(length_s)]
    if topology == "loopback":
        return Repeat(shlex.join(command), "")
    command += ["--host", FAR_HOST, "--topology", topology]
    return Repeat(shlex.join(command), f"{FAR_HOST} is the address of the other host.")


def _is_arm(fields: Fields) -> bool:
    """Whether crr-submit's plan has it: a single stream on one CPU or unpinned, more unpinned."""
    placements = ("same_cpu", "unpinned") if fields.get("streams") == 1 else ("unpinned",)
    return (
        fields.get("test") in PLAN_TESTS
        and bool(fields.get("streams"))
        and fields.get("topology") is not None
        and fields.get("placement") in placements
        and fields.get("duration_class") in ("short", "normal", "long")
    )


def _of_application(fields: Fields, registry: str) -> Repeat | None:
    server = _SERVER.fullmatch(fields.get("socket_options") or "")
    load = _LOAD.fullmatch(fields.get("timing_options") or "")
    if fields.get("test") not in TESTS or not server or not load:
        return None
    generator = "own" if load[1] == OWN else load[1]
    command = ["crr-submit", "app", "--registry", registry]
    command += ["--concurrency", str(fields["streams"]), "--backlog", server[1]]
    command += ["--listeners", server[2], "--workers", load[2], "--generator", generator]
    return Repeat(shlex.join(command), "")


def _of_netperf(fields: Fields, elapsed_s: float | None) -> Repeat | None:
    """netperf's own command line, as many at once as there are streams."""
    timing = set(filter(None, (fields.get("timing_options") or "").split(",")))
    sockets = (fields.get("socket_options") or "").split()
    is_known = (
        _TEST.fullmatch(fields.get("test") or "")
        and fields["test"] not in TESTS
        and fields.get("placement") in _PLACED
        and fields.get("streams")
        and fields.get("duration_class") in ("short", "normal", "long")
        and timing <= _TIMING.keys()
        and all(_SOCKETS.fullmatch(option) for option in sockets)
    )
    if not is_known or elapsed_s is None:
        return None
    command = shlex.join([*_own_options(fields, timing, elapsed_s), *_test_options(fields)])
    streams = fields["streams"]
    if streams > 1:
        command = f"for n in $(seq {int(streams)}); do {command} & done; wait"
    return Repeat(command, _netperf_note(fields))


def _own_options(fields: Fields, timing: set[str], elapsed_s: float) -> list[str]:
    is_inet6 = fields.get("address_family") == "inet6"
    loopback = "::1" if is_inet6 else "127.0.0.1"
    host = loopback if fields.get("topology") == "loopback" else FAR_HOST
    return [
        *("netperf", "-t", fields["test"], "-H", host),
        *(["-6"] if is_inet6 else []),
        *("-l", str(max(1, round(elapsed_s)))),
        *_PLACED[fields["placement"]],
        *(option for name in sorted(timing) for option in _TIMING[name]),
    ]


def _test_options(fields: Fields) -> list[str]:
    request, response = fields.get("request_size_bytes"), fields.get("response_size_bytes")
    message = fields.get("message_size_bytes")
    options = [] if request is None or response is None else ["-r", f"{request},{response}"]
    options += [] if message is None else ["-m", str(message)]
    options += (fields.get("socket_options") or "").split()
    return ["--", *options] if options else []


def _netperf_note(fields: Fields) -> str:
    parts = [
        ""
        if fields.get("topology") == "loopback"
        else f"{FAR_HOST} is the address of the host that runs netserver.",
        "With netperf 2.4 or older." if fields.get("netperf_generation") == "bsd" else "",
        "What it prints can be sent at /submit/, its command line above it.",
    ]
    return " ".join(part for part in parts if part)
