"""What holds for every text and every body, on examples that Hypothesis makes: the rules of
tests/fuzz/invariants.py and the one shape of the API's answers. `make fuzz` tries more of them.
"""

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crr_submit import netperf
from registry.vocabulary.factors import FACTORS, RECIPE_FACTORS
from tests import reports
from tests.fuzz import invariants, texts

API = "/api/v1/"
ERROR_STATUSES = {400, 404, 406, 411, 413, 415, 422}
in_one_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(texts.several(), texts.mangled)
def test_numbers_that_were_printed_are_read(printed: texts.Printed, way: str) -> None:
    check_round_trip(printed, way)


@given(texts.columns(), texts.unquoted)
def test_columns_are_read(printed: texts.Printed, way: str) -> None:
    check_round_trip(printed, way)


@given(texts.columns(), texts.quoted)
def test_quoted_columns_are_read(printed: texts.Printed, way: str) -> None:
    check_round_trip(printed, way)


def check_round_trip(printed: texts.Printed, way: str) -> None:
    read = [result.as_dict() for result in netperf.parse(texts.MANGLED[way](printed.text)).results]
    assert [result["test"] for result in read] == [result["test"] for result in printed.results]
    for result, expected in zip(read, printed.results, strict=True):
        assert {name: result[name] for name in expected} == expected


@given(st.one_of(texts.nearly, texts.broken(), st.text()))
def test_any_text_is_read_and_no_number_made_up(text: str) -> None:
    invariants.check_parsing(text)


@given(st.one_of(texts.broken(), texts.several().map(lambda printed: printed.text)))
def test_scrubbing_changes_no_value(text: str) -> None:
    invariants.check_scrubbing_of_netperf(text)


@given(st.one_of(texts.nearly, texts.broken(), st.text()))
def test_scrubbing_of_any_text_makes_no_number_up(text: str) -> None:
    invariants.check_scrubbing(text)


@given(st.one_of(texts.broken(), texts.nearly).map(str.encode) | st.binary())
def test_intake_takes_or_refuses_any_body(body: bytes) -> None:
    invariants.check_intake(body, "text/plain")


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def envelopes(draw: st.DrawFn) -> bytes:
    """A report with values in wrong places: some other JSON, a piece gone, a piece twice."""
    report = reports.envelope(
        experiment={"factor": "rps.lo", "arms": [{"value": "1", "runs": [0]}]}
    )
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(places(report))))
        if key in holder if isinstance(holder, dict) else key < len(holder):
            holder[key] = draw(st.one_of(json_values, st.sampled_from([[], {}, "", 2**63, -1])))
    return json.dumps(report).encode()


def places(value: Any) -> Any:
    """Each (object or list, key) in a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        yield value, key
        if isinstance(item, dict | list):
            yield from places(item)


@given(envelopes())
def test_intake_takes_or_refuses_any_envelope(body: bytes) -> None:
    invariants.check_intake(body, "application/json")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["reports/", "parse/", "charts/"])
@in_one_database
@given(body=st.one_of(envelopes(), json_values.map(lambda v: json.dumps(v).encode()), st.binary()))
def test_any_body_is_answered_in_one_shape(client: Client, address: str, body: bytes) -> None:
    answer = client.post(API + address, body, content_type="application/json")
    check_answer(answer)


@pytest.mark.django_db
@in_one_database
@given(
    query=st.dictionaries(
        st.sampled_from(["test", "group_by", "format", *FACTORS]) | st.text(),
        st.sampled_from(["any", "1", "kvm", ",", "-1", "\u0661"]) | st.text(),
        max_size=5,
    )
)
def test_any_query_is_answered_in_one_shape(client: Client, query: dict[str, str]) -> None:
    check_answer(client.get(API + "leaderboard/", query))
    assert client.get("/leaderboard/", query).status_code in {200, 301, 302, 422}


@pytest.mark.django_db
@in_one_database
@given(
    params=st.fixed_dictionaries(
        {},
        optional={
            "tests": st.lists(st.sampled_from(["TCP_CRR", "TCP_RR", ""]) | st.text(), max_size=5),
            "group_by": st.lists(st.sampled_from(FACTORS) | st.text(), max_size=5),
            "recipe": st.dictionaries(st.sampled_from(RECIPE_FACTORS) | st.text(), json_values),
            "limit": st.integers() | json_values,
        },
    )
)
def test_any_chart_is_answered_in_one_shape(client: Client, params: dict[str, Any]) -> None:
    body = json.dumps(params).encode()
    check_answer(client.post(API + "charts/", body, content_type="application/json"))


def check_answer(answer: Any) -> None:
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    if answer.status_code < 400:
        assert "error" not in body
        return
    assert answer.status_code in ERROR_STATUSES
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "details"}
    assert all(fault.keys() == {"path", "message"} for fault in body["error"]["details"])
