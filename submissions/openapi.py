"""The OpenAPI description of the reports API, drawn from the field table where it can be."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from crr_submit.fields import RESULT, Field
from crr_submit.report import schema
from registry.api.openapi import (
    INTEGER,
    NUMBER,
    PLAIN,
    TEXT,
    Schema,
    errors,
    list_of,
    nullable,
    object_of,
    pattern,
)
from registry.models import RawReport
from submissions.intake import SECRET_LENGTH_LIMIT
from submissions.withdrawal import NOTES_LENGTH

_JSON_TYPES = {"list": "array"}


def _envelope() -> Schema:
    return {key: value for key, value in schema().items() if key != "$schema"}


def _property(field: Field) -> Schema:
    name = _JSON_TYPES.get(field.type, field.type)
    schema: Schema = {"type": name if field.required else [name, "null"], "description": field.text}
    if name == "array":
        schema["items"] = TEXT
    return schema


RESULT_ROW: Schema = {
    "type": "object",
    "properties": {
        "run": INTEGER,
        "bound": {**TEXT, "description": "exact, approximate, at_most or at_least"},
        **{field.path: _property(field) for field in RESULT},
    },
}
_LOOSE: Schema = {"type": "object", "additionalProperties": True}
_READ = {
    "results": list_of(RESULT_ROW),
    "flags": list_of(object_of(rule=TEXT, mode=TEXT, message=TEXT)),
    "warnings": list_of(TEXT),
    "unrecognised": list_of(_LOOSE),
}
_JUDGED = {
    "standing": nullable(_LOOSE),
    "try": list_of(
        object_of(
            **{"from": TEXT},
            factor=TEXT,
            to=TEXT,
            ratio=NUMBER,
            ci_low=NUMBER,
            ci_high=NUMBER,
            n_machines=INTEGER,
            test=TEXT,
            topology=nullable(TEXT),
            streams=nullable(INTEGER),
            placement=nullable(TEXT),
            message=TEXT,
        )
    ),
    "advice": list_of(
        object_of(
            limiter=TEXT,
            message=TEXT,
            numbers={"type": "object", "additionalProperties": {"type": "number"}},
        )
    ),
}
_STATE = {
    "status": {"type": "string", "enum": RawReport.Status.values},
    "status_reason": nullable(TEXT),
    "status_since": TEXT,
    "next_step": {**nullable(TEXT), "description": "What the sender can do about this status."},
}
_EVENT = object_of(at=TEXT, kind=TEXT, actor=TEXT, reason=TEXT)
_SENT = object_of(id=TEXT, url=TEXT, **_STATE, **_READ, **_JUDGED)
_SENT["properties"]["claim_token"] = {
    **TEXT,
    "description": "Shown once, and only to a sender who brought no Claim-Token.",
}
_REPORT = object_of(
    id=TEXT,
    url=TEXT,
    raw_url=TEXT,
    **_STATE,
    received_at=TEXT,
    format=TEXT,
    source=TEXT,
    source_ref=nullable(TEXT),
    metadata_incomplete={"type": "boolean"},
    visibility=TEXT,
    notes=TEXT,
    body_sha256=TEXT,
    machine=nullable(TEXT),
    environment=nullable(_LOOSE),
    events=list_of(_EVENT),
    **_READ,
    **_JUDGED,
)

SECRETS = [
    OpenApiParameter(
        name,
        pattern(f"^[\\x20-\\x7e]{{8,{SECRET_LENGTH_LIMIT}}}$"),
        OpenApiParameter.HEADER,
        description="A secret the client made before sending.",
    )
    for name in ("Idempotency-Key", "Claim-Token")
]


def _bearer(description: str, required: bool = True) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(
            "Authorization",
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            required=required,
            description=description,
        )
    ]


CLAIM = _bearer("Bearer and the report's claim token, or an API token that may manage.")
SENDER = _bearer(
    "Bearer and an API token that may send; nothing for a sender without account.", required=False
)
ACCOUNT = _bearer("Bearer and an API token that may read.")
_WHEN = nullable(TEXT)
ACCOUNT_RESPONSES = {
    200: object_of(
        email=TEXT,
        joined_at=TEXT,
        machines=list_of(object_of(machine=TEXT, note=TEXT, n_reports=INTEGER)),
        tokens=list_of(
            object_of(
                name=TEXT,
                scopes=list_of(TEXT),
                created_at=TEXT,
                last_used_on=_WHEN,
                revoked_at=_WHEN,
            )
        ),
        passkeys=list_of(TEXT),
        reports=list_of(
            object_of(
                id=TEXT,
                url=TEXT,
                received_at=TEXT,
                status=TEXT,
                status_reason=TEXT,
                visibility=TEXT,
                machine=nullable(TEXT),
                notes=TEXT,
                format=TEXT,
            )
        ),
    ),
    **errors(401, 403, 406, 503),
}
REPORT_BODY: dict[str, Any] = {
    "application/json": _envelope(),
    "text/plain": {**TEXT, "minLength": 1},
}
EDIT_BODY: dict[str, Any] = {
    "application/json": {
        "type": "object",
        "properties": {
            "notes": nullable({**PLAIN, "maxLength": NOTES_LENGTH}),
            "visibility": {"type": "string", "enum": ["public", "unlisted"]},
        },
        "additionalProperties": False,
        "minProperties": 1,
    }
}
_NOT_FOUND = errors(404, 410, 503)
RAW_RESPONSES: dict[Any, Any] = {(200, "text/plain"): OpenApiTypes.STR, **_NOT_FOUND}
SEND_RESPONSES = {
    200: _SENT,
    201: _SENT,
    202: _SENT,
    **errors(401, 403, 406, 411, 413, 415, 422, 429, 503),
}
PARSE_RESPONSES = {
    200: object_of(
        results=_READ["results"], warnings=_READ["warnings"], unrecognised=_READ["unrecognised"]
    ),
    **errors(406, 411, 413, 415, 422),
}
REPORT_RESPONSES = {200: _REPORT, **_NOT_FOUND, **errors(406)}
EDIT_RESPONSES = {200: _REPORT, **errors(401, 403, 404, 406, 410, 411, 413, 415, 422, 503)}
WITHDRAW_RESPONSES: dict[Any, Any] = {204: None, **errors(401, 403, 404, 406, 503)}
