"""Everything the page of one report says, from its active reading: sections by recipe, load of the
CPUs, environment, standing.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from registry import effects
from registry.evidence import cpu_load
from registry.evidence.cpu_load import CpuLoad
from registry.evidence.summary import Estimate, estimate
from registry.evidence.tweaks import HostEffect
from registry.leaderboard import recipe_fields
from registry.models import RawReport, Reading, Recipe, Result, Run
from registry.models.reading import Bound
from registry.models.written_once import WrittenOnce
from registry.neighbours import neighbours
from registry.pages import words
from registry.pages.beside import Beside, beside, embeds_of, platforms_of
from registry.pages.environment import Facts, facts_of
from registry.pages.numbers import as_printed, plural
from registry.repeat import Repeat, repeats
from registry.standing import HEADLINE, advice, elapsed_by_run, standing, worth_trying
from registry.twins import public_flags

RUNS_SHOWN = 200
STREAMS_SHOWN = 4
CPUS_SHOWN = 256
_LISTED = (RawReport.Status.PUBLISHED, RawReport.Visibility.PUBLIC)


@dataclass(frozen=True)
class RunLine:
    """One run of a section's table; `streams` are the figures it sums, where they are several."""

    number: int
    value: str
    bound: str
    streams: str
    note: str
    started_at: datetime | None
    elapsed_time_s: float | None
    mean_latency_us: float | None
    p99_latency_us: float | None


@dataclass(frozen=True)
class Section:
    """The runs of one recipe. `estimate` is over those that count; None when none does."""

    test: str
    unit: str
    recipe: dict[str, Any]
    load: str
    details: tuple[str, ...]
    purpose: str
    estimate: Estimate | None
    runs: tuple[RunLine, ...]
    n_more: int
    cpus: tuple[CpuLoad, ...]
    is_headline: bool
    has_elapsed: bool
    has_started: bool
    has_latency: bool
    has_notes: bool

    @property
    def length_s(self) -> float | None:
        """The median length of its runs."""
        known = [line.elapsed_time_s for line in self.runs if line.elapsed_time_s is not None]
        return statistics.median(known) if known else None


@dataclass(frozen=True)
class Tried:
    """What an experiment showed on this host; `address` asks what others showed."""

    factor: str
    change: str
    ratio: str
    blocks: str
    load: str
    address: str


@dataclass(frozen=True)
class ReportPage:
    report: RawReport
    reading: Reading | None
    sections: tuple[Section, ...]
    tried: tuple[Tried, ...]
    environment: tuple[Facts, ...]
    standing: dict[str, Any] | None
    advice: list[dict[str, Any]]
    tries: list[dict[str, Any]]
    beside: Beside | None
    platforms: list[tuple[str, str]]
    flags: list[dict[str, str]]

    @property
    def standing_load(self) -> str:
        """How the figure that is ranked among others was loaded, in words."""
        return words.load(self.standing) if self.standing else ""

    @property
    def repeats(self) -> list[Repeat]:
        """Commands that measure the same again, of the recipes that have a figure."""
        measured = ((each.recipe, each.length_s) for each in self.sections if each.estimate)
        return repeats(measured, settings.PUBLIC_URL)

    @property
    def embeds(self) -> list[tuple[str, str]]:
        """What is pasted elsewhere; nothing of a report that is in no list, or has no figure."""
        top = self.headline
        is_listed = (self.report.status, self.report.visibility) == _LISTED
        return embeds_of(self.report) if is_listed and top and top.estimate else []

    @property
    def headline(self) -> Section | None:
        """The ranked recipe, else the first with TCP_CRR, else the first."""
        return self.sections[0] if self.sections else None


def report_page(report: RawReport) -> ReportPage:
    reading = Reading.of(report)
    if reading is None:
        return ReportPage(report, None, (), (), (), None, [], [], None, [], [])
    results = _results(reading.pk)
    runs = _runs(reading.pk)
    figures = [run for run in runs if run.part == Run.Part.FIGURE]
    found = neighbours(report, figures)
    tried = effects.of_host(runs)
    return ReportPage(
        report=report,
        reading=reading,
        sections=_sections(runs, results, tried[0].contrast.factor if tried else ""),
        tried=tuple(map(_tried, tried)),
        environment=facts_of(reading.environment),
        standing=standing(report, figures),
        advice=advice(
            figures,
            elapsed_by_run((row.run_index, row.elapsed_time_s) for row in results),
            reading.environment,
        ),
        tries=worth_trying(figures),
        beside=beside(found) if found else None,
        platforms=platforms_of(runs[0].system) if runs else [],
        flags=public_flags(reading),
    )


