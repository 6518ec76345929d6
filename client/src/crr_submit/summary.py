"""What the client itself says about its runs: the transaction rate of each and a short table of
medians.

Read from the raw outputs by `crr_submit.netperf`, the parser that the registry uses too.
"""

from __future__ import annotations

import statistics
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from crr_submit import netperf
from crr_submit.fields import TRANSACTION_UNIT


def transaction_rate(run: Mapping[str, Any]) -> Optional[float]:
    """Transactions a second, summed over the streams; None unless every stream says one."""
    rates = []
    for output in run["outputs"]:
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
