"""Flent's data files (JSON, versions 1 to 4): the means of the netperf runs that a test started
together. No Django.

Flent runs several programs at once and keeps, for each series, the command and the mean that the
program itself gave at its end (metadata SERIES_META: COMMAND, MEAN_VALUE, ELAPSED_TIME; flent's
runners.py). Only that mean of a netperf command is netperf's result. `results` are interpolated by
flent and `raw_values` are interim readings, so neither is kept. UDP_RR is stored as the mean
round trip, 1000 / rate in ms, and is turned back. What is stored is the allow-listed part.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from crr_submit import netperf
from registry.refusal import Refused
from registry.safe_json import faults, load_object
from registry.vocabulary.factors import is_setting
from submissions.command import read_command
from submissions.importers.item import Found, Item
from submissions.importers.sources import whole
from submissions.parsing import Parsed, ParsedRun
from submissions.privacy import Scrubber

FORMAT = "flent"
FILE_LIMIT_BYTES = 32 * 1024 * 1024
SERIES_LIMIT = 256
TEXT_LENGTH = 256
MEAN_LIMIT = 1e9  # Mbit/s, trans/s or ms
COMMAND_LENGTH = 2_000

_STREAMS = ("TCP_STREAM", "TCP_MAERTS", "UDP_STREAM")
_TRANSACTIONS = ("TCP_RR", "TCP_CRR", "TCP_CC")
_BITS_PER_MEGABIT = 1e6
_MS_PER_S = 1e3
_METADATA = ("NAME", "TITLE", "TIME", "T0", "LENGTH", "FLENT_VERSION", "IP_VERSION")
_SYSTEM = ("KERNEL_RELEASE",)
_SERIES = ("COMMAND", "MEAN_VALUE", "ELAPSED_TIME", "UNITS", "RUNNER")


def items(stream: BinaryIO, place: str) -> Iterator[Found]:
    """One file is one report. Raises Refused 413."""
    yield Item(place, FORMAT, whole(stream, FILE_LIMIT_BYTES))


def kept(body: bytes) -> bytes:
    """The part of a data file that is stored, scrubbed. Raises Refused for what is no such file."""
    data = load_object(body)
    metadata = _map(data.get("metadata"))
    series = _map(metadata.get("SERIES_META"))
    if not metadata:
        raise Refused(422, "not_flent", "There is no flent metadata in the file.")
    egress = _map(metadata.get("EGRESS_INFO"))
    keep: dict[str, Any] = {
        "version": data.get("version"),
        "metadata": {name: metadata[name] for name in (*_METADATA, *_SYSTEM) if name in metadata},
        "driver": egress.get("driver"),
        "sysctls": _sysctls(_map(metadata.get("SYSCTLS"))),
        "series": {
            name: {key: entry[key] for key in _SERIES if key in entry}
            for name, entry in list(series.items())[:SERIES_LIMIT]
            if isinstance(entry, dict)
        },
        "series_without_metadata": sorted(
            name for name in _map(data.get("results")) if name not in series
        )[:SERIES_LIMIT],
    }
    wrong = list(faults(keep))
    if wrong:
        raise Refused(422, "invalid", "The file holds what is neither text nor number.", wrong)
    return json.dumps(_scrubbed(keep), ensure_ascii=False, separators=(",", ":")).encode()


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _sysctls(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in list(found.items())[:SERIES_LIMIT]
        if is_setting(name) and isinstance(value, int | str)
    }


def _scrubbed(keep: dict[str, Any]) -> Any:
    """The texts shortened and scrubbed, as the free text they are: titles, names and commands hold
    hosts.
    """
    scrubber = Scrubber()
    exact = {"KERNEL_RELEASE", "FLENT_VERSION", "TIME", "T0"}

    def clean(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {scrubber.scrub(k[:TEXT_LENGTH]): clean(k, item) for k, item in value.items()}
        if isinstance(value, list):
            return [clean(key, item) for item in value]
        if not isinstance(value, str):
            return value
        text = value[: COMMAND_LENGTH if key == "COMMAND" else TEXT_LENGTH]
        return text if key in exact else scrubber.scrub(text)

    return clean("", keep)


def parsed(body: bytes) -> tuple[Parsed, dict[str, Any]]:
    """Stored bytes as one run of all netperf series, and the environment they were taken in."""
    data = json.loads(body)
    outputs: list[netperf.ParsedReport] = []
    commands: list[str] = []
    notes: list[str] = [
        f"series {name}: no number of netperf in it" for name in data["series_without_metadata"]
    ]
    for name, series in data["series"].items():
        found = _result(series)
        if isinstance(found, str):
            notes.append(f"series {name}: {found}")
            continue
        outputs.append(netperf.ParsedReport(results=(found,)))
        commands.append(str(series["COMMAND"]))
    if notes and outputs:
        said = tuple(netperf.Warning_(0, note) for note in notes)
        outputs[0] = netperf.ParsedReport(results=outputs[0].results, warnings=said)
    elif notes:
        outputs = [netperf.ParsedReport(warnings=tuple(netperf.Warning_(0, n) for n in notes))]
    settings = _settings(data["metadata"], commands)
    run = ParsedRun(settings, tuple("" for _ in outputs), tuple(outputs))
    return Parsed((run,)), {"environment": _environment(data)}


def _result(series: Mapping[str, Any]) -> netperf.Result | str:
    """The result of one series, or why there is none."""
    command = series.get("COMMAND")
    words = command.split() if isinstance(command, str) else []
    if not words or words[0].rsplit("/", 1)[-1] != "netperf":
        return "not a run of netperf"
    test = words[words.index("-t") + 1] if "-t" in words[:-1] else "TCP_STREAM"
    mean = series.get("MEAN_VALUE")
    if not isinstance(mean, int | float) or isinstance(mean, bool) or not 0 < mean < MEAN_LIMIT:
        return "netperf gave no mean; interim values are no result"
    elapsed = series.get("ELAPSED_TIME")
    elapsed_s = float(elapsed) if isinstance(elapsed, int | float) and elapsed > 0 else None
    units = series.get("UNITS")
    if test == "UDP_RR" and units == "ms":
        return netperf.Result(test, round(_MS_PER_S / mean, 6), "trans/s", 0, elapsed_s)
    if test in _STREAMS and units == "Mbits/s":
        return netperf.Result(test, mean * _BITS_PER_MEGABIT, "bit/s", 0, elapsed_s)
    if test in _TRANSACTIONS and not units:
        return netperf.Result(test, float(mean), "trans/s", 0, elapsed_s)
    return f"{test} in {units or 'no unit'}: not known what the number means"


def _settings(metadata: Mapping[str, Any], commands: list[str]) -> dict[str, Any]:
    """What an envelope's run would say. Series start together: they are the streams of one run."""
    command = commands[0] if commands else ""
    return {
        "command": command,
        "streams": len(commands),
        "placement": read_command(command).placement,
        "started_at": _text(metadata.get("T0") or metadata.get("TIME")),
    }


def _environment(data: Mapping[str, Any]) -> dict[str, Any]:
    metadata = data["metadata"]
    return {
        "kernel": {"release": _text(metadata.get("KERNEL_RELEASE"))},
        "nic": {"driver": _text(data.get("driver"))},
        "tuning": data["sysctls"],
    }


def _text(value: Any) -> str | None:
    return value[:TEXT_LENGTH] if isinstance(value, str) and value else None
