"""From the facts to the load of each CPU while a report was measured: a panel for each way in which
netperf ran, a row a CPU, so that one hot core among idle ones is seen.
"""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from charts.data import PLACEMENTS, streams_words
from charts.params import GROUPS_LIMIT, ChartParams
from charts.spec import ChartData, FoundRow, Value
from registry.models import RawReport, Run

HOT_PERCENT = 90.0
UNIT = "% busy"
PANELS_LIMIT = 3
FIRST = ("TCP_CRR", "HTTP_ACCEPT")  # what connects for each request
Loads = dict[int, list[Mapping[str, Any]]]  # what each run said of a CPU


def find(params: ChartParams, address: str, generation: int) -> ChartData:
    """Medians over the runs of each panel that count; the busiest CPUs, where there are many."""
    test, loads = _loads(params.report)
    rows = [_row(cpu, loads) for cpu in {cpu for panel in loads.values() for cpu in panel}]
    rows.sort(key=lambda row: (-max(value.rate for value in row.values.values()), row.order))
    return ChartData(
        rows=rows[:GROUPS_LIMIT],
        units=dict.fromkeys(loads, UNIT),
        title=f"Load of each CPU while {test} ran" if test else "Load of each CPU",
        subtitle=f"report {params.report}, medians of its runs; in brackets the part in softirq",
        address=address,
        date=f"{timezone.now():%Y-%m-%d}, generation {generation}",
        panels=tuple(loads),
        remarks=(f"{len(rows) - GROUPS_LIMIT} less busy CPUs not drawn",)
        if len(rows) > GROUPS_LIMIT
        else (),
    )


def _loads(public_id: str) -> tuple[str, dict[str, Loads]]:
    """(test, the loads by panel) of the test that tells most, in the order in which it ran."""
    runs = Run.objects.filter(
        reading__active=True,
        reading__report__in=RawReport.objects.listed().filter(public_id=public_id),
        part=Run.Part.FIGURE,
        telemetry__isnull=False,
    ).select_related("recipe")
    by_test: dict[str, dict[str, Loads]] = defaultdict(dict)
    for run in sorted(runs, key=lambda run: (run.recipe.test not in FIRST, run.run_index)):
        for load in (run.telemetry or {}).get("cpu") or []:
            if load.get("cpu") is not None and load.get("busy_percent") is not None:
                panel = by_test[run.recipe.test].setdefault(_panel(run), defaultdict(list))
                panel[load["cpu"]].append(load)
    test, panels = next(iter(by_test.items()), ("", {}))
    return test, dict(list(panels.items())[:PANELS_LIMIT])


def _panel(run: Run) -> str:
    recipe = run.recipe
    streams = streams_words(recipe.streams) if recipe.streams else "streams unknown"
    placement = PLACEMENTS.get(recipe.placement or "", "")
    return f"{streams}, {placement}" if placement else streams


def _row(cpu: int, panels: Mapping[str, Loads]) -> FoundRow:
    values = {name: _value(loads[cpu]) for name, loads in panels.items() if cpu in loads}
    is_hot = any(value.rate >= HOT_PERCENT for value in values.values())
    return FoundRow(
        label=f"CPU {cpu}",
        recipe="",
        family="hot" if is_hot else "",
        imported=False,
        order=(cpu,),
        recency=-cpu,
        values=values,
        group="cpus",
    )


def _value(loads: Sequence[Mapping[str, Any]]) -> Value:
    busy = statistics.median(load["busy_percent"] for load in loads)
    softirq = [value for load in loads if (value := load.get("softirq_percent")) is not None]
    return Value(
        rate=busy,
        ci_low=None,
        ci_high=None,
        host_rates=(),
        n_runs=None,
        n_machines=None,
        n_submitters=None,
        text=f"{busy:.0f}" + (f" ({statistics.median(softirq):.0f})" if softirq else ""),
    )
