"""From a reading's content to rows: the facts of reports, written beside the old ones and then
switched to.

Called inside intake's transaction, by the sweep for what intake could not read, by re-reading, and
by imports for many reports at once. Updates no row that two reports share: recipes, systems and
machines are inserted or found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.utils.dateparse import parse_datetime

from registry.models import RawReport, Reading, Recipe, ReportEvent, Result, Run, System
from registry.models.rows import create, insert
from registry.vocabulary import VOCABULARY_VERSION
from submissions import peers
from submissions.facts import result_columns
from submissions.normalise import NormalisedRun
from submissions.parsing import PARSER_VERSION
from submissions.read import Content


@dataclass(frozen=True)
class Written:
    """A reading with what it was written from, so that its rows need not be read back. `recipes`
    are those of the content's runs, in their order; `events` are the report's whole trail, where it
    was written with it.
    """

    reading: Reading
    content: Content
    recipes: Sequence[Recipe]
    events: Sequence[ReportEvent] | None = None

    def figures(self) -> list[Run]:
        """The runs that are figures, with their recipes; they have no key."""
        # Runs share what they were measured on.
        systems = {id(run.system): run.system for run in self.content.runs}
        rows = {key: System(**system) for key, system in systems.items()}
        return [
            Run(
                run_index=run.run_index,
                position=run.position,
                recipe=recipe,
                system=rows[id(run.system)],
                value=run.value,
                telemetry=run.telemetry,
            )
            for run, recipe in zip(self.content.runs, self.recipes, strict=True)
            if run.part == Run.Part.FIGURE
        ]


@dataclass(frozen=True)
class Judged:
    """What a report says, with every flag it gets, those for its place among others included."""

    report: RawReport
    content: Content
    flags: list[dict[str, str]]
    fingerprint: str

    def caught_by(self) -> dict[str, str]:
        """The rules that hold the report, and why. Refusing is for senders who wait for the answer;
        what was accepted before is held.
        """
        return {
            flag["rule"]: flag["message"]
            for flag in self.flags
            if flag["mode"] in ("hold", "refuse")
        }


def judge(contents: Sequence[tuple[RawReport, Content]]) -> list[Judged]:
    """Look at reports beside those that are stored. A report without a key is a new one."""
    return [
        Judged(
            report, content, content.flags + peers.flags_of(report, content, twin), twin.fingerprint
        )
        for (report, content), twin in zip(contents, peers.twins_of(contents), strict=True)
    ]


def write_readings(judged: Sequence[Judged], are_first: bool = False) -> list[Written]:
    """Write what was read as the reports' active readings, with as many statements for many as for
    one. The caller holds the transaction; `are_first` says that the reports have none yet.
    """
    if not are_first:
        Reading.replace_in([one.report.pk for one in judged])
    readings = [_reading(one) for one in judged]
    create(readings)
    read = [(reading, one.content) for reading, one in zip(readings, judged, strict=True)]
    insert(
        Result,
        (
            {"reading_id": reading.pk, **result_columns(row)}
            for reading, content in read
            for row in content.results
        ),
    )
    runs = [(reading, run) for reading, content in read for run in content.runs]
    recipes = Recipe.rows_of([run.recipe for _, run in runs])
    systems = System.rows_of([run.system for _, run in runs])
    insert(Run, map(_run, runs, recipes, systems))
    of_runs = iter(recipes)
    return [
        Written(reading, content, list(islice(of_runs, len(content.runs))))
        for reading, content in read
    ]


def _reading(judged: Judged) -> Reading:
    content = judged.content
    return Reading(
        report=judged.report,
        active=True,
        parser_version=PARSER_VERSION,
        vocabulary_version=VOCABULARY_VERSION,
        warnings=content.warnings,
        unrecognised=content.unrecognised,
        flags=judged.flags,
        fingerprint=judged.fingerprint,
        environment=content.environment,
    )


def _run(read: tuple[Reading, NormalisedRun], recipe: Recipe, system: System) -> dict[str, Any]:
    reading, run = read
    return {
        "reading_id": reading.pk,
        "run_index": run.run_index,
        "position": run.position,
        "recipe_id": recipe.pk,
        "system_id": system.pk,
        "machine_id": reading.report.machine_id,
        "submitter_id": reading.report.submitter_id,
        "value": run.value,
        "bound": run.bound,
        "part": run.part,
        "started_at": _instant(run),
        "telemetry": run.telemetry,
        "moved": run.moved,
    }


def _instant(run: NormalisedRun) -> datetime | None:
    """The client's time of the start; text that is no instant is unknown."""
    try:
        found = parse_datetime(run.started_at or "")
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None
