"""Writing the dump: a folder of files that say everything the registry shows.

Reports stand in parts of so many numbers each. A part whose reports did not change is left as it
is, so a second export, or one after a crash, writes what is left; the same data gives the same
bytes. Called by the command and by the nightly task.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.utils import timezone

from registry import results, trail
from registry.api.results import COLUMNS
from registry.models import RawReport, Reading, ReportEvent, Run
from registry.models.identity import keyed_digest
from registry.models.report import ReportQuerySet
from registry.twins import unnamed
from submissions.dump import chain, tables
from submissions.dump.folder import Folder
from submissions.dump.records import FORMAT, Event, Record, to_line

PART_REPORTS = 10_000
REPORTS_AT_ONCE = 500
# Another where records of the same reports are written otherwise: every part is then written anew.
_WRITING = b"2"
_MANIFEST = ("id", "body_sha256", "received_at", "status")
_INTEGERS = {"run", "position", "streams", "cpus"}
_KINDS = {
    name: tables.INTEGER
    if name in _INTEGERS or name.endswith("_bytes")
    else tables.NUMBER
    if name == "value"
    else tables.TEXT
    for name in COLUMNS
}
_LICENCE = """The data of this folder is in the public domain: CC0 1.0 Universal (SPDX: CC0-1.0).
https://creativecommons.org/publicdomain/zero/1.0/

Its senders and the registry that wrote it have given up all rights in it, as far as the law lets
them. Copy it, change it, draw and publish it; nobody needs to be asked or named. There is no
warranty that a figure is right.
"""
_README = """All that a CRR registry shows: netperf TCP_CRR reports, and the figures read from them.

reports-*.jsonl  one report a line: what was received, scrubbed, and what happened to it
results.csv      every figure, a row a run; what a spreadsheet would run begins with an apostrophe
results.parquet  the same rows
results.sqlite   the same rows, in the table results
manifest.jsonl   id and SHA-256 of every report: manage.py verify_registry --manifest manifest.jsonl
manifests.jsonl  in a registry's own folder: a line a night with the digests of manifest.jsonl, of
                 what was new in it and of the line before; keep the last one, and nobody can change
                 what was published until then without it showing
manifest-*.jsonl what was new in the manifest of the night of that line
schema.json      what every field and column means
SHA256SUMS       sha256sum -c SHA256SUMS

manage.py import_reports FOLDER --restore brings an empty registry to the same facts.
"""
_FIELDS = {
    "dump": f"the format of the line, {FORMAT}",
    "id": "the report's address is /r/{id}",
    "received_at": "when the registry received it",
    "body": "the scrubbed bytes; left out where it was withdrawn",
    "body_base64": "the same in base64, where they are no UTF-8",
    "body_sha256": "of the scrubbed bytes, kept through withdrawal",
    "format": "how the bytes are read: envelope/1, netperf-text and others",
    "status": "published or withdrawn",
    "status_reason": "why, where there is a reason",
    "source": "api, paste, import or seed",
    "source_ref": "where an import found it",
    "machine": "random number of the machine, where its sender opted in",
    "submitter": "random number of the sender",
    "notes": "what the sender wrote",
    "events": "what happened to it: {at, kind, actor, reason}",
}

Status = RawReport.Status
Progress = Callable[[int, int], None]


@dataclass
class Outcome:
    """What an export did: reports in the dump, parts written and left as they were, bytes."""

    reports: int = 0
    results: int = 0
    parts_written: int = 0
    parts_kept: int = 0
    files: dict[str, int] = field(default_factory=dict)


def export(path: Path, progress: Progress | None = None, chained: bool = False) -> Outcome:
    """Write the dump into the folder at `path`, made where missing; `chained` begins a chain of
    manifests there, and one that is there gets its line. Raises OSError where it cannot, and Busy
    where another export writes there.
    """
    outcome = Outcome()
    last = RawReport.objects.aggregate(last=Max("pk"))["last"] or 0
    starts = range(0, last + 1, PART_REPORTS)
    with Folder.locked(path) as folder:
        chain.finish(folder)
        with folder.replaced(chain.NEXT) as manifest:
            for number, start in enumerate(starts):
                rows = list(_looked_at(start))
                for row in rows:
                    manifest.write(_line({name: row[name] for name in _MANIFEST}))
                _part(folder, number, rows, outcome)
                if progress:
                    progress(number + 1, len(starts))
        folder.forget_parts_from(len(starts))
        _tables(folder, outcome, last)
        _texts(folder)
        chain.publish(folder, timezone.now(), chained or chain.is_in(path))
        outcome.files = folder.sum_up()
    return outcome


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"


def _shown() -> ReportQuerySet:
    """Reports that are in the dump: listed ones, and what was listed before it was withdrawn."""
    was_listed = ReportEvent.objects.filter(report=OuterRef("pk"), kind=Status.PUBLISHED)
    public = RawReport.objects.filter(visibility=RawReport.Visibility.PUBLIC)
    return public.filter(
        Q(status=Status.PUBLISHED) | Q(Exists(was_listed), status=Status.WITHDRAWN)
    )


def _looked_at(start: int) -> Iterator[dict[str, Any]]:
    """What decides whether a part is still right, and the manifest's fields, of each report."""
    found = _shown().filter(pk__gte=start, pk__lt=start + PART_REPORTS)
    counted = found.annotate(n_events=Count("events"), last_event=Max("events__id"))
    columns = ("public_id", "body_sha256", "received_at", "status", "status_reason", "notes")
    rows = counted.order_by("pk").values(*columns, "n_events", "last_event")
    for row in rows.iterator(chunk_size=REPORTS_AT_ONCE):
        yield {**row, "id": row["public_id"], "received_at": row["received_at"].isoformat()}