_runs = WrittenOnce(
    lambda reading: (
        Run.objects.filter(reading=reading)
        .select_related("recipe", "system")
        .order_by("run_index", "position")
    )
)
_results = WrittenOnce(
    lambda reading: Result.objects.filter(reading=reading).order_by(
        "run_index", "output_index", "position"
    )
)


def _tried(found: HostEffect) -> Tried:
    contrast = found.contrast
    return Tried(
        factor=words.FACTORS.get(contrast.factor, contrast.factor),
        change=f"{contrast.before} → {contrast.after}",
        ratio=f"{math.exp(found.log):.2f}",
        blocks=plural(found.n_pairs, "block"),
        load=f"{contrast.test}, {words.load(contrast._asdict())}",
        address=urlencode({"factor": contrast.factor}),
    )


def _sections(runs: Sequence[Run], rows: Sequence[Result], tried: str) -> tuple[Section, ...]:
    results: dict[int, list[Result]] = defaultdict(list)
    for result in rows:
        results[result.run_index].append(result)
    by_recipe: dict[Recipe, list[Run]] = defaultdict(list)
    for run in runs:
        by_recipe[run.recipe].append(run)
    sections = [_section(recipe, runs, results, tried) for recipe, runs in by_recipe.items()]
    return tuple(
        sorted(
            sections,
            key=lambda section: (not section.is_headline, section.test != HEADLINE["test"]),
        )
    )


def _section(
    recipe: Recipe, runs: Sequence[Run], results: dict[int, list[Result]], tried: str
) -> Section:
    fields = recipe_fields(recipe)
    counted = [run for run in runs if run.part == Run.Part.FIGURE]
    lines = _lines(runs[:RUNS_SHOWN], results, recipe.unit, tried)
    return Section(
        test=recipe.test,
        unit=recipe.unit,
        recipe=fields,
        load=words.load(fields),
        details=tuple(words.details(fields)),
        purpose=words.purpose(fields, runs[0].system.cpus),
        estimate=estimate([run.value for run in counted if run.bound == Bound.EXACT]),
        runs=lines,
        n_more=len(runs) - len(lines),
        cpus=cpu_load.loads(run.telemetry for run in counted)[:CPUS_SHOWN],
        is_headline=bool(counted) and all(fields.get(k) == v for k, v in HEADLINE.items()),
        has_elapsed=any(line.elapsed_time_s is not None for line in lines),
        has_started=any(line.started_at for line in lines),
        has_latency=any(line.mean_latency_us or line.p99_latency_us for line in lines),
        has_notes=any(line.note or line.streams for line in lines),
    )


def _lines(
    runs: Sequence[Run], results: dict[int, list[Result]], unit: str, tried: str
) -> tuple[RunLine, ...]:
    return tuple(
        _line(run, value, _of_run(run, results), tried)
        for run, value in zip(runs, as_printed((run.value for run in runs), unit), strict=True)
    )


def _of_run(run: Run, results: dict[int, list[Result]]) -> list[Result]:
    """The figures a run sums, or the one that it is."""
    all_of_index = results.get(run.run_index, [])
    alone = [result for result in all_of_index if result.value == run.value]
    return alone[:1] or [result for result in all_of_index if result.test == run.recipe.test]


def _line(run: Run, value: str, results: Sequence[Result], tried: str) -> RunLine:
    first = results[0] if results else None
    return RunLine(
        number=run.run_index + 1,
        value=value,
        bound=words.BOUNDS.get(run.bound, ""),
        streams=_streams([result.value for result in results], run.recipe.unit),
        note=_note(run, tried),
        started_at=run.started_at,
        elapsed_time_s=first.elapsed_time_s if first else None,
        mean_latency_us=first.mean_latency_us if first else None,
        p99_latency_us=first.p99_latency_us if first else None,
    )


def _note(run: Run, tried: str) -> str:
    """Why a run is in no figure; of an arm its value, where that is known."""
    if run.part == Run.Part.ARM and tried:
        return f"{words.FACTORS.get(tried, tried)} {run.system.factors().get(tried)}"
    return words.PARTS.get(run.part, run.part)


def _streams(values: Sequence[float], unit: str) -> str:
    """The figures that a run sums, their range where they are many; empty for a single one."""
    if len(values) < 2:
        return ""
    if len(values) <= STREAMS_SHOWN:
        return " + ".join(as_printed(values, unit))
    low, high = as_printed([min(values), max(values)], unit)
    return f"{len(values)} streams of {low} to {high}"
