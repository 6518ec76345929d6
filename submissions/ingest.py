"""From a reading's content to rows: the facts of one report, written beside the old ones and then
switched to.

Called inside intake's transaction, by the sweep for what intake could not read, by imports and by
re-reading. Updates no row that two reports share: recipes, systems and machines are inserted or
found.
"""

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime

from registry.models import RawReport, Reading, Recipe, Result, Run, System
from registry.models.identity import digest_of
from registry.vocabulary import VOCABULARY_VERSION
from submissions import peers
from submissions.facts import result_columns
from submissions.normalise import NormalisedRun
from submissions.parsing import PARSER_VERSION
from submissions.read import Content


def write_reading(report: RawReport, content: Content) -> Reading:
    """Write `content` as the report's new active reading. The caller holds the transaction."""
    fingerprint = peers.fingerprint_of(content)
    reading = Reading.beside(
        report,
        parser_version=PARSER_VERSION,
        vocabulary_version=VOCABULARY_VERSION,
        warnings=content.warnings,
        unrecognised=content.unrecognised,
        flags=content.flags + peers.flags_of(report, content, fingerprint),
        fingerprint=fingerprint,
        environment=content.environment,
    )
    Result.objects.bulk_create(
        Result(reading=reading, **result_columns(row)) for row in content.results
    )
    _write_runs(reading, report, content)
    return reading


def _write_runs(reading: Reading, report: RawReport, content: Content) -> None:
    recipes = Recipe.fetch_or_create(run.recipe for run in content.runs)
    systems = System.fetch_or_create(run.system for run in content.runs)
    Run.objects.bulk_create(
        Run(
            reading=reading,
            run_index=run.run_index,
            position=run.position,
            recipe=recipes[digest_of(run.recipe)],
            system=systems[digest_of(run.system)],
            machine_id=report.machine_id,
            submitter_id=report.submitter_id,
            value=run.value,
            bound=run.bound,
            part=run.part,
            started_at=_instant(run),
            telemetry=run.telemetry,
        )
        for run in content.runs
    )


def _instant(run: NormalisedRun) -> datetime | None:
    """The client's time of the start; text that is no instant is unknown."""
    try:
        found = parse_datetime(run.started_at or "")
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None
