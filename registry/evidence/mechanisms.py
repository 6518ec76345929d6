"""Whether a setting can have acted: what a run's counters show, and which counter shows which
setting. Pure functions.

A ratio between two values of a setting whose mechanism never moved is a coincidence, however
narrow its interval, so it gets no verdict but `not_exercised` (measuring.md, "Effects").
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Connection tracking keeps an entry a connection for about 120 s, so after a run it was part of the
# table holds at least half of the run's connections, or it is full.
CONNTRACK_ENTRIES = "conntrack_entries"
CONNTRACK_SHARE = 0.5
CONNTRACK_FULL = 0.9
# With both ends on one CPU nothing calls another but steering of packets.
CALLS = "cross_cpu_calls"
CALLS_PER_TRANSACTION = 0.5
_ONE_CONNECTION_A_TRANSACTION = ("TCP_CRR", "TCP_CC")

# What every system call, page-table switch or clock reading passes through acts on each
# transaction: a transaction is the counter.
_ALWAYS_ACTS = re.compile(
    r"""
    virtualization(?:_mode)? | hypervisor_version | container | kernel_(?:release | series) | os
    | clocksource | mitigations
    | cpufreq\.governor | cpuidle\.(?:driver | governor)
    | net\.ipv4\.tcp_timestamps
    """,
    re.VERBOSE,
)
# netperf's CRR has one connection in the air and a backlog of its own, so these act elsewhere only
# (measuring.md, fact 4).
_COUNTERS: Mapping[str, tuple[str, ...]] = {
    "conntrack": (CONNTRACK_ENTRIES,),
    "rps.lo": ("received_rps", CALLS),
    "rps.nic": ("received_rps", CALLS),
    "rfs.lo": ("received_rps", CALLS),
    "rfs.nic": ("received_rps", CALLS),
    "net.core.rps_sock_flow_entries": ("received_rps", CALLS),
    "net.ipv4.tcp_syncookies": ("SyncookiesSent", "TCPReqQFullDoCookies"),
    "net.core.somaxconn": ("ListenOverflows", "ListenDrops"),
    "net.ipv4.tcp_max_syn_backlog": ("TCPReqQFullDrop", "TCPReqQFullDoCookies", "SyncookiesSent"),
    "net.ipv4.tcp_abort_on_overflow": ("ListenOverflows", "TCPAbortOnOverflow"),
    "listen_backlog": ("ListenOverflows", "ListenDrops"),
    "net.ipv4.tcp_tw_reuse": ("TWRecycled",),
    "net.ipv4.tcp_max_tw_buckets": ("TCPTimeWaitOverflow",),
    "net.netfilter.nf_conntrack_max": ("conntrack_drop",),
}
# Nothing of a network card takes part in loopback (fact 8).
_OF_A_CARD = ("offload.", "irq_spread", "rps.nic", "rfs.nic", "xps.nic", "qdisc", "nic_driver")
# A card's settings that no counter of ours tells: there, off loopback is what can be known.
_OF_A_CARD_UNCOUNTED = ("offload.", "irq_spread", "xps.nic", "qdisc", "nic_driver")


def moved(
    telemetry: Mapping[str, Any] | None,
    test: str,
    n_transactions: float | None,
    placement: str | None = None,
) -> list[str]:
    """Names of the counters that rose during a run, sorted; `n_transactions` None where unknown."""
    read = telemetry or {}
    counted = {**(read.get("netstat") or {}), **(read.get("softnet") or {})}
    found = {name for name, rise in counted.items() if rise and rise > 0}
    table = read.get("conntrack") or {}
    if (table.get("drop") or 0) > 0:
        found.add("conntrack_drop")
    n_connections = n_transactions if test in _ONE_CONNECTION_A_TRANSACTION else None
    if _holds_connections(table, n_connections):
        found.add(CONNTRACK_ENTRIES)
    calls = (read.get("interrupts") or {}).get("CAL") or 0
    if placement == "same_cpu" and 0 < CALLS_PER_TRANSACTION * (n_transactions or 0) <= calls:
        found.add(CALLS)
    return sorted(found)


def _holds_connections(table: Mapping[str, Any], n_connections: float | None) -> bool:
    count, most = table.get("count"), table.get("max")
    if not count or not n_connections or n_connections < 1:
        return False
    wanted = CONNTRACK_SHARE * n_connections
    return bool(count >= (min(wanted, CONNTRACK_FULL * most) if most else wanted))


def is_exercised(factor: str, topology: str | None, counters: Iterable[str]) -> bool:
    """Whether a setting can have acted, given the `counters` that moved with either value of it.

    A network card's never over loopback; one with a counter only when it moved; one that every
    transaction passes through always; any other never, since nothing would show it.
    """
    if factor.startswith(_OF_A_CARD) and topology in (None, "loopback"):
        return False
    if _ALWAYS_ACTS.fullmatch(factor) or factor.startswith(_OF_A_CARD_UNCOUNTED):
        return True
    return not set(_COUNTERS.get(factor, ())).isdisjoint(counters)
