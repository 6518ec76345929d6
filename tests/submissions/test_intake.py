"""The API of intake as a sender meets it: statuses, idempotency, claim, and that nothing is
half-stored.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from registry import hints
from registry.models import Machine, RawReport, Reading, Result, Run
from registry.models.summary import summarise
from submissions import intake
from submissions.models import Refusal
from tests import reports
from tests.end_to_end.site import wait_until

pytestmark = pytest.mark.django_db
URL = "/api/v1/reports/"


def send(client: Client, report: dict[str, Any] | str, **headers: str) -> Any:
    if isinstance(report, str):
        return client.post(URL, report, content_type="text/plain", headers=headers)
    return client.post(
        URL, reports.as_bytes(report), content_type="application/json", headers=headers
    )


def test_an_envelope_is_stored_read_and_answered_at_once(client: Client) -> None:
    answer = send(client, reports.envelope())
    body = answer.json()
    assert answer.status_code == 201
    assert body["status"] == "published"
    assert [result["value"] for result in body["results"]] == [23000.0, 23500.0, 24000.0]
    assert body["results"][0]["test"] == "TCP_CRR"
    assert body["results"][0]["request_size_bytes"] == 1
    assert body["url"].endswith(f"/r/{body['id']}")
    assert body["claim_token"].startswith("crrc_")
    assert (body["standing"]["n_machines"], body["standing"]["percentile"]) == (0, None)
    assert "very same recipe: TCP_CRR, 1 stream, same cpu, loopback" in body["standing"]["among"]
    report = RawReport.objects.get(public_id=body["id"])
    assert [event.kind for event in report.events.all()] == ["received", "published"]


def test_raw_text_by_plain_curl_is_read(client: Client) -> None:
    answer = client.post(URL, reports.text(), content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 201
    assert answer.json()["results"][0]["value"] == 23456.78
    run = Run.objects.get()
    assert (run.recipe.source, run.recipe.placement, run.recipe.topology) == (
        "pasted",
        "unpinned",
        "loopback",
    )


def test_the_same_bytes_again_are_the_same_report(client: Client) -> None:
    first, again = send(client, reports.envelope()), send(client, reports.envelope())
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert "claim_token" not in again.json()
    assert RawReport.objects.count() == 1


def test_a_key_used_with_other_bytes_is_refused(client: Client) -> None:
    key = {"Idempotency-Key": "0123456789abcdef"}
    first = send(client, reports.envelope(), **key)
    assert send(client, reports.envelope(), **key).json()["id"] == first.json()["id"]
    other = send(client, reports.envelope(notes="other"), **key)
    assert other.status_code == 422
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert RawReport.objects.count() == 1


def test_a_brought_claim_token_is_never_answered(client: Client) -> None:
    token = "crrc_" + "a" * 43
    body = send(client, reports.envelope(), **{"Claim-Token": token}).json()
    assert "claim_token" not in body
    assert token not in json.dumps(body)


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"{", "application/json", 400, "not_json"),
        (b'{"report_version": NaN}', "application/json", 400, "not_json"),
        (b"[" * 1000, "application/json", 400, "too_deep"),
        (b'{"report_version": 1, "runs": [], "notes": 1e400}', "application/json", 422, "invalid"),
        (b'{"report_version": 1, "runs": []}', "application/json", 422, "not_netperf"),
        (b"x" * (512 * 1024 + 1), "text/plain", 413, "too_large"),
        (b"<xml/>", "application/xml", 415, "unsupported_media_type"),
        (b"a\0b", "text/plain", 422, "bad_text"),
        (b"\n", "text/plain", 422, "empty"),
        (reports.NOT_NETPERF.encode(), "text/plain", 422, "not_netperf"),
        (reports.TRUNCATED.encode(), "text/plain", 422, "not_netperf"),
    ],
)
def test_what_is_refused_leaves_a_count_and_nothing_else(
    client: Client, body: bytes, media_type: str, status: int, code: str
) -> None:
    answer = client.post(URL, body, content_type=media_type)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert not RawReport.objects.exists()
    assert not Reading.objects.exists()
    assert Refusal.objects.get().code == code


def test_a_body_without_a_length_is_411(client: Client) -> None:
    answer = client.post(URL, reports.text(), content_type="text/plain", CONTENT_LENGTH="")
    assert (answer.status_code, answer.json()["error"]["code"]) == (411, "length_required")


def test_a_compressed_body_is_415(client: Client) -> None:
    answer = client.post(
        URL, b"\x1f\x8b", content_type="text/plain", headers={"Content-Encoding": "gzip"}
    )
    assert answer.status_code == 415


def test_a_wrong_digest_is_400(client: Client) -> None:
    answer = send(client, reports.text(), **{"X-Content-SHA256": "0" * 64})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "digest_mismatch")


def test_addresses_and_the_machine_id_are_not_stored(client: Client) -> None:
    report = reports.envelope(machine_id="0123456789abcdef" * 2, notes="ask 203.0.113.9")
    report["runs"][0]["outputs"] = [
        report["runs"][0]["outputs"][0].replace("127.0.0.1", "203.0.113.9")
    ]
    public_id = send(client, report).json()["id"]
    stored = bytes(RawReport.objects.get(public_id=public_id).body or b"")
    assert b"203.0.113.9" not in stored
    assert b"0123456789abcdef" not in stored
    assert b"machine_id" not in stored
    assert Machine.objects.count() == 1
    raw = client.get(f"{URL}{public_id}/raw/")
    assert raw.content == stored
    assert raw["Content-Type"] == "text/plain; charset=utf-8"
    assert "sandbox" in raw["Content-Security-Policy"]


def test_streams_are_summed_and_warm_ups_are_no_figures(client: Client) -> None:
    two = reports.run(placement="unpinned", streams=2)
    two["outputs"] = [reports.KEYVAL.format(rate=rate, elapsed=5) for rate in (20000, 22000)]
    send(client, reports.envelope(reports.run(1000, warm_up=True), two))
    assert list(Run.objects.values_list("part", "value")) == [("warm_up", 1000), ("figure", 42000)]
    summarise()
    assert Run.objects.get(part="figure").recipe.streams == 2


def test_a_stream_without_a_result_keeps_the_run_out_of_figures(client: Client) -> None:
    half = reports.run(streams=2)
    half["outputs"] = [*half["outputs"], "netperf: cannot connect\n"]
    body = send(client, reports.envelope(half)).json()
    assert Run.objects.get().part == "partial"
    assert any("no result" in warning for warning in body["warnings"])


def test_arms_of_an_experiment_are_no_figures_and_carry_their_value(client: Client) -> None:
    runs = [reports.run(20000 + i) for i in range(4)]
    experiment = {
        "factor": "net.ipv4.tcp_syncookies",
        "blocks": ["ABBA"],
        "arms": [{"value": "0", "runs": [0, 3]}, {"value": "1", "runs": [1, 2]}],
    }
    send(client, reports.envelope(*runs, experiment=experiment))
    values = [
        (run.part, run.system.settings["net.ipv4.tcp_syncookies"])
        for run in Run.objects.select_related("system").order_by("run_index")
    ]
    assert values == [("arm", "0"), ("arm", "1"), ("arm", "1"), ("arm", "0")]


def test_a_fault_in_reading_is_ours_and_the_report_is_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(intake, "read_document", broken)
    answer = send(client, reports.envelope())
    assert (answer.status_code, answer.json()["status"]) == (202, "received")
    assert answer.json()["results"] == []
    assert RawReport.objects.get().body


def test_a_fault_in_writing_facts_is_ours_and_the_report_is_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(judged: list[Any], **more: Any) -> list[Any]:
        if judged:
            Run.objects.create()  # a database error inside the transaction
        return []

    monkeypatch.setattr(intake, "write_readings", broken)
    answer = send(client, reports.envelope())
    assert (answer.status_code, answer.json()["status"]) == (202, "received")
    assert not Reading.objects.exists()


def test_the_database_away_is_503_and_says_when_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(intake, "_repeated", away)
    answer = send(client, reports.envelope())
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert answer.json()["error"]["code"] == "unavailable"


def test_a_senders_quota_is_429(client: Client, settings: Any) -> None:
    settings.REPORTS_PER_DAY = 2
    for rate in (1000, 2000):
        assert send(client, reports.text(rate)).status_code == 201
    answer = send(client, reports.text(3000))
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_reached")
    assert send(client, reports.text(1000)).status_code == 200  # a repeat is no new report


@pytest.mark.parametrize(("hours_ago", "expected_s"), [(23, 3600), (20, 2 * 3600)])
def test_a_quota_says_in_how_many_seconds_it_is_free(
    client: Client,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    hours_ago: int,
    expected_s: int,
) -> None:
    """When the oldest report is a day old, or at midnight, where a new day has a new quota."""
    now = datetime(2026, 11, 22, 22, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    settings.REPORTS_PER_DAY = 1
    send(client, reports.text(1000))
    RawReport.objects.update(received_at=now - timedelta(hours=hours_ago))
    assert send(client, reports.text(2000))["Retry-After"] == str(expected_s)


def test_parse_stores_nothing(client: Client) -> None:
    answer = client.post("/api/v1/parse/", reports.text(), content_type="text/plain")
    assert answer.status_code == 200
    assert sorted(answer.json()) == ["results", "unrecognised", "warnings"]
    assert answer.json()["results"][0]["value"] == 23456.78
    assert not RawReport.objects.exists()


def test_parse_of_what_is_no_netperf_is_empty_not_an_error(client: Client) -> None:
    answer = client.post("/api/v1/parse/", reports.NOT_NETPERF, content_type="text/plain")
    assert (answer.status_code, answer.json()["results"]) == (200, [])


def test_only_the_claim_token_edits_and_withdraws(client: Client) -> None:
    body = send(client, reports.envelope()).json()
    url, token = f"{URL}{body['id']}/", body["claim_token"]
    change = json.dumps({"notes": "after a reboot", "visibility": "unlisted"})

    def patch(bearer: str) -> Any:
        headers = {"Authorization": f"Bearer {bearer}"}
        return client.patch(url, change, content_type="application/json", headers=headers)

    for wrong in ("", "crrc_wrong", token[:-1]):
        assert patch(wrong).status_code == 404
    assert patch(token).json()["notes"] == "after a reboot"
    headers = {"Authorization": f"Bearer {token}"}
    assert client.delete(url, headers=headers).status_code == 204
    assert client.get(url).status_code == 410
    assert RawReport.objects.get().status == "withdrawn"
    assert send(client, reports.envelope()).json()["status"] == "withdrawn"


def test_an_edit_that_is_not_valid_names_every_fault(client: Client) -> None:
    body = send(client, reports.envelope()).json()
    answer = client.patch(
        f"{URL}{body['id']}/",
        json.dumps({"notes": 7, "visibility": "secret", "status": "published"}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {body['claim_token']}"},
    )
    assert answer.status_code == 422
    paths = [fault["path"] for fault in answer.json()["error"]["details"]]
    assert sorted(paths) == ["notes", "status", "visibility"]


def test_results_keep_netperfs_numbers_to_the_digit(client: Client) -> None:
    send(client, reports.text(rate=45586.91, elapsed=60.04))
    result = Result.objects.get()
    assert (result.value, result.elapsed_time_s) == (45586.91, 60.04)
    assert (result.local_send_socket_bytes, result.remote_recv_socket_bytes) == (16384, 131072)


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_costs_the_sender_nothing(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "breaker", hints.Breaker())
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"  # nothing listens on port 1
    assert send(client, reports.envelope()).status_code == 201
    assert hints.breaker.failed == 1
    assert send(client, reports.envelope(notes="again")).status_code == 201
    assert (hints.breaker.failed, hints.breaker.skipped) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_many_senders_of_the_same_bytes_at_once_make_one_report() -> None:
    body = reports.as_bytes(reports.envelope())

    def post(_: int) -> tuple[int, str]:
        try:
            answer = Client().post(URL, body, content_type="application/json")
            return answer.status_code, answer.json()["id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(40)))
    assert sorted(status for status, _ in answers) == [200] * 39 + [201]
    assert len({public_id for _, public_id in answers}) == 1
    assert RawReport.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_reports_that_come_together_are_stored_together_and_faults_stay_with_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes, whole = [], intake.write_new

    def recorded(new: Any, actor: str) -> Any:
        sizes.append(len(new))
        if any(content and content.notes == "broken" for _, content in new):
            raise ValueError("a fault of ours")
        return whole(new, actor)

    def post(notes: str) -> Any:
        try:
            return send(Client(), reports.envelope(reports.run(20_000 + len(notes)), notes=notes))
        finally:
            connection.close()

    monkeypatch.setattr(intake, "write_new", recorded)
    wanted = ["one", "three", "seventh", "one", "broken"]
    with ThreadPoolExecutor(len(wanted)) as pool:
        with intake._store_together._turn:
            futures = [pool.submit(post, notes) for notes in wanted]
            wait_until(lambda: len(intake._store_together._waiting) == len(wanted))
        answers = [future.result(60) for future in futures]
    assert sizes[0] == 5
    assert sorted(answer.status_code for answer in answers) == [200, 201, 201, 201, 202]
    assert answers[4].status_code == 202
    assert answers[0].json()["id"] == answers[3].json()["id"]
    for answer in answers:
        stored = RawReport.objects.get(public_id=answer.json()["id"])
        kinds = [event.kind for event in stored.events.all()]
        assert kinds == (["received"] if answer.status_code == 202 else ["received", "published"])
        assert stored.reading_set.count() == len(kinds) - 1
    assert RawReport.objects.count() == 4


@pytest.mark.parametrize("text", [False, True])
def test_the_answer_says_what_the_stored_report_says(client: Client, text: bool) -> None:
    """It is made from memory; what is read later comes from the rows."""
    runs = [reports.run(rate) for rate in (20_000, 21_000)]
    body = runs[0]["outputs"][0].encode() if text else reports.as_bytes(reports.envelope(*runs))
    kind = "text/plain" if text else "application/json"
    sent = client.post(URL, body, content_type=kind).json()
    assert len(sent["results"]) == (1 if text else 2)
    stored = client.get(f"{URL}{sent['id']}/").json()
    for name in sent.keys() - {"claim_token"}:
        assert sent[name] == stored[name], name
