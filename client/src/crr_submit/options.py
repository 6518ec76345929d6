"""The command line: what was asked, as one frozen `Options`. A mistake ends the program with exit
code 2.
"""

import argparse
import json
import os
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from crr_submit import __version__, app_output, plan
from crr_submit.app_output import AB, LISTENERS, WRK
from crr_submit.programs import FarNetserver

REGISTRY_VARIABLE = "CRR_REGISTRY"
LONGEST_S = 600
MOST_STREAMS = 1_024
MOST_REQUESTS = 10_000_000
MOST_CONCURRENT = 512
NETSERVER_PORT, LARGEST_PORT = 12_865, 65_535
TOPOLOGIES = ("same_host", "same_lan", "same_zone", "cross_zone", "wan")

_DESCRIPTION = """\
  crr-submit                       measure, show everything, ask, send
  crr-submit run -o report.json    measure only
  crr-submit send report.json      send a saved report, or netperf's own text

How many TCP connections a second can this host take? Measured with netperf's
TCP_CRR over loopback; nothing is sent before it was shown and you were asked.
"""
_EPILOG = """\
exit codes: 0 sent or done, 1 measured but not sent (the file and the command
that sends it are printed), 2 usage, 3 cannot measure. Only tune needs root.
"""


@dataclass(frozen=True)
class AppSettings:
    """What was asked of `crr-submit app`, by default as it was done in 2011. `requests` None: by
    the size of the plan; `workers` None: as many server processes as usable CPUs.
    """

    requests: Optional[int] = None
    concurrency: int = 20
    backlog: int = 128
    listeners: str = "reuseport"
    workers: Optional[int] = None
    generator: str = "auto"


@dataclass(frozen=True)
class Options:
    """`streams` is empty for the default plan; `registry` has no slash at its end. `size` is the
    scale before --duration changed it; `factor` is empty but for tune.
    """

    command: str
    registry: Optional[str]
    scale: plan.Scale
    streams: Tuple[int, ...]
    with_all_cpus: bool
    app: AppSettings
    far: Optional[FarNetserver]
    files: Tuple[str, ...] = ()
    output: Optional[str] = None
    yes: bool = False
    dry_run: bool = False
    as_json: bool = False
    redact: Tuple[str, ...] = ()
    machine_id: bool = False
    with_cloud: bool = True
    as_mail: bool = False
    as_text: bool = False
    size: plan.Scale = plan.DEFAULT
    duration_s: Optional[int] = None
    factor: str = ""
    against: Optional[str] = None


