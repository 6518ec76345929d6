"""From what netperf says to comparable runs: recipe, system, value. No Django, no database.

A run of N streams is the sum of its N outputs: over the time in which all of them ran, where their
interim results tell it, else of what each says of its own time. Raw text, and an output that holds
several tests, gives one run a result. Recipe and system are plain dictionaries in the columns of
`registry.models.factors`.
"""

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crr_submit.fields import TRANSACTION_UNIT
from crr_submit.netperf import LEAST_SHARE, Result, Together, together
from registry.evidence import mechanisms
from registry.vocabulary import platform
from registry.vocabulary.factors import is_setting
from submissions.command import read_command
from submissions.parsing import Parsed, ParsedRun
from submissions.recipe import (
    SETS_BACKLOG,
    Surroundings,
    recipe_of,
    surroundings_of,
    without_backlog,
)
from submissions.system import ARM_COLUMNS, system_of

VALUE_LIMIT = 1e15
PASTED_WITH = "submit-page"  # the client of an envelope that `/submit/` puts around a text


@dataclass(frozen=True)
class Source:
    """A result that a run is made of: which output it stands in, and what is known around it."""

    output_index: int
    result: Result
    surroundings: Surroundings


@dataclass(frozen=True)
class NormalisedRun:
    """One run as facts: where it stands in the report, what it was, what it gave. `sources` are the
    results it sums, none where a person wrote the figure down.
    """

    run_index: int
    position: int
    recipe: dict[str, Any]
    system: dict[str, Any]
    value: float
    part: str = "figure"
    bound: str = "exact"
    started_at: str | None = None
    telemetry: dict[str, Any] | None = None
    sources: tuple[Source, ...] = ()

    @property
    def moved(self) -> list[str]:
        """Names of the counters that rose during it."""
        times = [each.result.elapsed_time_s for each in self.sources]
        known = [time for time in times if time is not None]
        n_transactions = self.value * statistics.median(known) if known else None
        test, placement = self.recipe["test"], self.recipe["placement"]
        return mechanisms.moved(self.telemetry, test, n_transactions, placement)


@dataclass(frozen=True)
class Normalised:
    runs: tuple[NormalisedRun, ...]
    warnings: tuple[str, ...] = field(default=())


def normalise(parsed: Parsed, envelope: Mapping[str, Any] | None, imported: bool) -> Normalised:
    """Runs of a parsed report. `envelope` is the redacted one, None for raw text."""
    environment = (envelope or {}).get("environment") or {}
    experiment = (envelope or {}).get("experiment")
    arms = _arm_values(experiment)
    source = "imported" if imported else _source(envelope)
    runs: list[NormalisedRun] = []
    found = platform.decide(environment)
    systems = {arm: system_of(environment, arm, found) for arm in {None, *arms.values()}}
    warnings = [*found.warnings, *_factor_warnings(experiment)]
    recipes = _Recipes(source, (experiment or {}).get("factor"))
    for index, run in enumerate(parsed.runs):
        runs += _runs(index, run, systems[arms.get(index)], recipes, index in arms)
        warnings += _run_warnings(index, run)
    return Normalised(tuple(runs), tuple(warnings))


def _source(envelope: Mapping[str, Any] | None) -> str:
    """What somebody pasted stays pasted with an envelope around it: nobody measured by our plan."""
    client = (envelope or {}).get("client") or {}
    return "plan" if envelope and client.get("name") != PASTED_WITH else "pasted"


class _Recipes:
    """The recipes of a report: runs of the same recipe share one object. `tried` is the factor of
    its experiment.
    """

    def __init__(self, source: str, tried: str | None) -> None:
        self._source, self._tried = source, tried
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def of(self, run: ParsedRun, first: Source, streams: int) -> dict[str, Any]:
        found = recipe_of(first.result, run.settings, streams, self._source, first.surroundings)
        if self._tried in SETS_BACKLOG:
            found["socket_options"] = without_backlog(found["socket_options"])
        return self._known.setdefault(tuple(found.values()), found)


