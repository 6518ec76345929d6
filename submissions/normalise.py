"""From what netperf says to comparable runs: recipe, system, value. No Django, no database.

A run of N streams is the sum of its N outputs. Raw text, and an output that holds several tests,
gives one run a result. Recipe and system are plain dictionaries in the columns of
`registry.models.factors`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crr_submit.netperf import Result
from registry.vocabulary import kernels, virtualization
from submissions.parsing import Parsed, ParsedRun

_LOOPBACK_BANNER = re.compile(r"\bto (?:localhost|ip6-localhost|127\.\d+\.\d+\.\d+|::1)\b")
_ANY_BANNER = re.compile(r"\bTEST\b.* to \S+")
_PINNED = re.compile(r"\bnetperf\b.*?\s-T\s*(\d+)\s*,\s*(\d+)")
_COUNT_MODE = re.compile(r"\s-l\s*-\d")
_TIMING = {
    "burst": re.compile(r"\s-b\s*\d"),
    "confidence": re.compile(r"\s-[iI]\s*\d"),
    "cpu": re.compile(r"\s-[cC](?:\s|$)"),
    "demo": re.compile(r"\s-D(?:\s|\d|$)"),
    "latency": re.compile(r"\s-j(?:\s|$)"),
}
_SOCKET = re.compile(r"\s(-[sS])\s*(\S+)")


@dataclass(frozen=True)
class NormalisedRun:
    """One run as facts: where it stands in the report, what it was, what it gave."""

    run_index: int
    position: int
    recipe: dict[str, Any]
    system: dict[str, Any]
    value: float
    part: str = "figure"
    bound: str = "exact"
    started_at: str | None = None
    telemetry: dict[str, Any] | None = None


@dataclass(frozen=True)
class Normalised:
    runs: tuple[NormalisedRun, ...]
    warnings: tuple[str, ...] = field(default=())


def normalise(parsed: Parsed, envelope: Mapping[str, Any] | None, imported: bool) -> Normalised:
    """Runs of a parsed report. `envelope` is the redacted one, None for raw text."""
    environment = (envelope or {}).get("environment") or {}
    arms = _arm_values((envelope or {}).get("experiment"))
    source = "imported" if imported else "plan" if envelope else "pasted"
    runs: list[NormalisedRun] = []
    warnings: list[str] = []
    for index, run in enumerate(parsed.runs):
        system = system_of(environment, arms.get(index))
        runs += _runs(index, run, system, source, index in arms)
        warnings += _run_warnings(index, run)
    return Normalised(tuple(runs), tuple(warnings))


def _runs(
    index: int, run: ParsedRun, system: dict[str, Any], source: str, is_arm: bool
) -> Iterator[NormalisedRun]:
    streams = [output.results for output in run.outputs]
    more: dict[str, Any] = {
        "started_at": run.settings.get("started_at"),
        "telemetry": run.settings.get("telemetry"),
    }
    if _is_one_run(streams):
        results = [stream[0] for stream in streams if stream]
        recipe = recipe_of(results[0], run.settings, len(streams), source, _text_hints(run))
        total = sum(result.value for result in results)
        part = _part(run, len(results), is_arm)
        yield NormalisedRun(index, 0, recipe, system, total, part, **more)
        return
    part = "warm_up" if run.settings.get("warm_up") else "arm" if is_arm else "figure"
    for position, result in enumerate(result for stream in streams for result in stream):
        recipe = recipe_of(result, run.settings, 1, source, _text_hints(run))
        yield NormalisedRun(index, position, recipe, system, result.value, part, **more)


def _is_one_run(streams: list[tuple[Result, ...]]) -> bool:
    """Every output holds at most one result, and all results are of one test and unit."""
    tests = {(result.test, result.unit) for stream in streams for result in stream}
    return len(tests) == 1 and all(len(stream) <= 1 for stream in streams)


def _part(run: ParsedRun, n_results: int, is_arm: bool) -> str:
    if run.settings.get("warm_up"):
        return "warm_up"
    expected = run.settings.get("streams") or len(run.outputs)
    if run.settings.get("partial") or n_results != expected:
        return "partial"
    return "arm" if is_arm else "figure"


def _run_warnings(index: int, run: ParsedRun) -> Iterator[str]:
    streams = run.settings.get("streams")
    if streams and streams != len(run.outputs):
        yield f"runs[{index}]: {streams} streams but {len(run.outputs)} outputs, not a figure"
    for number, output in enumerate(run.outputs):
        if not output.results:
            yield f"runs[{index}].outputs[{number}]: no result in it"


def recipe_of(
    result: Result, settings: Mapping[str, Any], streams: int, source: str, hints: Mapping[str, Any]
) -> dict[str, Any]:
    """The recipe key of measuring.md, from the result, the envelope's run and the text itself."""
    command = settings.get("command") or ""
    return {
        "test": result.test,
        "unit": result.unit,
        "topology": settings.get("topology") or hints["topology"],
        "address_family": result.address_family,
        "streams": settings.get("streams") or streams,
        "placement": settings.get("placement") if settings else hints["placement"],
        "request_size_bytes": result.request_size_bytes,
        "response_size_bytes": result.response_size_bytes,
        "message_size_bytes": result.message_size_bytes,
        "socket_options": " ".join(flag + size for flag, size in _SOCKET.findall(command))[:64]
        or None,
        "netperf_generation": _generation(settings.get("tool_version"), result.migrated),
        "timing_options": ",".join(name for name, seen in _TIMING.items() if seen.search(command)),
        "duration_class": _duration_class(command, result.elapsed_time_s),
        "far_end": None,
        "source": source,
    }


