"""The recipe of a result, the key of measuring.md: what must match before two runs are compared. No
Django.

It comes from the envelope's run where there is one, from the command and the banners above the
result, and from what the result itself gives away.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crr_submit import app_output
from crr_submit.app_output import AppOutput
from crr_submit.netperf import Result
from submissions.command import NOTHING_ASKED, Command, commands_in, read_command
from submissions.system import system_of

_FAR_END = re.compile(r"\bTEST\b.{0,200} to (\S+)")
_LOOPBACK = re.compile(
    r"(?:localhost[46]?(?:\.localdomain[46]?)?|ip6-(?:localhost|loopback)"
    r"|(?:::ffff:)?127\.\d+\.\d+\.\d+|::1)\Z",
    re.IGNORECASE,
)
_KEYBOARD_END = "^C"
FAR_END_LENGTH = 64
# Factors that decide how long the queue of a listening socket may get.
SETS_BACKLOG = ("listen_backlog", "net.core.somaxconn")
# netperf prints these when it timed each transaction: with -j, or because one was asked for.
# A mean alone can be computed from the rate.
_TIMED_EACH = (
    "min_latency_us",
    "max_latency_us",
    "p50_latency_us",
    "p90_latency_us",
    "p99_latency_us",
    "stddev_latency_us",
)


@dataclass(frozen=True)
class Surroundings:
    """What is known around a result: the command that made it, and the topology of its banners;
    `application` is the block of `crr-submit app` that the result stands in.
    """

    command: Command
    topology: str | None
    application: AppOutput | None = None


def surroundings_of(lines: Sequence[str], given: Command | None) -> Surroundings:
    """What the lines above a result say; the command `given` by an envelope overrules theirs."""
    application = app_output.read("\n".join(lines))
    if application:
        return Surroundings(Command(), "loopback", application)
    far_ends = [found[1] for line in lines if (found := _FAR_END.search(line))]
    is_loopback = bool(far_ends) and all(_LOOPBACK.match(far_end) for far_end in far_ends)
    command = given or _command_above(lines)
    return Surroundings(command, "loopback" if is_loopback else None)


def _command_above(lines: Sequence[str]) -> Command:
    """The last command. It is not held to what it asks for when the run was ended from the
    keyboard, or when several commands stand above one result: any of them may have made it.
    """
    found = commands_in(lines)
    command = read_command(found[-1] if found else "")
    if len(found) > 1 or any(_KEYBOARD_END in line for line in lines):
        return replace(command, asked=replace(NOTHING_ASKED, is_shown=True))
    return command


def recipe_of(
    result: Result,
    settings: Mapping[str, Any],
    streams: int,
    source: str,
    surroundings: Surroundings,
) -> dict[str, Any]:
    """The recipe key of measuring.md, from the result, the envelope's run and the text itself."""
    if surroundings.application:
        return _application_recipe(result, surroundings.application, source)
    command = surroundings.command
    topology = settings.get("topology") or surroundings.topology
    return {
        "test": result.test,
        "unit": result.unit,
        "topology": topology,
        "address_family": result.address_family,
        "streams": settings.get("streams") or streams,
        "placement": _placement(settings, command, source),
        "request_size_bytes": result.request_size_bytes,
        "response_size_bytes": result.response_size_bytes,
        "message_size_bytes": result.message_size_bytes,
        "socket_options": command.socket_options,
        "netperf_generation": _generation(settings.get("tool_version"), result.migrated),
        "timing_options": ",".join(sorted(command.timing | _shown_timing(result))),
        "duration_class": _duration_class(command.is_count_mode, result.elapsed_time_s),
        "far_end": None if topology == "loopback" else _far_end(settings),
        "source": source,
    }


def _far_end(settings: Mapping[str, Any]) -> str | None:
    """The other host in a few words, which must match before two runs are compared; None when it
    is not described.
    """
    described = settings.get("remote_environment")
    if not described:
        return None
    system = system_of(described)
    cpus = system["cpus"] and f"{system['cpus']} CPUs"
    known = (system["virtualization"], system["kernel_series"], cpus, system["cpu_model"])
    return ", ".join(word for word in known if word)[:FAR_END_LENGTH] or None


def _placement(settings: Mapping[str, Any], command: Command, source: str) -> str | None:
    """A client reads it back, and says nothing where it could not; a paste has its command."""
    given: str | None = settings.get("placement")
    if settings and source != "pasted":
        return given
    return given or command.placement


def _application_recipe(result: Result, run: AppOutput, source: str) -> dict[str, Any]:
    """The recipe of `crr-submit app`: its block says all. Connections under way at once are what
    streams are to netperf; who makes the load changes what is timed.
    """
    is_timed = run.generator == app_output.WRK
    return {
        "test": result.test,
        "unit": result.unit,
        "topology": "loopback",
        "address_family": run.address_family,
        "streams": run.concurrency,
        "placement": "unpinned",
        "request_size_bytes": None,
        "response_size_bytes": None,
        "message_size_bytes": None,
        "socket_options": f"backlog={run.backlog} listeners={run.listeners}",
        "netperf_generation": None,
        "timing_options": f"generator={run.generator},servers={len(run.server_cpu_s)}",
        "duration_class": _duration_class(not is_timed, run.elapsed_time_s),
        "far_end": None,
        "source": source,
    }


def without_backlog(socket_options: str | None) -> str | None:
    """What is left of the options where the backlog is what an experiment tries: its arms are to
    have one recipe.
    """
    words = (socket_options or "").split()
    return " ".join(word for word in words if not word.startswith("backlog=")) or None


def _shown_timing(result: Result) -> set[str]:
    """Timing options that the result itself gives away, where its text shows no command."""
    shown = set()
    if result.local_cpu_percent is not None or result.remote_cpu_percent is not None:
        shown.add("cpu")
    if any(getattr(result, name) is not None for name in _TIMED_EACH):
        shown.add("latency")
    if result.netperf_confidence_level is not None:
        shown.add("confidence")
    return shown


def _generation(version: str | None, migrated: bool | None) -> str | None:
    """netperf 2.5 made every test run through its omni code, which times other things than the
    code before.
    """
    numbers = (version or "").split(".")[:2]
    if len(numbers) == 2 and all(n.isascii() and n.isdigit() and len(n) < 4 for n in numbers):
        return "omni" if (int(numbers[0]), int(numbers[1])) >= (2, 5) else "bsd"
    return {True: "omni", False: "bsd", None: None}[migrated]


def _duration_class(is_count_mode: bool, elapsed_time_s: float | None) -> str | None:
    if is_count_mode:
        return "count"
    if elapsed_time_s is None:
        return None
    return "short" if elapsed_time_s < 1.9 else "normal" if elapsed_time_s <= 21 else "long"