def _runs(
    index: int, run: ParsedRun, system: dict[str, Any], recipes: _Recipes, is_arm: bool
) -> Iterator[NormalisedRun]:
    streams = [output.results for output in run.outputs]
    more: dict[str, Any] = {
        "started_at": run.settings.get("started_at"),
        "telemetry": run.settings.get("telemetry"),
    }
    placed = tuple(_placed(run))
    if _is_one_run(streams):
        recipe = recipes.of(run, placed[0], len(streams))
        common = _together(run)
        own = sum(each.result.value for each in placed)
        part = "partial" if _is_short(common) else _part(run, len(placed), is_arm)
        total = own if common is None or _is_short(common) else common.rate
        if own < VALUE_LIMIT:
            yield NormalisedRun(index, 0, recipe, system, total, part, sources=placed, **more)
        return
    part = _part(run, 1, is_arm)
    for position, each in enumerate(placed):
        recipe, value = recipes.of(run, each, 1), each.result.value
        yield NormalisedRun(index, position, recipe, system, value, part, sources=(each,), **more)


def _placed(run: ParsedRun) -> Iterator[Source]:
    """Each result with what stands above it, back to the result before. Reads each line once."""
    line = run.settings.get("command")
    given = read_command(line) if line else None
    for index, (text, output) in enumerate(zip(run.texts, run.outputs, strict=True)):
        lines = _lines(text)
        above = 0
        for result in output.results:
            yield Source(index, result, surroundings_of(lines[above : result.line], given))
            above = max(above, result.line)


def _lines(text: str) -> list[str]:
    """Lines as the parser counts them: a form feed ends none."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _is_one_run(streams: list[tuple[Result, ...]]) -> bool:
    """Every output holds at most one result, and all results are of one test and unit."""
    tests = {(result.test, result.unit) for stream in streams for result in stream}
    return len(tests) == 1 and all(len(stream) <= 1 for stream in streams)


def _part(run: ParsedRun, n_results: int, is_arm: bool) -> str:
    """What the results of a run may be used for: a figure has one output and result a stream."""
    if run.settings.get("warm_up"):
        return "warm_up"
    streams = run.settings.get("streams") or len(run.outputs)
    if run.settings.get("partial") or not streams == len(run.outputs) == n_results:
        return "partial"
    return "arm" if is_arm else "figure"


def _together(run: ParsedRun) -> Together | None:
    """Of transactions only: interim results of other tests are in bits."""
    units = {result.unit for output in run.outputs for result in output.results}
    return together(run.texts) if units == {TRANSACTION_UNIT} else None


def _is_short(found: Together | None) -> bool:
    return found is not None and found.share < LEAST_SHARE


def _run_warnings(index: int, run: ParsedRun) -> Iterator[str]:
    streams = run.settings.get("streams")
    if streams and streams != len(run.outputs):
        yield f"runs[{index}]: {streams} streams but {len(run.outputs)} outputs, not a figure"
    for number, output in enumerate(run.outputs):
        if not output.results:
            yield f"runs[{index}].outputs[{number}]: no result in it"
    found = _together(run)
    if found and _is_short(found):
        yield (
            f"runs[{index}]: its streams ran together for {100 * found.share:.0f} % of their time"
            ", not a figure"
        )
    results = [output.results for output in run.outputs]
    total = sum(result.value for output in results for result in output)
    if _is_one_run(results) and total >= VALUE_LIMIT:
        yield f"runs[{index}]: its streams add up to {VALUE_LIMIT:g} or more, not a figure"


def _arm_values(experiment: Mapping[str, Any] | None) -> dict[int, tuple[str, str | None]]:
    """Run index → (factor, value) for the runs of an experiment's arms."""
    if not experiment or not experiment.get("factor"):
        return {}
    return {
        index: (experiment["factor"], arm.get("value"))
        for arm in experiment.get("arms") or []
        for index in arm.get("runs") or []
    }


def _factor_warnings(experiment: Mapping[str, Any] | None) -> Iterator[str]:
    factor = (experiment or {}).get("factor")
    if factor and factor not in ARM_COLUMNS and not is_setting(factor):
        yield "experiment.factor: no factor of the vocabulary, its arms are not told apart"
