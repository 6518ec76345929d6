"""The made-up registry: the same for a seed, marked as made up, and its truth comes out again."""

import json
import math
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from registry.models import RawReport
from submissions import sample
from submissions.sample import samples
from submissions.validate import validate
from tests import reports


def fill(**options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("sample_registry", json=True, stdout=out, **options)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_a_seed_gives_the_same_reports_and_they_are_reports() -> None:
    once, again, other = (list(samples(50, seed)) for seed in (1, 1, 2))
    assert once == again != other
    assert [validate(each.envelope) for each in once] == [[]] * 50


def test_what_is_sent_lies_around_the_truth() -> None:
    logs = [
        math.log(float(each.envelope["runs"][0]["outputs"][0].split("THROUGHPUT=")[1].split()[0]))
        - math.log(each.truth)
        for each in samples(2_000, 3)
    ]
    middle = sorted(logs)[1_000]
    assert abs(middle) < 0.03
    assert sum(abs(log) > 1.5 for log in logs) > 0  # slips of a unit


@pytest.mark.django_db
def test_it_fills_a_registry_whose_costs_are_those_of_the_world(client: Client) -> None:
    assert fill(reports=600, seed=5) == {"stored": 600, "seed": 5}
    assert set(RawReport.objects.values_list("notes", flat=True)) == {sample.NOTES}
    rows = {row["virtualization"]: row for row in client.get("/api/v1/costs/").json()["rows"]}
    for platform, cost in sample.PLATFORMS[1:]:
        low = rows[platform]["ci_low"] or rows[platform]["range_low"]
        high = rows[platform]["ci_high"] or rows[platform]["range_high"]
        assert low * 0.95 < cost < high * 1.05, platform
    assert rows["xen"]["verdict"] == "slower"
    assert fill(reports=600, seed=5)["stored"] == 0


@pytest.mark.django_db
def test_it_refuses_beside_real_reports(client: Client) -> None:
    client.post("/api/v1/reports/", reports.text(), content_type="text/plain")
    with pytest.raises(CommandError, match="reports of real hosts"):
        fill(reports=1)
    assert fill(reports=1, beside_real=True)["stored"] == 1
