"""Queries that the ORM writes once: the rows are those of the query itself, whatever the values."""

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry.models import Machine, Run, Submitter, System
from registry.models.written_once import WrittenOnce
from tests import reports

pytestmark = pytest.mark.django_db


def machines() -> list[Machine]:
    return [Machine.objects.create(key_digest=f"digest {n}") for n in range(4)]


def test_gives_the_rows_of_the_query() -> None:
    first, *_ = machines()
    query = WrittenOnce(lambda digest: Machine.objects.filter(key_digest=digest))
    (found,) = query("digest 0")
    assert (found, found.created_at) == (first, first.created_at)
    assert found._state.adding is False
    assert query("digest 7") == []


def test_gives_the_tuples_of_a_values_list_with_dates_and_documents_converted() -> None:
    System.objects.create(digest="one", settings={"conntrack": "off"}, cpus=2)
    System.objects.create(digest="two", cpus=None)
    query = WrittenOnce(
        lambda cpus: System.objects.filter(cpus=cpus).values_list("digest", "settings")
    )
    assert query(2) == [("one", {"conntrack": "off"})]
    assert query(None) == [("two", {})]


@pytest.mark.parametrize("wanted", [[], ["digest 1"], ["digest 3", "digest 0"], ["digest 2"]])
def test_a_list_may_have_any_length(wanted: list[str]) -> None:
    machines()
    query = WrittenOnce(
        lambda digests, but: (
            Machine.objects.filter(key_digest__in=digests)
            .exclude(key_digest=but)
            .values_list("key_digest")
        )
    )
    for but in ("digest 0", "digest 9"):
        expected = sorted(name for name in wanted if name != but)
        assert sorted(name for (name,) in query(wanted, but)) == expected


def test_the_sql_is_written_once_a_shape() -> None:
    written = []

    def make(digests: list[str], linked: str | None) -> QuerySet[Submitter]:
        written.append(digests)
        return Submitter.objects.filter(link_digest__in=digests).exclude(link_digest=linked)

    query = WrittenOnce(make)
    with CaptureQueriesContext(connection) as asked:
        for values in ((["a"], "x"), (["b"], "y"), (["a", "b"], "x"), (["a"], None)):
            query(*values)
    assert (len(written), len(asked)) == (3, 4)
    assert "'b'" in asked[1]["sql"]
    assert "'y'" in asked[1]["sql"]


def test_a_value_that_the_query_changes_is_refused() -> None:
    query = WrittenOnce(lambda name: Machine.objects.filter(key_digest__contains=name))
    with pytest.raises(AssertionError, match="not in the query as it is"):
        query("digest")


def test_related_rows_come_along_and_what_is_deferred_does_not(client: Client) -> None:
    sent = client.post("/api/v1/reports/", reports.as_bytes(reports.envelope()), "application/json")
    query = WrittenOnce(
        lambda name: (
            Run.objects.filter(reading__report__public_id=name)
            .select_related("recipe", "reading__report")
            .defer("reading__report__body")
            .order_by("pk")
        )
    )
    runs = query(sent.json()["id"])
    assert runs == list(Run.objects.order_by("pk"))
    with CaptureQueriesContext(connection) as asked:
        assert {run.recipe.test for run in runs} == {"TCP_CRR"}
        assert runs[0].reading.report.public_id == sent.json()["id"]
    assert not asked
    assert bytes(runs[0].reading.report.body).startswith(b"{")
