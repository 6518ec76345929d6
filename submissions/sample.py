"""A made-up registry with a known truth: reports of a world whose factors do what is written here.
No Django.

Machines have CPUs, platforms, kernels and settings, each with its factor on the rate; hosts and
runs add noise. As in life, newer kernels stand more often on newer CPUs, some hosts have two
speeds, some figures are ten times too high or low, and one address sends for many machines. The
same seed gives the same reports.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CLIENT = "sample_registry"
NOTES = "Made up by sample_registry: no host was measured."
CPUS = (("Sample CPU 1", 4, 18_000), ("Sample CPU 2", 8, 24_000), ("Sample CPU 3", 16, 31_000))
PLATFORMS = (("none", 1.0), ("kvm", 0.82), ("xen", 0.55), ("vmware", 0.88), ("microsoft", 0.95))
KERNELS = (("4.19.0-20-amd64", 0.94), ("5.10.0-30-amd64", 1.0), ("6.1.0-18-amd64", 1.04))
CONNTRACK = (("absent", 1.0), ("active", 0.84))
CLOCKS = (("tsc", 1.0), ("hpet", 0.8))
# What experiments try, and what it does; the second value's counter shows that it acted.
TRIED = (("clocksource", "tsc", "hpet", 0.8), ("rps.lo", "off", "on", 0.5))
SHARE_OF_EXPERIMENTS, EFFECT_SD, BLOCKS = 0.05, 0.03, ("ABBA", "BAAB", "ABBA")
HOST_SD, RUN_SD = 0.15, 0.05
RUNS, RUN_S = 3, 5
SHARE_OF_TWO_SPEEDS, SLOW_SPEED = 0.03, 0.6
SHARE_OF_SLIPS, SLIPS = 0.005, (10.0, 0.1)
SHARE_OF_FLOOD, FLOODER = 0.01, 0
# Every so many machines also measure without pinning, with 1, 2 and as many streams as CPUs: what
# waking an idle CPU leaves of the rate on bare metal and in a guest, and what a stream more adds.
SWEEPING = 4
WOKEN, GAIN = {"none": 0.75}, 0.8
WOKEN_GUEST = 0.35
_OUTPUT = (
    "MIGRATED TCP Connect/Request/Response TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET"
    " to 127.0.0.1 () port 0 AF_INET : demo\n"
    "THROUGHPUT={rate:.2f}\nTHROUGHPUT_UNITS=Trans/s\nELAPSED_TIME=5.00\nPROTOCOL=TCP\n"
    "DIRECTION=Connect|Send|Recv\nREQUEST_SIZE=1\nRESPONSE_SIZE=1\n"
)


@dataclass(frozen=True)
class Sample:
    """One report and who sends it; `sender` 0 floods. `truth` is the rate without any noise."""

    envelope: dict[str, Any]
    sender: int
    truth: float


def samples(count: int, seed: int) -> Iterator[Sample]:
    """`count` reports, about one machine in four sending a second one."""
    chance = random.Random(seed)
    machine = 0
    for number in range(1, count + 1):
        machine += number == 1 or chance.random() < 0.75
        yield _sample(random.Random(f"{seed} {machine}"), chance, machine)


def _sample(host: random.Random, chance: random.Random, machine: int) -> Sample:
    """`host` decides what a machine is, the same at each of its reports; `chance` how it runs."""
    place = host.randrange(len(CPUS))
    cpu, n_cpus, base = CPUS[place]
    platform, cost = host.choice(PLATFORMS)
    # The newest CPU has the newest kernel twice as often as any other.
    release, drift = host.choice((*KERNELS, *KERNELS[place : place + 1]))
    conntrack, slowed = host.choice(CONNTRACK)
    clock, late = host.choices(CLOCKS, weights=(9, 1))[0]
    truth = base * cost * drift * slowed * late
    own = truth * math.exp(host.gauss(0, HOST_SD))
    has_two_speeds = host.random() < SHARE_OF_TWO_SPEEDS
    slip = chance.choice(SLIPS) if chance.random() < SHARE_OF_SLIPS else 1.0
    rates = [
        own
        * slip
        * (SLOW_SPEED if has_two_speeds and chance.random() < 0.5 else 1.0)
        * math.exp(chance.gauss(0, RUN_SD))
        for _ in range(RUNS)
    ]
    environment = {
        "kernel": {"release": release, "version": "#1 SMP", "architecture": "x86_64"},
        "os": {"id": "debian", "version_id": "12"},
        "virtualization": {"type": platform, "role": "host" if platform == "none" else "guest"},
        "cpu": {"model": cpu, "vendor": "Sample", "online": n_cpus},
        "clocksource": clock,
        "tuning": {"net.core.somaxconn": 4096, "conntrack": conntrack},
    }
    is_flood = chance.random() < SHARE_OF_FLOOD
    table = {"count": int(RUN_S * min(rates)) if conntrack == "active" else 12, "max": 2**20}
    runs = [_run(rate, {"conntrack": table, "cpu": _loads(n_cpus, 1)}) for rate in rates]
    if machine % SWEEPING == 0:
        runs += _sweep(chance, own * slip, WOKEN.get(platform, WOKEN_GUEST), n_cpus)
    envelope = _envelope(machine, environment, runs)
    if chance.random() < SHARE_OF_EXPERIMENTS:
        envelope |= _experiment(chance, own)
    return Sample(envelope, FLOODER if is_flood else machine, truth)


def _sweep(chance: random.Random, own: float, woken: float, n_cpus: int) -> list[dict[str, Any]]:
    """Unpinned runs: one stream sleeps between its transactions, several keep the CPUs awake."""
    runs = []
    for streams in sorted({1, 2, n_cpus}):
        each = own * (woken if streams == 1 else GAIN) * math.exp(chance.gauss(0, RUN_SD))
        loads = _loads(n_cpus, streams, busy=55.0 if streams == 1 else 88.0)
        runs.append(_run(each, {"cpu": loads}, streams, "unpinned"))
    return runs


def _loads(n_cpus: int, n_busy: int, busy: float = 97.0) -> list[dict[str, Any]]:
    """The first CPUs are busy, a third of that in softirq, the others all but idle."""
    return [
        {
            "cpu": number,
            "busy_percent": busy if number < n_busy else 2.0,
            "softirq_percent": busy / 3 if number < n_busy else 0.5,
            "steal_percent": 0.0,
        }
        for number in range(n_cpus)
    ]


def _experiment(chance: random.Random, own: float) -> dict[str, Any]:
    """The runs and the experiment of a report that tries a setting."""
    factor, first, second, ratio = chance.choice(TRIED)
    effect = ratio * math.exp(chance.gauss(0, EFFECT_SD))
    letters = "".join(BLOCKS)
    runs = [
        _run(
            own * (effect if arm == "B" else 1.0) * math.exp(chance.gauss(0, RUN_SD)),
            {"softnet": {"received_rps": 90_000 if (factor, arm) == ("rps.lo", "B") else 0}},
        )
        for arm in letters
    ]
    arms = [
        {"value": value, "runs": [n for n, each in enumerate(letters) if each == arm]}
        for arm, value in (("A", first), ("B", second))
    ]
    return {"runs": runs, "experiment": {"factor": factor, "blocks": [*BLOCKS], "arms": arms}}


def _envelope(
    machine: int, environment: dict[str, Any], runs: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "report_version": 1,
        "client": {"name": CLIENT, "version": "1"},
        "machine_id": f"{machine:032x}",
        "environment": environment,
        "runs": runs,
        "experiment": None,
        "notes": NOTES,
        "visibility": "public",
    }


def _run(
    rate: float, telemetry: dict[str, Any], streams: int = 1, placement: str = "same_cpu"
) -> dict[str, Any]:
    """`rate` is that of each stream."""
    pinned = " -T 0,0" if placement == "same_cpu" else ""
    return {
        "tool": "netperf",
        "tool_version": "2.7.0",
        "command": "netperf -t TCP_CRR -H 127.0.0.1 -l 5" + pinned,
        "topology": "loopback",
        "streams": streams,
        "placement": placement,
        "warm_up": False,
        "partial": False,
        "started_at": None,
        "ended_at": None,
        "outputs": [_OUTPUT.format(rate=rate)] * streams,
        "telemetry": telemetry,
    }
