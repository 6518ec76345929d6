"""What the API says of a report: plain dictionaries from stored facts, in the contract's names."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.conf import settings

from crr_submit.fields import RESULT
from crr_submit.report import schema
from registry.models import RawReport, Reading, Run
from registry.standing import advice, elapsed_by_run, figures_of, standing, worth_trying
from registry.trail import State, state_of
from registry.twins import public_flags
from submissions.ingest import Written
from submissions.intake import Receipt

_RESULT_FIELDS = tuple(field.path for field in RESULT)


def url_of(report: RawReport) -> str:
    return f"{settings.PUBLIC_URL}/r/{report.public_id}"


def sent(receipt: Receipt) -> dict[str, Any]:
    """The answer to a POST. `claim_token` only in the 201 whose sender brought none."""
    report, written = receipt.report, receipt.written
    body = {
        "id": report.public_id,
        "url": url_of(report),
        **_state(state_of(report, written.events if written else None)),
        **(_just_read(report, written) if written else _read_before(report)),
    }
    if receipt.claim_token:
        body["claim_token"] = receipt.claim_token
    return body


def report(report: RawReport) -> dict[str, Any]:
    """The whole report, as everybody may read it."""
    reading, state = Reading.of(report), state_of(report)
    return {
        "id": report.public_id,
        "url": url_of(report),
        "raw_url": f"{settings.PUBLIC_URL}/api/v1/reports/{report.public_id}/raw/",
        **_state(state),
        "received_at": report.received_at,
        "format": report.format,
        "source": report.source,
        "source_ref": report.source_ref,
        "metadata_incomplete": report.imported,
        "visibility": report.visibility,
        "notes": report.notes,
        "body_sha256": report.body_sha256,
        "machine": report.machine.public_id if report.machine else None,
        "environment": reading.environment if reading else None,
        **_read_before(report, reading),
        "events": [asdict(event) for event in state.events],
    }


def gone(report: RawReport) -> list[dict[str, str]]:
    """What the tombstone of a withdrawn or rejected report still says, as details of its 410."""
    state = state_of(report)
    said = {
        "received_at": report.received_at.isoformat(),
        "status_since": state.since.isoformat(),
        "status_reason": state.reason,
        "next_step": state.next_step,
        "erased_at": state.erased_at.isoformat() if state.erased_at else "",
        "body_sha256": report.body_sha256,
    }
    return [{"path": name, "message": text} for name, text in said.items() if text]


def _state(state: State) -> dict[str, Any]:
    return {
        "status": state.status,
        "status_reason": state.reason or None,
        "status_since": state.since,
        "next_step": state.next_step or None,
    }


def _just_read(report: RawReport, written: Written) -> dict[str, Any]:
    """What was read in it just now."""
    rows = [{"bound": "exact", **row} for row in written.content.results]
    return _understood(report, written.reading, rows, written.figures())


def _read_before(report: RawReport, reading: Reading | None = None) -> dict[str, Any]:
    """What is stored of it; a withdrawn report says nothing any more."""
    reading = reading or Reading.of(report)
    if reading is None or report.status not in RawReport.SHOWN:
        nothing: dict[str, Any] = {"standing": None, "advice": [], "try": []}
        return nothing | {"results": [], "flags": [], "warnings": [], "unrecognised": []}
    rows = reading.results.order_by("run_index", "output_index", "position").values()
    return _understood(report, reading, [dict(row) for row in rows], figures_of(reading))


def _understood(
    report: RawReport, reading: Reading, rows: list[dict[str, Any]], figures: list[Run]
) -> dict[str, Any]:
    """What was read in it, and what that means. `rows` have Result's columns."""
    measured = elapsed_by_run((row["run_index"], row.get("elapsed_time_s")) for row in rows)
    return {
        "results": [_result(row) for row in rows],
        "flags": public_flags(reading),
        "warnings": reading.warnings,
        "unrecognised": reading.unrecognised,
        "standing": standing(report, figures),
        "advice": advice(figures, measured, reading.environment),
        "try": worth_trying(figures),
    }


def _result(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: row.get(name) for name in _RESULT_FIELDS}
    return {"run": row["run_index"], "bound": row["bound"], **fields}


def envelope_schema() -> dict[str, Any]:
    return schema()