def _part(folder: Folder, number: int, rows: list[dict[str, Any]], outcome: Outcome) -> None:
    """Reports of one range of numbers; a range without any has no file."""
    name = Folder.part(number)
    outcome.reports += len(rows)
    digest = hashlib.sha256(b"".join([_WRITING, *map(_line, rows)])).hexdigest()
    if not rows:
        folder.forget(name)
    elif folder.is_current(name, digest):
        outcome.parts_kept += 1
    else:
        with folder.replaced(name) as file:
            for record in _records(number * PART_REPORTS):
                file.write(to_line(record))
        folder.remember(name, digest, len(rows))
        outcome.parts_written += 1


def _records(start: int) -> Iterator[Record]:
    end = start + PART_REPORTS
    for low in range(start, end, REPORTS_AT_ONCE):
        found = _shown().filter(pk__gte=low, pk__lt=min(low + REPORTS_AT_ONCE, end)).order_by("pk")
        for report in found.select_related("machine").prefetch_related("events"):
            yield record_of(report)


def record_of(report: RawReport) -> Record:
    """The report as everybody may have it; its events need to be loaded."""
    is_shown = report.status == Status.PUBLISHED
    return Record(
        id=report.public_id,
        received_at=report.received_at.isoformat(),
        body_sha256=report.body_sha256,
        format=report.format,
        status=report.status,
        status_reason=unnamed(report.status_reason),
        source=report.source,
        source_ref=report.source_ref,
        machine=report.machine.public_id if report.machine else None,
        submitter=keyed_digest("submitter", str(report.submitter_id).encode())[:16],
        notes=report.notes if is_shown else "",
        events=tuple(
            Event(event.at.isoformat(), event.kind, event.actor, event.reason)
            for event in trail.public_events(report)
        ),
        body=bytes(report.body) if is_shown and report.body is not None else None,
    )


def _tables(folder: Folder, outcome: Outcome, last: int) -> None:
    """All three tables, unless neither reports nor readings changed."""
    read = Reading.objects.filter(active=True).aggregate(n=Count("pk"), last=Max("pk"))
    digest = hashlib.sha256(f"{folder.of_parts()} {read} {_KINDS}".encode()).hexdigest()
    if all(folder.is_current(name, digest) for name in tables.NAMES):
        outcome.results = folder.count_of(tables.NAMES[0])
        return
    with (
        folder.replaced_together(tables.NAMES) as partial,
        tables.writers(partial, _KINDS) as write,
    ):
        for start in range(0, last + 1, REPORTS_AT_ONCE):
            rows = list(_result_rows(start))
            outcome.results += len(rows)
            write(rows)
    for name in tables.NAMES:
        folder.remember(name, digest, outcome.results)


def _result_rows(start: int) -> Iterator[dict[str, Any]]:
    runs = Run.objects.filter(
        reading__active=True,
        reading__report__in=RawReport.objects.listed().filter(
            pk__gte=start, pk__lt=start + REPORTS_AT_ONCE
        ),
    )
    needed = runs.select_related("recipe", "system", "reading__report").defer(
        "telemetry", "moved", "reading__environment", "reading__report__body"
    )
    for run in needed.order_by("reading__report_id", "run_index", "position"):
        row = results.row(run)
        yield {**row, "flags": " ".join(row["flags"])}


def _texts(folder: Folder) -> None:
    schema = {
        "format": FORMAT,
        "registry": settings.PUBLIC_URL,
        "envelope": f"{settings.PUBLIC_URL}/api/v1/schema/report/1/",
        "reports": _FIELDS,
        "results": {
            name: {"type": kind, "meaning": COLUMNS[name]} for name, kind in _KINDS.items()
        },
    }
    texts = {
        "LICENSE.txt": _LICENCE,
        "README.txt": _README,
        "schema.json": json.dumps(schema, indent=1) + "\n",
    }
    for name, text in texts.items():
        with folder.replaced(name) as file:
            file.write(text.encode())
