"""What limits a host: each verdict with the numbers it rests on, and none without them."""

from html import unescape
from typing import Any

import pytest
from django.test import Client

from crr_submit import deliver
from registry.evidence.limiter import RunRow, Verdict, verdicts
from tests import reports

MANY = 60_000  # idle entries in a window of 4.6 s: 2 or more a transaction at 6,600/s


def row(
    placement: str | None,
    rate: float,
    idle_entries: int | None = None,
    *,
    streams: int = 1,
    test: str = "TCP_CRR",
    topology: str = "loopback",
    **telemetry: Any,
) -> RunRow:
    if idle_entries is not None:
        telemetry["cpu"] = [{"cpu": 0, "busy_percent": 50.0, "idle_entries": idle_entries}]
    return RunRow(test, streams, placement, rate, telemetry or None, 5.0, topology)


def words(*rows: RunRow, spin: float | None = None) -> list[str]:
    return [verdict.limiter for verdict in verdicts(rows, spin)]


def busy(*percent: float | None) -> dict[str, Any]:
    return {"cpu": [{"cpu": n, "busy_percent": each} for n, each in enumerate(percent)]}


def only(*rows: RunRow, spin: float | None = None) -> Verdict:
    (verdict,) = verdicts(rows, spin)
    return verdict


def test_one_unpinned_stream_against_one_cpu() -> None:
    verdict = only(row("same_cpu", 20_000, 100), row("unpinned", 5_000, 42_000))
    assert verdict.limiter == "vcpu_wakeups"
    assert verdict.numbers["wakeups_per_transaction"] == pytest.approx(42_000 / (5_000 * 4.6))
    assert (verdict.numbers["rate"], verdict.numbers["same_cpu_rate"]) == (5_000, 20_000)


@pytest.mark.parametrize(
    ("rate", "idle_entries"), [(19_000, 42_000), (5_000, 100), (1e-300, 2**60)]
)
def test_without_all_signs_no_wakeup_is_claimed(rate: float, idle_entries: int) -> None:
    rows = [row("same_cpu", 20_000, 100), row("unpinned", rate, idle_entries)]
    assert words(*rows) == ["none_found"]


def test_without_a_counter_one_cpu_alone_proves_nothing() -> None:
    assert words(row("same_cpu", 20_000), row("unpinned", 5_000)) == []


def test_a_guest_of_two_cpus_whose_single_stream_measures_wakeups() -> None:
    """The case that this registry was asked to know: 6,600/s alone, 48,000/s of two."""
    alone, two = row("unpinned", 6_600, MANY), row("unpinned", 48_000, streams=2)
    verdict = only(alone, two)
    assert verdict.limiter == "vcpu_wakeups"
    assert verdict.numbers == {
        "rate": 6_600,
        "several_rate": 48_000,
        "streams": 2,
        "wakeups_per_transaction": pytest.approx(MANY / (6_600 * 4.6)),
    }
    assert "6,600" in verdict.message
    assert "24,000" in verdict.message
    assert "measures wake-ups" in verdict.message


def test_the_same_without_counters_says_that_they_lack() -> None:
    verdict = only(row("unpinned", 6_600), row("unpinned", 48_000, streams=2))
    assert verdict.limiter == "vcpu_wakeups"
    assert "No counters came with the runs" in verdict.message
    assert "wakeups_per_transaction" not in verdict.numbers


@pytest.mark.parametrize(
    "rows",
    [
        [row("unpinned", 6_600, 100), row("unpinned", 48_000, streams=2)],  # nothing was woken
        [row("unpinned", 24_000, MANY * 4), row("unpinned", 48_000, streams=2)],  # as it should
        [row("unpinned", 6_600), row("same_cpu", 48_000, streams=2)],  # other placement
        [row("unpinned", 6_600), row("unpinned", 48_000, streams=2, topology="same_lan")],
        [row("unpinned", 6_600), row("unpinned", 48_000, streams=2, test="TCP_RR")],
        [row(None, 6_600), row("unpinned", 48_000, streams=2)],
        [row("unpinned", 0), row("unpinned", 48_000, streams=2)],
    ],
)
def test_several_streams_that_prove_no_wakeups(rows: list[RunRow]) -> None:
    assert "vcpu_wakeups" not in words(*rows)


