"""From the facts to the load of each CPU while a report was measured: a panel for each way in which
netperf ran, a row a CPU, so that one hot core among idle ones is seen.
"""

from collections.abc import Mapping

from charts import again, data
from charts.found import ChartData, FoundRow, Value
from charts.params import GROUPS_LIMIT, ChartParams
from registry.evidence.cpu_load import CpuLoad, loads
from registry.models import RawReport, Run

HOT_PERCENT = 90.0
UNIT = "% busy"
PANELS_LIMIT = 3
FIRST = ("TCP_CRR", "HTTP_ACCEPT")  # what connects for each request


def find(params: ChartParams, address: str, generation: int) -> ChartData:
    """Medians over the runs of each panel that count; the busiest CPUs, where there are many."""
    test, panels = _panels(params.report)
    rows = _rows(panels)
    rows.sort(key=lambda row: (-max(value.rate for value in row.values.values()), row.order))
    n_more = len(rows) - GROUPS_LIMIT
    return ChartData(
        rows=rows[:GROUPS_LIMIT],
        units=dict.fromkeys(panels, UNIT),
        title=f"Load of each CPU while {test} ran" if test else "Load of each CPU",
        subtitle=f"report {params.report}, medians of its runs; in brackets the part in softirq",
        address=address,
        date=data.date(generation),
        generation=generation,
        panels=tuple(panels),
        remarks=(f"{n_more} less busy CPUs not drawn",) if n_more > 0 else (),
        repeats=again.of_client(),
    )


def _panels(public_id: str) -> tuple[str, dict[str, dict[int, Value]]]:
    """The test that tells most, and by load, in the order in which it ran, its CPUs."""
    runs = Run.objects.filter(
        reading__active=True,
        reading__report__in=RawReport.objects.listed().filter(public_id=public_id),
        part=Run.Part.FIGURE,
        telemetry__isnull=False,
    ).select_related("recipe")
    ordered = sorted(runs, key=lambda run: (run.recipe.test not in FIRST, run.run_index))
    by_load: dict[tuple[str, str], list[Run]] = {}
    for run in ordered:
        by_load.setdefault((run.recipe.test, data.load(run.recipe)), []).append(run)
    found = {
        key: {load.cpu: value for load in of_cpus if (value := _value(load))}
        for key, same in by_load.items()
        if (of_cpus := loads(run.telemetry for run in same))
    }
    test = next((test for (test, _), cpus in found.items() if cpus), "")
    shown = [(load, cpus) for (of, load), cpus in found.items() if of == test and cpus]
    return test, dict(shown[:PANELS_LIMIT])


def _rows(panels: Mapping[str, Mapping[int, Value]]) -> list[FoundRow]:
    numbers = sorted({cpu for cpus in panels.values() for cpu in cpus})
    return [
        _row(cpu, {name: cpus[cpu] for name, cpus in panels.items() if cpu in cpus})
        for cpu in numbers
    ]


def _row(cpu: int, values: Mapping[str, Value]) -> FoundRow:
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


def _value(load: CpuLoad) -> Value | None:
    """Busy, and in brackets the part of it in softirq; None where no run says."""
    if load.busy_percent is None:
        return None
    softirq = "" if load.softirq_percent is None else f" ({load.softirq_percent:.0f})"
    return Value(load.busy_percent, text=f"{load.busy_percent:.0f}{softirq}")
