"""Reports for tests, in the words of the real netperf: text, and envelopes as crr-submit makes
them.
"""

import json
from typing import Any

BANNER = (
    "MIGRATED TCP Connect/Request/Response TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET"
    " to 127.0.0.1 () port 0 AF_INET : demo\n"
)
CLASSIC = (
    BANNER
    + """\
Local /Remote
Socket Size   Request  Resp.   Elapsed  Trans.
Send   Recv   Size     Size    Time     Rate         
bytes  Bytes  bytes    bytes   secs.    per sec   

16384  131072 1        1       {elapsed:.2f}     {rate:.2f}   
16384  131072
"""  # noqa: W291 - netperf prints the blanks
)
KEYVAL = (
    BANNER
    + """\
THROUGHPUT={rate:.2f}
THROUGHPUT_UNITS=Trans/s
ELAPSED_TIME={elapsed:.2f}
PROTOCOL=TCP
DIRECTION=Connect|Send|Recv
REQUEST_SIZE=1
RESPONSE_SIZE=1
"""
)
NOT_NETPERF = "Dear list,\n\nmy server is slow.\n"
TRUNCATED = "\n".join(CLASSIC.splitlines()[:5]) + "\n"


def text(rate: float = 23456.78, elapsed: float = 10.0) -> str:
    return CLASSIC.format(rate=rate, elapsed=elapsed)


def run(rate: float = 23456.78, elapsed: float = 5.0, **more: Any) -> dict[str, Any]:
    """One run of the plan: one stream, both ends on one CPU."""
    return {
        "tool": "netperf",
        "tool_version": "2.7.0",
        "command": "netperf -t TCP_CRR -H 127.0.0.1 -l 5",
        "topology": "loopback",
        "streams": 1,
        "placement": "same_cpu",
        "warm_up": False,
        "partial": False,
        "started_at": "2026-11-22T23:51:53Z",
        "ended_at": "2026-11-22T23:52:03Z",
        "outputs": [KEYVAL.format(rate=rate, elapsed=elapsed)],
        **more,
    }


def environment(**more: Any) -> dict[str, Any]:
    return {
        "kernel": {"release": "6.12.5-amd64", "version": "#1 SMP", "architecture": "x86_64"},
        "os": {"id": "debian", "version_id": "13"},
        "virtualization": {"type": "kvm", "role": "guest", "signals": {"dmi_sys_vendor": "QEMU"}},
        "cpu": {"model": "Test CPU 3000", "vendor": "Test", "online": 2},
        "memory_bytes": 4 * 2**30,
        "clocksource": "kvm-clock",
        "tuning": {"net.core.somaxconn": 4096, "conntrack": "absent"},
        **more,
    }


def envelope(*runs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "report_version": 1,
        "client": {"name": "crr-submit", "version": "0.1.0"},
        "machine_id": None,
        "environment": environment(),
        "runs": list(runs) or [run(23000), run(23500), run(24000)],
        "experiment": None,
        "notes": "",
        "visibility": "public",
        **more,
    }


def as_bytes(report: dict[str, Any]) -> bytes:
    return json.dumps(report).encode()


def address_of(machine_id: str | None) -> str:
    """An address for each machine: one sender of many machines would be one vote."""
    return f"10.0.{int(machine_id or '0', 16) % 250}.1"