def test_one_full_cpu_beside_idle_ones() -> None:
    verdict = only(row("unpinned", 9_000, streams=4, **busy(97.0, 12.0, 11.0, None)))
    assert verdict.limiter == "one_core"
    assert verdict.numbers == {"busiest_percent": 97.0, "idlest_percent": 11.0}


def test_fewer_streams_than_cpus_leave_cpus_idle() -> None:
    shares = busy(95.0, 60.0, 3.0, 2.0, 1.0, 1.0, 2.0, 1.0)
    assert words(row("unpinned", 48_000, streams=2, **shares)) == ["none_found"]
    assert words(row("unpinned", 48_000, streams=8, **shares)) == ["one_core"]


def test_all_cpus_full_is_netperf_itself_over_loopback() -> None:
    full = busy(99.0, 95.0)
    assert words(row("unpinned", 48_000, streams=2, **full)) == ["netperf_side"]
    assert words(row("unpinned", 48_000, streams=2, topology="same_lan", **full)) == ["none_found"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"count": 262_000, "max": 262_144, "drop": 0}, ["conntrack_full"]),
        ({"count": 1_000, "max": 262_144, "drop": 3}, ["conntrack_full"]),
        ({"count": 1_000, "max": 262_144, "drop": 0}, []),
        ({"count": None, "max": 262_144, "drop": None}, []),
        ({"count": 5}, []),
    ],
)
def test_a_full_connection_tracking_table(table: dict[str, Any], expected: list[str]) -> None:
    assert words(row("same_cpu", 100, conntrack=table)) == expected


def test_a_cpu_quota_that_throttled() -> None:
    rows = [row("same_cpu", 100, cgroup_throttled=count) for count in (0, 7, 3)]
    verdict = only(*rows)
    assert verdict.limiter == "cgroup_quota"
    assert verdict.numbers == {"throttled_runs": 2, "throttled_periods": 7}


def test_neighbours_take_a_spinning_cpu() -> None:
    assert only(row("same_cpu", 100), spin=23.4).numbers == {"steal_percent": 23.4}
    assert words(row("same_cpu", 100), spin=0.4) == []


def test_a_listen_queue_overflows_only_where_many_connect_at_once() -> None:
    counted = {"ListenOverflows": 12, "ListenDrops": 12}
    assert words(row(None, 100, test="HTTP_ACCEPT", netstat=counted)) == ["backlog"]
    assert words(row("same_cpu", 100, netstat=counted)) == []


def test_nothing_gives_nothing() -> None:
    assert verdicts([]) == []
    assert words(row("same_cpu", 20_000)) == []
    assert words(row("same_cpu", 20_000, 100)) == ["none_found"]


def test_every_verdict_stands_in_the_order_of_the_most_telling() -> None:
    rows = [
        row("unpinned", 6_600, MANY),
        row("unpinned", 48_000, streams=2, cgroup_throttled=3, **busy(99.0, 98.0)),
    ]
    assert words(*rows, spin=30.0) == ["vcpu_wakeups", "cgroup_quota", "neighbours", "netperf_side"]


@pytest.mark.django_db
def test_site_api_and_client_say_that_one_stream_measures_wakeups(client: Client) -> None:
    """The same two runs, from a report that is sent to what its sender reads."""
    load = {"cpu": [{"cpu": 0, "busy_percent": 50.0, "idle_entries": MANY}]}
    two = reports.KEYVAL.format(rate=24_000, elapsed=5.0)
    report = reports.envelope(
        reports.run(6_600, placement="unpinned", telemetry=load),
        reports.run(streams=2, placement="unpinned", outputs=[two, two]),
    )
    sent = client.post("/api/v1/reports/", reports.as_bytes(report), "application/json").json()
    told = client.get(f"/api/v1/reports/{sent['id']}/").json()
    for answer in (sent, told):
        (advice,) = answer["advice"]
        assert advice["limiter"] == "vcpu_wakeups"
        assert advice["numbers"]["rate"] == 6_600
        assert advice["numbers"]["several_rate"] == 48_000
        assert "measures wake-ups" in advice["message"]
    page = client.get(f"/r/{sent['id']}").content.decode()
    assert advice["message"] in unescape(page)
    assert advice["message"] in " ".join(" ".join(deliver.lines(sent)).split())
