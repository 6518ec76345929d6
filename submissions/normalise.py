"""From what netperf says to comparable runs: recipe, system, value. No Django, no database.

A run of N streams is the sum of its N outputs. Raw text, and an output that holds several tests,
gives one run a result. Recipe and system are plain dictionaries in the columns of
`registry.models.factors`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crr_submit.netperf import Result
from registry.vocabulary import kernels, virtualization
from registry.vocabulary.factors import is_setting
from submissions.command import last_command, read_command
from submissions.parsing import Parsed, ParsedRun

_FAR_END = re.compile(r"\bTEST\b.{0,200} to (\S+)")
_LOOPBACK = re.compile(r"(?:localhost[46]?|ip6-localhost|127\.\d+\.\d+\.\d+|::1)\Z")
OS_LENGTH = 128
VALUE_LIMIT = 1e15
# Experiment factors that are columns of a system, under their column's name.
_ARM_COLUMNS = {
    "xen.mode": "virtualization_mode",
    "kernel": "kernel_release",
    "hypervisor": "virtualization",
    "clocksource": "clocksource",
}


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
class Surroundings:
    """What stands above a result in its text: the last netperf command, and the topology."""

    command: str
    topology: str | None


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
    placed = list(_placed(run))
    if _is_one_run(streams):
        result, surroundings = placed[0]
        recipe = recipe_of(result, run.settings, len(streams), source, surroundings)
        total = sum(result.value for result, _ in placed)
        part = _part(run, len(placed), is_arm)
        if total < VALUE_LIMIT:
            yield NormalisedRun(index, 0, recipe, system, total, part, **more)
        return
    part = _part(run, 1, is_arm) if run.settings else "figure"
    for position, (result, surroundings) in enumerate(placed):
        recipe = recipe_of(result, run.settings, 1, source, surroundings)
        yield NormalisedRun(index, position, recipe, system, result.value, part, **more)


def _placed(run: ParsedRun) -> Iterator[tuple[Result, Surroundings]]:
    """Each result with what stands above it, back to the result before. Reads each line once."""
    for text, output in zip(run.texts, run.outputs, strict=True):
        lines = text.splitlines()
        above = 0
        for result in output.results:
            yield result, surroundings_of(lines[above : result.line])
            above = max(above, result.line)


def surroundings_of(lines: Sequence[str]) -> Surroundings:
    """What a text says of a result's recipe: its command, and where its banners point."""
    far_ends = [found[1] for line in lines if (found := _FAR_END.search(line))]
    is_loopback = bool(far_ends) and all(_LOOPBACK.match(far_end) for far_end in far_ends)
    return Surroundings(last_command(lines), "loopback" if is_loopback else None)


def _is_one_run(streams: list[tuple[Result, ...]]) -> bool:
    """Every output holds at most one result, and all results are of one test and unit."""
    tests = {(result.test, result.unit) for stream in streams for result in stream}
    return len(tests) == 1 and all(len(stream) <= 1 for stream in streams)


def _part(run: ParsedRun, n_results: int, is_arm: bool) -> str:
    """What the results of a run may be used for; `n_results` should be its number of streams."""
    if run.settings.get("warm_up"):
        return "warm_up"
    expected = run.settings.get("streams") or (len(run.outputs) if n_results != 1 else 1)
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
    if sum(result.value for output in run.outputs for result in output.results) >= VALUE_LIMIT:
        yield f"runs[{index}]: its streams add up to {VALUE_LIMIT:g} or more, not a figure"


def recipe_of(
    result: Result,
    settings: Mapping[str, Any],
    streams: int,
    source: str,
    surroundings: Surroundings,
) -> dict[str, Any]:
    """The recipe key of measuring.md, from the result, the envelope's run and the text itself."""
    command = read_command(settings.get("command") or surroundings.command)
    return {
        "test": result.test,
        "unit": result.unit,
        "topology": settings.get("topology") or surroundings.topology,
        "address_family": result.address_family,
        "streams": settings.get("streams") or streams,
        "placement": settings.get("placement") if settings else command.placement,
        "request_size_bytes": result.request_size_bytes,
        "response_size_bytes": result.response_size_bytes,
        "message_size_bytes": result.message_size_bytes,
        "socket_options": command.socket_options,
        "netperf_generation": _generation(settings.get("tool_version"), result.migrated),
        "timing_options": ",".join(sorted(command.timing | _shown_timing(result))),
        "duration_class": _duration_class(command.is_count_mode, result.elapsed_time_s),
        "far_end": None,
        "source": source,
    }


def _shown_timing(result: Result) -> set[str]:
    """Timing options that the result itself gives away, where its text shows no command."""
    shown = set()
    if result.local_cpu_percent is not None or result.remote_cpu_percent is not None:
        shown.add("cpu")
    if result.p99_latency_us is not None or result.stddev_latency_us is not None:
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
        "settings": _settings(environment.get("tuning") or {}),
    }
    if arm:
        _overlay(system, *arm)
    return system


def _settings(tuning: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are factors; readings such as a rule count would part like from like."""
    return {name: value for name, value in tuning.items() if is_setting(name)}


def _overlay(system: dict[str, Any], factor: str, value: str) -> None:
    """The arm's value over the environment's."""
    column = _ARM_COLUMNS.get(factor)
    if column is None:
        system["settings"][factor] = value
        return
    system[column] = virtualization.canonical(value) if column == "virtualization" else value
    if column == "kernel_release":
        system["kernel_series"] = kernels.series(value, system["os"])


def _os_name(os: Mapping[str, Any]) -> str | None:
    return (
        " ".join(part for part in (os.get("id"), os.get("version_id")) if part)[:OS_LENGTH] or None
    )


def _arm_values(experiment: Mapping[str, Any] | None) -> dict[int, tuple[str, str]]:
    """Run index → (factor, value) for the runs of an experiment's arms."""
    if not experiment or not experiment.get("factor"):
        return {}
    return {
        index: (experiment["factor"], str(arm.get("value")))
        for arm in experiment.get("arms") or []
        for index in arm.get("runs") or []
    }
