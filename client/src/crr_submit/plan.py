"""The plan: which netperf runs, in which order, how long. Pure; `crr_submit.measure` carries it
out.

One declared warm-up, then rounds that run each arm once in random order, so that a drift of the
host hits all arms alike; then request/response runs on one connection, then sweep points between
one stream and all CPUs.
"""

import random
from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple

from crr_submit.terminal import counted

CPU_ROWS = 64  # of telemetry
# netserver waits out its padded timer: a timed TCP_CRR run takes -l and this.
CRR_PAD_S = 4.0
STARTING_S = 0.2
WARM_UP_TRANSACTIONS = 5_000
WARM_UP_S = 1.0
INTERIM_S = 0.5
INTERIMS_AT_MOST = 20

# The registry takes 512 KiB; the environment, notes and names of a report fit in what is left over.
REPORT_BUDGET_BYTES = 460_000
_OUTPUT_BYTES = 450
_INTERIM_BYTES = 125
_RUN_BYTES = 1_000
_CPU_ROW_BYTES = 115


@dataclass(frozen=True)
class Step:
    """One netperf invocation, or `streams` of them started together, `settle_s` after what came
    before. `duration_s` None: `transactions` are counted, which takes about `counted_s`.
    """

    test: str
    streams: int
    placement: str
    duration_s: Optional[int]
    warm_up: bool = False
    transactions: int = WARM_UP_TRANSACTIONS
    counted_s: float = WARM_UP_S
    settle_s: float = 0.0

    @property
    def expected_s(self) -> float:
        if self.duration_s is None:
            return self.settle_s + self.counted_s
        return self.duration_s + STARTING_S + (CRR_PAD_S if self.test == "TCP_CRR" else 0.0)

    @property
    def interim_s(self) -> float:
        """How often netperf reports in between: rarely enough that long runs do not fill the
        report.
        """
        return max(INTERIM_S, (self.duration_s or 0) / INTERIMS_AT_MOST)

    @property
    def label(self) -> str:
        """`TCP_CRR, 2 streams, unpinned`."""
        streams = counted(self.streams, "stream")
        name = "warm-up" if self.warm_up else self.test
        return "%s, %s, %s" % (name, streams, self.placement.replace("_", " "))

    def report_bytes(self, n_cpus: int) -> int:
        """About how much of the report this run will fill."""
        interims = (self.duration_s or self.counted_s) / self.interim_s + 1
        output = _OUTPUT_BYTES + _INTERIM_BYTES * interims
        return int(_RUN_BYTES + _CPU_ROW_BYTES * min(n_cpus, CPU_ROWS) + self.streams * output)


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rounds: int
    duration_s: int
    rr_runs: int
    rr_duration_s: int
    sweep_runs: int

    def lasting(self, duration_s: int) -> "Scale":
        """The same with `-l` of every timed run set by hand."""
        return replace(self, duration_s=duration_s, rr_duration_s=duration_s)


DEFAULT = Scale(rounds=8, duration_s=5, rr_runs=3, rr_duration_s=3, sweep_runs=3)
QUICK = Scale(rounds=3, duration_s=2, rr_runs=1, rr_duration_s=2, sweep_runs=0)
THOROUGH = Scale(rounds=10, duration_s=10, rr_runs=3, rr_duration_s=3, sweep_runs=3)

AUTO: Tuple[int, ...] = ()


def build(
    scale: Scale, streams: Sequence[int], usable_cpus: int, random_order: random.Random
) -> List[Step]:
    """The steps in order. `streams` are the counts asked for; AUTO is 1, all CPUs, and a sweep."""
    before, rounds_of, after, room = _sized(scale, streams, usable_cpus)
    sweep = _sweep(scale, usable_cpus) if not streams else []
    rounds = _interleave(rounds_of, random_order)
    return [*before, *rounds, *after, *_fitting(sweep, room, usable_cpus)]


def left_out(scale: Scale, streams: Sequence[int], usable_cpus: int) -> List[str]:
    """The arms that `build` has no step for, and why."""
    _, rounds_of, _, _ = _sized(scale, streams, usable_cpus)
    text = "%s: a report has no room for what so many print"
    return [text % arm.label for arm, rounds in rounds_of.items() if rounds == 0]


def _sized(
    scale: Scale, streams: Sequence[int], usable_cpus: int
) -> Tuple[List[Step], Dict[Step, int], List[Step], int]:
    """The warm-up, how often each arm is run, the request/response runs, and the room that is left.

    The first arm, which is ranked, is in every round; each of the others is run once, where the
    report has room for that, before any is run again.
    """
    counts = sorted(set(streams)) or sorted({1, usable_cpus})
    single = _single_arms(scale) if 1 in counts else []
    arms = [*single, *(_unpinned(count, scale) for count in counts if count > 1)]
    rr = _request_response(scale) if 1 in counts else []
    warm_up = [Step("TCP_CRR", 1, "same_cpu", None, warm_up=True)]
    room = REPORT_BUDGET_BYTES - _bytes([*warm_up, *rr], usable_cpus)
    rounds_of = dict.fromkeys(arms, 0)
    for most, some in ((scale.rounds, single[:1]), (1, arms), (scale.rounds, arms)):
        for arm in some:
            size = arm.report_bytes(usable_cpus)
            more = max(0, min(most - rounds_of[arm], room // size))
            rounds_of[arm] += more
            room -= more * size
    return warm_up, rounds_of, rr, room


def against_far_end(steps: Sequence[Step]) -> List[Step]:
    """The steps that another host's netserver can take part in: both ends on one CPU cannot be.
    All are timed: a count takes as long as the way.
    """
    return [
        replace(step, placement="unpinned", duration_s=step.duration_s or 1)
        for step in steps
        if step.warm_up or step.placement != "same_cpu"
    ]


def expected_s(steps: Sequence[Step]) -> float:
    return sum(step.expected_s for step in steps)


def _single_arms(scale: Scale) -> List[Step]:
    return [
        Step("TCP_CRR", 1, "same_cpu", scale.duration_s),
        Step("TCP_CRR", 1, "unpinned", scale.duration_s),
    ]


def _unpinned(streams: int, scale: Scale) -> Step:
    return Step("TCP_CRR", streams, "unpinned", scale.duration_s)


def _request_response(scale: Scale) -> List[Step]:
    placements = ("same_cpu", "unpinned")
    return [Step("TCP_RR", 1, where, scale.rr_duration_s) for where in placements] * scale.rr_runs


def _sweep(scale: Scale, usable_cpus: int) -> List[Step]:
    """2, 4, 8 ... below the CPU count: shows the shape, is not ranked."""
    points = [2**power for power in range(1, 16) if 2**power < usable_cpus]
    return [_unpinned(point, scale) for point in points] * scale.sweep_runs


def _interleave(rounds_of: Dict[Step, int], random_order: random.Random) -> List[Step]:
    steps: List[Step] = []
    for number in range(max(rounds_of.values(), default=0)):
        arms = [arm for arm, rounds in rounds_of.items() if number < rounds]
        random_order.shuffle(arms)
        steps += arms
    return steps


def _fitting(steps: Sequence[Step], room: int, n_cpus: int) -> List[Step]:
    """As many of the steps as the report has room for, the cheap ones first to keep."""
    kept: List[Step] = []
    for step in steps:
        room -= step.report_bytes(n_cpus)
        if room >= 0:
            kept.append(step)
        else:
            room += step.report_bytes(n_cpus)
    return kept


def _bytes(steps: Sequence[Step], n_cpus: int) -> int:
    return sum(step.report_bytes(n_cpus) for step in steps)