def parse(arguments: Sequence[str]) -> Options:
    """Options from the arguments after the program's name; raises SystemExit(2) on a mistake."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    try:
        address = given.get("registry") or os.environ.get(REGISTRY_VARIABLE)
        registry = registry_address(address) if address else None
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    command = given.get("command") or "submit"
    far = _far(given)
    mistake = _mistake(command, given, registry, far)
    if mistake:
        parser.error(mistake)
    streams, with_all_cpus = given.get("streams", (plan.AUTO, False))
    size, duration_s = given.get("size", plan.DEFAULT), given.get("duration_s")
    made = {
        **_of(Options, given),
        "command": command,
        "registry": registry,
        "scale": size.lasting(duration_s) if duration_s else size,
        "streams": streams,
        "with_all_cpus": with_all_cpus,
        "app": AppSettings(**_of(AppSettings, given)),
        "far": far,
    }
    return Options(**{name: _frozen(value) for name, value in made.items()})


def _of(kind: Any, given: Mapping[str, Any]) -> Dict[str, Any]:
    return {name: given[name] for name in kind.__annotations__ if name in given}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _mistake(
    command: str, given: Mapping[str, Any], registry: Optional[str], far: Optional[FarNetserver]
) -> Optional[str]:
    """What does not go together; None when all does."""

    def has(*names: str) -> bool:
        return not given.keys().isdisjoint(names)

    if command == "send" and registry is None and not has("dry_run", "as_text"):
        return "send needs --registry URL (or %s)" % REGISTRY_VARIABLE
    if command == "app" and has("duration_s", "streams"):
        return "--duration and --streams are netperf's; app takes --requests"
    if far is None and has("port", "topology", "far_end"):
        return "--port, --topology and --far-end describe the host of --host"
    if far and command not in ("submit", "run"):
        return "%s measures over loopback, not against --host" % command
    for word in given.get("redact", ()) if command == "app" else ():
        if app_output.holds(word):
            return "--redact %s would take away the figures of app; choose a longer word" % word
    return None


def _far(given: Dict[str, Any]) -> Optional[FarNetserver]:
    if "host" not in given:
        return None
    port = given.get("port", NETSERVER_PORT)
    return FarNetserver(given["host"], port, given.get("topology"), given.get("far_end"))


def far_end(path: str) -> Dict[str, Any]:
    """What `crr-submit show --json` printed on the other host, without its long maps: every run
    carries it.
    """
    try:
        environment = dict(json.loads(Path(path).read_text(encoding="utf-8"))["environment"])
        for part, long_map in (("virtualization", "signals"), ("cpu", "mitigations")):
            environment[part] = {**(environment[part] or {}), long_map: None}
        return {**environment, "tuning": None}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise argparse.ArgumentTypeError(
            "%s is not what crr-submit show --json prints on the other host (%s)" % (path, error)
        ) from error


def registry_address(text: str) -> str:
    """`https://host/prefix` without a slash at the end."""
    try:
        parts = urllib.parse.urlsplit(text)
        is_good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets or a port that no address has
        is_good = False
    if not is_good or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(
            "a registry is an address like https://registry.example, not %r" % text
        )
    return text.rstrip("/")


def stream_counts(text: str) -> Tuple[Tuple[int, ...], bool]:
    """`1,4,auto` → ((1, 4), True); `auto` alone is the default plan."""
    words = text.split(",")
    if words == ["auto"]:
        return plan.AUTO, False
    counts = tuple(_up_to(MOST_STREAMS)(word) for word in words if word != "auto")
    return counts, "auto" in words


def _up_to(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.strip().isdigit() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError("%r is not a whole number from 1 to %d" % (text, most))
        return int(text)

    return number


def _parser() -> argparse.ArgumentParser:
    # Defaults are left out everywhere, so that a flag before the command is not undone by the
    # command's own parser.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common)
    looks: Any = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "argument_default": argparse.SUPPRESS,
    }
    parser = argparse.ArgumentParser(
        prog="crr-submit",
        usage="crr-submit [COMMAND] [OPTIONS]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        parents=[common],
        **looks,
    )
    parser.add_argument("--version", action="version", version="crr-submit " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog="crr-submit")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, parents=[common], **looks)

    command("run", "measure and save, send nothing")
    send = command("send", "send saved reports or netperf's own text")
    send.add_argument(
        "files", nargs="+", metavar="FILE", help="report or netperf output; - is standard input"
    )
    send.add_argument(
        "--text",
        action="store_true",
        dest="as_text",
        help="print them for a mail or the registry's page /submit/ instead",
    )
    post = command("post", "a report as 72 columns of text for a mailing list")
    post.add_argument("files", nargs=1, metavar="ID|FILE", help="a report, here or in the registry")
    post.add_argument("--eml", action="store_true", dest="as_mail", help="as a draft message")
    _add_app(command("app", "measure a small HTTP server on loopback"))
    command("show", "print what is known of this host, send nothing")
    tune = command("tune", "a setting against its other value, put back whatever happens (root)")
    tune.add_argument("factor", metavar="FACTOR", help="such as rps.lo or clocksource")
    tune.add_argument(
        "--against", metavar="VALUE", help="the other value, where there are more than two"
    )
    return parser


def _add_app(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--requests",
        type=_up_to(MOST_REQUESTS),
        metavar="N",
        help="requests of a run (100000, quick 10000)",
    )
    add(
        "--concurrency",
        type=_up_to(MOST_CONCURRENT),
        metavar="N",
        help="requests under way at once (20)",
    )
    add(
        "--backlog",
        type=_up_to(LARGEST_PORT),
        metavar="N",
        help="of the server's listener (128)",
    )
    add(
        "--workers",
        type=_up_to(MOST_CONCURRENT),
        metavar="N",
        help="of the server (as many as CPUs)",
    )
    add("--listeners", choices=LISTENERS, help="a listener a process, or one (reuseport)")
    add("--generator", choices=("auto", AB, WRK, "own"), help="what makes the load (auto)")


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--registry", metavar="URL", help="where to send (or set %s)" % REGISTRY_VARIABLE)
    add("-o", "--output", metavar="FILE", help="where to save the report (crr-report-TIME.json)")
    add("--yes", action="store_true", help="send without showing and asking")
    add("--dry-run", action="store_true", help="everything but sending")
    add("--json", action="store_true", dest="as_json", help="one JSON object on stdout at the end")
    add(
        "--duration",
        dest="duration_s",
        type=_up_to(LONGEST_S),
        metavar="SECONDS",
        help="length of every timed run",
    )
    add(
        "--streams",
        type=stream_counts,
        metavar="1,2,4,auto",
        help="numbers of streams to measure (auto)",
    )
    add("--host", metavar="ADDRESS", help="measure against the netserver of another host")
    add("--port", type=_up_to(LARGEST_PORT), metavar="N", help="its port (%d)" % NETSERVER_PORT)
    add("--topology", choices=TOPOLOGIES, help="where that host is")
    add(
        "--far-end",
        type=far_end,
        metavar="FILE",
        help="what crr-submit show --json printed on that host",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_const", dest="size", const=plan.QUICK, help="about a minute"
    )
    size.add_argument(
        "--thorough",
        action="store_const",
        dest="size",
        const=plan.THOROUGH,
        help="ten rounds of ten seconds",
    )
    add(
        "--redact",
        action="append",
        metavar="WORD",
        help="replace this word everywhere in the report (repeatable)",
    )
    add(
        "--no-cloud",
        action="store_false",
        dest="with_cloud",
        help="do not ask the cloud's metadata service for the instance type",
    )
    add(
        "--machine-id",
        action="store_true",
        help="send a random number kept on this host: its reports then count as one vote",
    )
