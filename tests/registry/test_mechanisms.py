"""Which counters moved, and whether a setting can have acted."""

from typing import Any

import pytest

from registry.evidence.mechanisms import is_exercised, moved

TABLE = {"count": 60_000, "max": 262_144, "drop": 0}


@pytest.mark.parametrize(
    ("factor", "topology", "counters", "expected"),
    [
        ("clocksource", "loopback", (), True),
        ("mitigations", "loopback", (), True),
        ("kernel_release", "same_lan", (), True),
        ("conntrack", "loopback", (), False),
        ("conntrack", "loopback", ("conntrack_entries",), True),
        ("rps.lo", "loopback", (), False),
        ("rps.lo", "loopback", ("received_rps",), True),
        ("rps.lo", "loopback", ("cross_cpu_calls",), True),
        ("virtualization", "loopback", (), True),
        ("rfs.lo", "loopback", ("TWRecycled",), False),
        ("rps.nic", "loopback", ("received_rps",), False),
        ("rps.nic", "same_lan", ("received_rps",), True),
        ("rps.nic", "same_lan", (), False),
        ("offload.tso", "loopback", (), False),
        ("offload.tso", None, (), False),
        ("offload.tso", "same_lan", (), True),
        ("net.ipv4.tcp_syncookies", "loopback", (), False),
        ("net.ipv4.tcp_syncookies", "same_lan", ("SyncookiesSent",), True),
        ("net.core.somaxconn", "loopback", ("ListenOverflows",), True),
        ("net.core.nobody_knows", "same_lan", ("ListenOverflows", "conntrack_entries"), False),
        ("clocksource_of_mine", "loopback", (), False),
    ],
)
def test_what_can_have_acted(
    factor: str, topology: str | None, counters: tuple[str, ...], expected: bool
) -> None:
    assert is_exercised(factor, topology, counters) is expected


@pytest.mark.parametrize(
    ("telemetry", "test", "n_transactions", "expected"),
    [
        (None, "TCP_CRR", 100_000.0, []),
        ({}, "TCP_CRR", None, []),
        (
            {"netstat": {"ListenOverflows": 3, "ListenDrops": 0}},
            "TCP_CRR",
            1e5,
            ["ListenOverflows"],
        ),
        ({"softnet": {"received_rps": 9}}, "TCP_CRR", None, ["received_rps"]),
        ({"netstat": {"TWRecycled": None, "Odd": -4}, "softnet": None}, "TCP_CRR", 1e5, []),
        ({"conntrack": TABLE}, "TCP_CRR", 100_000.0, ["conntrack_entries"]),
        ({"conntrack": TABLE}, "TCP_CRR", 130_000.0, []),
        ({"conntrack": TABLE}, "TCP_CRR", None, []),
        ({"conntrack": TABLE}, "TCP_CRR", 0.0, []),
        ({"conntrack": TABLE}, "TCP_RR", 100_000.0, []),
        ({"conntrack": {**TABLE, "count": 12}}, "TCP_CRR", 100_000.0, []),
        ({"conntrack": {**TABLE, "max": None}}, "TCP_CRR", 100_000.0, ["conntrack_entries"]),
        (
            {"conntrack": {"count": 65_000, "max": 65_536, "drop": 7}},
            "TCP_CRR",
            1e6,
            ["conntrack_drop", "conntrack_entries"],
        ),
    ],
)
def test_what_moved(
    telemetry: dict[str, Any] | None, test: str, n_transactions: float | None, expected: list[str]
) -> None:
    assert moved(telemetry, test, n_transactions) == expected


@pytest.mark.parametrize(
    ("placement", "calls", "expected"),
    [
        ("same_cpu", 50_000, ["cross_cpu_calls"]),
        ("same_cpu", 49_999, []),
        ("same_cpu", None, []),
        ("unpinned", 90_000, []),  # wake-ups make them too
        (None, 90_000, []),
    ],
)
def test_calls_to_other_cpus_show_steering_where_nothing_else_makes_them(
    placement: str | None, calls: int | None, expected: list[str]
) -> None:
    telemetry = {"interrupts": {"CAL": calls}}
    assert moved(telemetry, "TCP_CRR", 100_000.0, placement) == expected
    assert moved(telemetry, "TCP_CRR", None, placement) == []
