"""The API against its own description: schemathesis asks what `/api/schema/` allows and what it
forbids, and holds each answer to it.

Bounded and the same in every run of the suite; `make fuzz` and `make faults` ask more, with new
examples each time.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import missing_required_header, negative_data_rejection

from charts.models import Chart
from charts.params import ChartParams
from registry.errors import shape
from registry.wsgi import application
from submissions.intake import Sender, submit
from tests import reports
from tests.faults import times

# What the description cannot say: that a text is netperf's, or that arms and runs fit each other.
# So a body that it allows may be refused with 422; and one that is missing has no length, 411.
CONFIG = {
    "checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}},
    "operations": [
        {
            "include-path": ["/api/v1/reports/", "/api/v1/parse/"],
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "422"]}},
        },
        {  # nor that a comparison takes two reports or two groups, which may have no figure
            "include-path": ["/api/v1/compare/"],
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "422"]}},
        },
    ],
}
# An example is a request: a tenth of what the profile has of others, but for `make faults`.
bounded = settings(
    max_examples=times(2_000, settings().max_examples // 10),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW")
TOKEN = "crrc_" + "0" * 43
# The names and the token that a test puts in repair what schemathesis broke on purpose.
REPAIRED = [negative_data_rejection, missing_required_header]
schema = schemathesis.openapi.from_wsgi(
    "/api/schema/?format=json", application, config=schemathesis.Config.from_dict(CONFIG)
)


@pytest.fixture(autouse=True)
def one_connection(db: None) -> Iterator[None]:
    """The test's transaction outlives a request, as it does with Django's own test client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def names() -> dict[str, str]:
    """What the addresses of an operation may name: one report and one chart that are there."""
    sender = Sender(address="192.0.2.1", claim_token=TOKEN)
    report = submit(reports.as_bytes(reports.envelope()), "application/json", sender).report
    chart, _ = Chart.objects.save_comparison(ChartParams(("TCP_CRR",), ("virtualization",)))
    return {"public_id": report.public_id, "slug": chart.slug}


@schema.parametrize()
@bounded
def test_answers_are_as_described(case: Any) -> None:
    case.call_and_validate()


@schema.include(path_regex=r"\{").parametrize()
@bounded
def test_answers_about_what_is_there_are_as_described(case: Any, names: dict[str, str]) -> None:
    case.path_parameters = {name: names[name] for name in case.path_parameters or names}
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {TOKEN}"}
    case.call_and_validate(excluded_checks=REPAIRED)


@pytest.mark.parametrize("address", sorted(schema.raw_schema["paths"]))
def test_every_error_is_json_of_one_shape(
    client: Client, names: dict[str, str], address: str
) -> None:
    for method, query in product(METHODS, ("", "?format=exe", "?a" + "&a" * 99)):
        path = address.format(**names) + query
        answer = client.generic(method, path, headers={"Accept": "image/png"})
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/json"
            assert method == "HEAD" or is_shaped(answer.json())


def is_shaped(body: dict[str, Any]) -> bool:
    one = shape("", "")
    return body.keys() == one.keys() and body["error"].keys() == one["error"].keys()
