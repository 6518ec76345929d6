"""From stored bytes to a reading's content: the one path that intake, the sweep, imports and
re-reading share. No Django.

`read` chooses the reader by the report's format; each gives the same `Content`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from submissions import seed_row
from submissions.decode import Document
from submissions.importers import flent, pkb
from submissions.normalise import NormalisedRun, normalise
from submissions.parsing import Parsed, parse, require_results
from submissions.plausibility import check


@dataclass(frozen=True)
class Content:
    """Everything a reading says. `results` have Result's columns, places included."""

    runs: tuple[NormalisedRun, ...]
    results: tuple[dict[str, Any], ...]
    warnings: list[str] = field(default_factory=list)
    unrecognised: list[dict[str, Any]] = field(default_factory=list)
    flags: list[dict[str, str]] = field(default_factory=list)
    environment: dict[str, Any] = field(default_factory=dict)
    notes: str = ""


def read(body: bytes, format: str, imported: bool) -> Content:
    """What the stored `body` says. Raises Refused when it holds no result, KeyError for an unknown
    format.
    """
    return _READERS[format](body, imported)


def read_document(document: Document, imported: bool = False) -> Content:
    """The same for a redacted document that is still in memory."""
    # An envelope says all that one which is sent says, so it counts as measured, however it came.
    return _content(parse(document), document.envelope, imported and document.envelope is None)


def parsed(body: bytes, format: str) -> Parsed | None:
    """What the parser makes of a stored body, without what follows from it; None for a row of
    figures, which holds no output.
    """
    return _PARSERS[format](body) if format in _PARSERS else None


def _content(parsed: Parsed, envelope: dict[str, Any] | None, imported: bool) -> Content:
    require_results(parsed)
    normalised = normalise(parsed, envelope, imported)
    known = envelope or {}
    return Content(
        runs=normalised.runs,
        results=tuple(
            {"run_index": i, "output_index": j, "position": k, **result.as_dict()}
            for i, run in enumerate(parsed.runs)
            for j, output in enumerate(run.outputs)
            for k, result in enumerate(output.results)
        ),
        warnings=parsed.warnings() + list(normalised.warnings),
        unrecognised=parsed.unrecognised(),
        flags=check(parsed, normalised, envelope),
        environment=known.get("environment") or {},
        notes=known.get("notes") or "",
    )


def _read_text(body: bytes, imported: bool) -> Content:
    return read_document(Document(text=body.decode()), imported)


def _read_envelope(body: bytes, imported: bool) -> Content:
    return read_document(Document(envelope=json.loads(body)), imported)


def _read_flent(body: bytes, imported: bool) -> Content:
    return _content(*flent.parsed(body), imported)


def _read_pkb(body: bytes, imported: bool) -> Content:
    return _content(*pkb.parsed(body), imported)


def _read_seed_row(body: bytes, imported: bool) -> Content:
    row = seed_row.read(json.loads(body))
    return Content(row.runs, row.results, environment=row.environment, notes=row.notes)


_READERS: dict[str, Callable[[bytes, bool], Content]] = {
    "netperf-text": _read_text,
    "envelope/1": _read_envelope,
    "seed-row/1": _read_seed_row,
    "mbox": _read_text,
    flent.FORMAT: _read_flent,
    pkb.CSV_FORMAT: _read_pkb,
    pkb.JSON_FORMAT: _read_pkb,
}


def _parse_text(body: bytes) -> Parsed:
    return parse(Document(text=body.decode()))


_PARSERS: dict[str, Callable[[bytes], Parsed]] = {
    "netperf-text": _parse_text,
    "mbox": _parse_text,
    "envelope/1": lambda body: parse(Document(envelope=json.loads(body))),
    flent.FORMAT: lambda body: flent.parsed(body)[0],
    pkb.CSV_FORMAT: lambda body: pkb.parsed(body)[0],
    pkb.JSON_FORMAT: lambda body: pkb.parsed(body)[0],
}