def _text_hints(run: ParsedRun) -> dict[str, Any]:
    """What raw text says of its own recipe: its banners name the far end, its command lines a
    pinning.
    """
    text = run.text
    banners = _ANY_BANNER.findall(text)
    loopback = bool(banners) and all(_LOOPBACK_BANNER.search(banner) for banner in banners)
    pinned = _PINNED.search(text)
    placement = "unpinned"
    if pinned:
        placement = "same_cpu" if pinned[1] == pinned[2] else "cross_cpu"
    return {"topology": "loopback" if loopback else None, "placement": placement}


def _generation(version: str | None, migrated: bool | None) -> str | None:
    """netperf 2.5 made every test run through its omni code, which times other things than the
    code before.
    """
    numbers = (version or "").split(".")
    if len(numbers) >= 2 and numbers[0].isdigit() and numbers[1].isdigit():
        return "omni" if (int(numbers[0]), int(numbers[1])) >= (2, 5) else "bsd"
    return {True: "omni", False: "bsd", None: None}[migrated]


def _duration_class(command: str, elapsed_time_s: float | None) -> str | None:
    if _COUNT_MODE.search(command):
        return "count"
    if elapsed_time_s is None:
        return None
    return "short" if elapsed_time_s < 1.9 else "normal" if elapsed_time_s <= 21 else "long"


def system_of(environment: Mapping[str, Any], arm: tuple[str, str] | None) -> dict[str, Any]:
    """The factors of a run: the environment, overlaid with the arm's value."""
    kernel = environment.get("kernel") or {}
    virtual = environment.get("virtualization") or {}
    cloud = environment.get("cloud") or {}
    cpu = environment.get("cpu") or {}
    os = _os_name(environment.get("os") or {})
    system: dict[str, Any] = {
        "virtualization": virtualization.canonical(virtual.get("type")),
        "virtualization_mode": virtual.get("mode"),
        "hypervisor_version": virtual.get("version"),
        "container": virtual.get("container"),
        "kernel_release": kernel.get("release"),
        "kernel_series": kernels.series(kernel.get("release"), os),
        "os": os,
        "provider": cloud.get("provider"),
        "instance_type": cloud.get("instance_type"),
        "cpu_model": cpu.get("model"),
        "cpus": cpu.get("online"),
        "nic_driver": (environment.get("nic") or {}).get("driver"),
        "clocksource": environment.get("clocksource"),
        "settings": dict(environment.get("tuning") or {}),
    }
    if arm:
        factor, value = arm
        if factor in system and factor != "settings":
            system[factor] = value
        else:
            system["settings"][factor] = value
    return system


def _os_name(os: Mapping[str, Any]) -> str | None:
    return " ".join(part for part in (os.get("id"), os.get("version_id")) if part) or None


def _arm_values(experiment: Mapping[str, Any] | None) -> dict[int, tuple[str, str]]:
    """Run index → (factor, value) for the runs of an experiment's arms."""
    if not experiment or not experiment.get("factor"):
        return {}
    return {
        index: (experiment["factor"], str(arm.get("value")))
        for arm in experiment.get("arms") or []
        for index in arm.get("runs") or []
    }
