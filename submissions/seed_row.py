"""Reader of one row of the seed data: the first crowd figures on this question, from 2011. No
Django.

A row is a table row that people filled in by hand, so its recipe is what the table's how-to said
(netperf on localhost, one stream, not pinned, netperf 2.4) and its metadata is incomplete. The two
figures of the question itself were taken with an HTTP server, and are a test of their own name.
"""

from dataclasses import dataclass
from typing import Any

from submissions.normalise import NormalisedRun
from submissions.system import system_of

TESTS = ("TCP_CRR", "TCP_RR", "UDP_RR")
APPLICATION_TEST = "HTTP_ACCEPT"
_BOUNDS = {"accepts_per_s_at_most": "at_most", "accepts_per_s_at_least": "at_least"}


@dataclass(frozen=True)
class SeedRow:
    runs: tuple[NormalisedRun, ...]
    results: tuple[dict[str, Any], ...]
    environment: dict[str, Any]
    notes: str


def read(row: dict[str, Any]) -> SeedRow:
    """Facts of one row of `submissions/data/seed.json`."""
    environment = _environment(row)
    system = system_of(environment, None)
    figures = [(test, float(row[test]), "exact") for test in TESTS if row.get(test) is not None]
    figures += [
        (APPLICATION_TEST, float(row[name]), bound)
        for name, bound in _BOUNDS.items()
        if name in row
    ]
    runs = tuple(
        NormalisedRun(index, 0, _recipe(test), system, value, bound=bound)
        for index, (test, value, bound) in enumerate(figures)
    )
    results = tuple(
        {
            "run_index": index,
            "output_index": 0,
            "position": 0,
            "test": test,
            "value": value,
            "unit": "trans/s",
            "bound": bound,
        }
        for index, (test, value, bound) in enumerate(figures)
    )
    return SeedRow(runs, results, environment, row.get("comment") or "")


def _environment(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "kernel": {"release": row.get("kernel_release"), "architecture": row.get("architecture")},
        "os": {"id": row.get("os")},
        "virtualization": {
            "type": row.get("virtualization"),
            "mode": row.get("mode"),
            "version": row.get("hypervisor_version"),
        },
        "cloud": {
            "provider": row.get("provider"),
            "instance_type": row.get("instance_type"),
            "image": row.get("image"),
        },
        "cpu": {"model": row.get("cpu"), "online": row.get("cores")},
        "memory_bytes": row["memory_gb"] * 10**9 if row.get("memory_gb") else None,
    }


def _recipe(test: str) -> dict[str, Any]:
    netperf = test in TESTS
    return {
        "test": test,
        "unit": "trans/s",
        "topology": "loopback",
        "address_family": "inet" if netperf else None,
        "streams": 1 if netperf else None,
        "placement": "unpinned" if netperf else None,
        "request_size_bytes": 1 if netperf else None,
        "response_size_bytes": 1 if netperf else None,
        "message_size_bytes": None,
        "socket_options": None,
        "netperf_generation": "bsd" if netperf else None,
        "timing_options": "",
        "duration_class": None,
        "far_end": None,
        "source": "imported",
    }
