"""Hostile and broken bodies: each is refused with its status, and says what and where."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.refusal import Refused
from registry.safe_json import DEPTH_LIMIT, depth, faults
from submissions.decode import decode
from submissions.validate import validate
from tests import reports


def refusal(body: bytes, media_type: str = "application/json") -> Refused:
    with pytest.raises(Refused) as caught:
        validate(decode(body, media_type).envelope or {})
    return caught.value


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"report_version": NaN}', "not_json"),
        (b'{"report_version": -Infinity}', "not_json"),
        (b'{"report_version": ' + b"9" * 5000 + b"}", "not_json"),
        (b"\xff\xfe{}", "not_utf8"),
        (b'{"notes": "\xc0\xaf"}', "not_utf8"),
        (b"[" * 33, "too_deep"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
    ],
)
def test_what_cannot_be_decoded_is_400(body: bytes, code: str) -> None:
    refused = refusal(body)
    assert (refused.status, refused.code) == (400, code)


@pytest.mark.parametrize(
    ("report", "path"),
    [
        ([], ""),
        ({}, ""),
        ({"report_version": 2, "runs": [{"outputs": ["x"]}]}, "report_version"),
        ({"report_version": True, "runs": [{"outputs": ["x"]}]}, "report_version"),
        ({"report_version": 1, "runs": [{}]}, "runs[0]"),
        ({"report_version": 1, "runs": [{"outputs": [7]}]}, "runs[0].outputs[0]"),
        ({"report_version": 1, "runs": [{"outputs": ["a\0b"]}]}, "runs[0].outputs[0]"),
        ({"report_version": 1, "runs": [{"outputs": ["x"], "streams": "two"}]}, "runs[0].streams"),
        ({"report_version": 1, "runs": [{"outputs": ["x"], "streams": 0}]}, "runs[0].streams"),
        ({"report_version": 1, "runs": [], "notes": "a\x1b[2Jb"}, "notes"),
        ({"report_version": 1, "runs": [], "visibility": "secret"}, "visibility"),
        (
            {
                "report_version": 1,
                "runs": [],
                "experiment": {"arms": [{"value": "1", "runs": [4]}]},
            },
            "experiment.arms[0].runs",
        ),
    ],
)
def test_what_is_invalid_is_422_and_names_the_place(report: Any, path: str) -> None:
    refused = refusal(json.dumps(report).encode())
    assert refused.status == 422
    assert path in [fault["path"] for fault in refused.details]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_text_in_utf16_is_read_where_its_first_bytes_say_so(encoding: str) -> None:
    text = "TCP STREAM TEST to h\r\n"
    body = ("\ufeff" if encoding.endswith("be") else "") + text
    assert decode(body.encode(encoding), "text/plain").text == text


def test_half_a_character_of_utf16_is_refused() -> None:
    assert refusal(b"\xff\xfeT", "text/plain").code == "not_utf8"


def test_every_fault_is_named_not_only_the_first() -> None:
    report = reports.envelope(notes="\0", visibility="secret", machine_id="short")
    paths = {fault["path"] for fault in refusal(reports.as_bytes(report)).details}
    assert {"notes", "visibility", "machine_id"} <= paths


def test_a_number_too_large_to_be_one_is_422() -> None:
    body = b'{"report_version": 1, "runs": [], "environment": {"memory_bytes": 1e400}}'
    refused = refusal(body)
    assert refused.status == 422
    assert refused.details[0]["path"] == "environment.memory_bytes"


@pytest.mark.parametrize("number", [2**63, -(2**63), 10**400])
def test_an_integer_too_large_for_a_column_is_422(number: int) -> None:
    interrupts = {"CAL": number}
    report = reports.envelope(reports.run(telemetry={"interrupts": interrupts}))
    paths = [fault["path"] for fault in refusal(reports.as_bytes(report)).details]
    assert "runs[0].telemetry.interrupts.CAL" in paths


def test_a_lone_surrogate_in_a_key_is_422() -> None:
    body = b'{"report_version": 1, "runs": [], "environment": {"tuning": {"\\ud83d": 1}}}'
    assert refusal(body).status == 422


def test_a_lone_surrogate_is_422() -> None:
    refused = refusal(b'{"report_version": 1, "runs": [], "notes": "\\ud800"}')
    assert (refused.status, refused.details[0]["path"]) == (422, "notes")


def test_unknown_keys_are_warnings() -> None:
    report = reports.envelope(colour="red")
    report["runs"][0]["mood"] = "good"
    assert validate(report) == [
        "runs[0].mood: unknown key, not kept",
        "colour: unknown key, not kept",
    ]


def test_a_report_sent_under_curls_default_type_is_read_as_what_it_is() -> None:
    body = reports.as_bytes(reports.envelope())
    document = decode(body, "application/x-www-form-urlencoded")
    assert document.format == "envelope/1"
    assert decode(reports.text().encode(), "application/octet-stream").format == "netperf-text"


@pytest.mark.parametrize("media_type", ["", "image/png", "multipart/form-data", "application/xml"])
def test_other_media_types_are_415(media_type: str) -> None:
    assert refusal(b"{}", media_type).status == 415


def test_text_with_nul_names_its_line() -> None:
    refused = refusal(b"one\ntwo\0\n", "text/plain")
    assert (refused.status, refused.details[0]["path"]) == (422, "line 2")


@given(
    st.recursive(
        st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_depth_counts_what_json_nests(value: Any) -> None:
    def nested(item: Any) -> int:
        if isinstance(item, dict):
            return 1 + max(map(nested, item.values()), default=0)
        if isinstance(item, list):
            return 1 + max(map(nested, item), default=0)
        return 0

    assert depth(json.dumps(value).encode()) == nested(value)


@pytest.mark.parametrize("body", [b'"\\"' * 20_000, b'\\"' * 200_000 + b"\\", b'"' * 400_001])
def test_depth_is_linear_on_quotes_that_never_close(body: bytes) -> None:
    assert depth(body) <= DEPTH_LIMIT  # a quadratic scan would not end


@given(st.binary(max_size=2000))
def test_no_bytes_raise_anything_but_a_refusal(body: bytes) -> None:
    for media_type in ("application/json", "text/plain"):
        statuses = set()
        try:
            decode(body, media_type)
        except Refused as refused:
            statuses.add(refused.status)
        assert statuses <= {400, 422}


def test_faults_of_keys_are_found() -> None:
    assert list(faults({"a\0": 1})) == [{"path": "", "message": "a key holds control characters"}]
