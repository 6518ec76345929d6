"""What the client itself says about its runs: the transaction rate of each, a short table of
medians; and of `crr-submit app` what made the load and which side was the limit.

Read from the runs as they are in the report: raw outputs by `crr_submit.netperf`, the parser that
the registry uses too, and blocks of `app` by `app_output`.
"""

from __future__ import annotations

import statistics
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from crr_submit import app_output, netperf
from crr_submit.app_output import AppOutput
from crr_submit.fields import TRANSACTION_UNIT


def transaction_rate(run: Mapping[str, Any]) -> Optional[float]:
    """Transactions a second, summed over the streams; None unless every stream says one."""
    rates = []
    for output in run["outputs"]:
        block = app_output.read(output)
        if block:
            rates.append(block.rate)
            continue
        results = [
            result for result in netperf.parse(output).results if result.unit == TRANSACTION_UNIT
        ]
        if len(results) != 1:
            return None
        rates.append(float(results[0].value))
    return sum(rates) if rates else None


def table(runs: Sequence[Mapping[str, Any]]) -> List[str]:
    """A line for each kind of run: test, streams, placement, number of runs, median transaction
    rate.
    """
    groups: Dict[Tuple[str, int, str], List[float]] = {}
    for run in runs:
        rate = transaction_rate(run)
        if rate is not None and not run["warm_up"] and not run["partial"]:
            key = (
                _test(run),
                run["streams"],
                (run["placement"] or "not verified").replace("_", " "),
            )
            groups.setdefault(key, []).append(rate)
    return [
        "  %-8s %4d %-8s %-13s %3d %-5s %12s trans/s (median)"
        % (
            test,
            streams,
            "stream" if streams == 1 else "streams",
            placement,
            len(rates),
            "run" if len(rates) == 1 else "runs",
            "{:,.0f}".format(statistics.median(rates)),
        )
        for (test, streams, placement), rates in sorted(groups.items())
    ]


def _test(run: Mapping[str, Any]) -> str:
    words = run["command"].split()
    return str(words[words.index("-t") + 1])


BUSY = 0.9
_Found = Tuple[AppOutput, Mapping[str, Any]]


def app_table(runs: Sequence[Mapping[str, Any]]) -> List[str]:
    """The lines of each test, by its counted runs."""
    found: Dict[str, List[_Found]] = {}
    for run in runs:
        output = app_output.read(run["outputs"][0]) if run["outputs"] else None
        if output and not run["warm_up"]:
            found.setdefault(output.test, []).append((output, run["telemetry"]))
    return [line for test in app_output.TESTS for line in _lines(found.get(test, []))]


def limit(output: AppOutput, telemetry: Mapping[str, Any]) -> str:
    """What was the limit of one run: a side, or what both sides need."""
    if (telemetry.get("netstat") or {}).get("ListenOverflows"):
        return "the listen backlog"
    if telemetry.get("cgroup_throttled"):
        return "the CPU quota of this cgroup"
    full = {
        "the server": busiest(output, output.server_cpu_s) >= BUSY,
        "the generator": busiest(output, output.generator_cpu_s) >= BUSY,
    }
    if any(full.values()):
        return " and ".join(side for side, is_full in full.items() if is_full)
    cpus = [row["busy_percent"] / 100 for row in telemetry.get("cpu") or []]
    if not cpus or min(cpus) < BUSY:
        return "none found"
    used_s = sum(output.server_cpu_s) + sum(output.generator_cpu_s)
    others = sum(cpus) - used_s / output.elapsed_time_s
    return (
        "other work on the CPUs" if others > len(cpus) / 2 else "the CPUs, which both sides share"
    )


def busiest(output: AppOutput, cpu_s: Sequence[float]) -> float:
    """The share of the time in which the busiest of these processes was on a CPU."""
    return max(cpu_s) / output.elapsed_time_s


def _lines(found: Sequence[_Found]) -> Iterator[str]:
    if not found:
        return
    output = found[0][0]
    rates = [each.rate for each, _ in found]
    yield "  %-14s %3d %-4s %12s trans/s (median), load by %s" % (
        output.test,
        len(rates),
        "run" if len(rates) == 1 else "runs",
        "{:,.0f}".format(statistics.median(rates)),
        output.generator,
    )
    yield "    server:    " + _side([(each, each.server_cpu_s) for each, _ in found])
    yield "    generator: " + _side([(each, each.generator_cpu_s) for each, _ in found])
    yield "    all CPUs:  " + _all_cpus(found)
    limits = [limit(each, telemetry) for each, telemetry in found]
    for name in dict.fromkeys(limits):
        times = "" if len(limits) == 1 else " (%d of %d runs)" % (limits.count(name), len(limits))
        yield "    limit:     " + name + times
    overflows = sum((row.get("netstat") or {}).get("ListenOverflows", 0) for _, row in found)
    if overflows:
        yield "    %d connections found the backlog of %d full" % (overflows, output.backlog)
    errors = sum(each.errors for each, _ in found)
    if errors:
        yield "    %d requests failed" % errors


def _all_cpus(found: Sequence[_Found]) -> str:
    """More than both sides use is the kernel's work for them, or other people's."""
    busy = [[row["busy_percent"] for row in each.get("cpu") or []] for _, each in found]
    shares = [statistics.mean(row) for row in busy if row]
    return "%.0f %% busy" % statistics.median(shares) if shares else "not known"


def _side(sides: Sequence[Tuple[AppOutput, Sequence[float]]]) -> str:
    """`2 processes, 0.71 CPUs, the busiest process 41 % of the time`."""
    count = len(sides[0][1])
    used = statistics.median(sum(cpu_s) / output.elapsed_time_s for output, cpu_s in sides)
    most = statistics.median(busiest(output, cpu_s) for output, cpu_s in sides)
    processes = "1 process" if count == 1 else "%d processes" % count
    return "%s, %.2f CPUs, the busiest %.0f %% of the time" % (processes, used, 100 * most)
