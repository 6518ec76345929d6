"""Where a report stands: its figures against the cells there are, and what limits its host.

Takes the rows that the caller has read already, and reads summaries only.
"""

import math
import statistics
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, F, Sum, When

from registry import effects
from registry.evidence.limiter import RunRow, verdicts
from registry.evidence.summary import thinned
from registry.kept import answer
from registry.models import Cell, RawReport, Reading, Recipe, Run
from registry.models.summary import CellQuerySet
from registry.models.written_once import WrittenOnce

HEADLINE = {"test": "TCP_CRR", "streams": 1, "placement": "same_cpu"}


def figures_of(reading: Reading) -> list[Run]:
    """The runs of a reading that are figures, with their recipes."""
    return list(
        reading.runs.filter(part=Run.Part.FIGURE)
        .select_related("recipe", "system")
        .order_by("run_index", "position")
    )


def elapsed_by_run(measured: Iterable[tuple[int, float | None]]) -> dict[int, float]:
    """How long each run measured: the median over its streams, given as (run_index, seconds)."""
    times: dict[int, list[float]] = defaultdict(list)
    for run_index, elapsed_time_s in measured:
        if elapsed_time_s is not None:
            times[run_index].append(elapsed_time_s)
    return {index: statistics.median(seconds) for index, seconds in times.items()}


def standing(report: RawReport, figures: Iterable[Run]) -> dict[str, Any] | None:
    """The headline figure among other voters of the very same recipe; None without a TCP_CRR.

    `below` of `n_machines` others are slower, `percentile` is their share; `among` says in words
    which others they are. Counted over cells, so the newest reports may not be in it yet.
    """
    runs = list(figures)
    recipe = headline_recipe(runs)
    logs = [math.log(run.value) for run in runs if run.recipe == recipe and run.value > 0]
    if recipe is None or not logs:
        return None
    mean = math.fsum(logs) / len(logs)
    others = voters(recipe.pk).without(_own(report, recipe))
    n_machines, below = others.n, others.below(mean)
    return {
        "test": recipe.test,
        "unit": recipe.unit,
        "rate": math.exp(mean),
        "n_runs": len(logs),
        "streams": recipe.streams,
        "placement": recipe.placement,
        "topology": recipe.topology,
        "n_machines": n_machines,
        "below": below,
        "percentile": round(100 * below / n_machines, 1) if n_machines else None,
        "among": _among(recipe),
    }


def _among(recipe: Recipe) -> str:
    """The filter in words: who is compared with whom."""
    parts = (
        recipe.test,
        f"{recipe.streams or 'unknown number of'} stream{'' if recipe.streams == 1 else 's'}",
        (recipe.placement or "placement unknown").replace("_", " "),
        (recipe.topology or "topology unknown").replace("_", " "),
    )
    return f"other hosts of any kind, measured with the very same recipe: {', '.join(parts)}"


@dataclass(frozen=True)
class Voters:
    """How many there are, and the logarithms of their rates in order: all of them, or of many as
    many as `thinned` leaves. `own` are some that are not counted.
    """

    n: int
    logs: "array[float]"
    own: tuple[float, ...] = ()

    def without(self, own: tuple[float, ...]) -> "Voters":
        return Voters(max(0, self.n - len(own)), self.logs, own)

    def below(self, mean: float) -> int:
        """How many are slower than `mean`, which is a logarithm too."""
        if not self.logs:
            return 0
        every = self.n + len(self.own)
        slower = round(bisect_left(self.logs, mean) * every / len(self.logs))
        return min(self.n, max(0, slower - sum(log < mean for log in self.own)))

    def by_bin(self, bins_per_e: int) -> Counter[int]:
        """How many have their logarithm in each bin, of which e-fold has so many."""
        found = Counter(math.floor(log * bins_per_e) for log in self.logs)
        return Counter({b: round(n * self.n / len(self.logs)) for b, n in found.items()})


@answer
def voters(recipe_id: int) -> Voters:
    """Of the recipe's cells."""
    logs = sorted(mean for (mean,) in _means(Cell.objects.exact().filter(recipe=recipe_id)))
    return Voters(len(logs), array("d", thinned(logs)))


def _own(report: RawReport, recipe: Recipe) -> tuple[float, ...]:
    """The logarithms of the rates that the report's own voter has."""
    if report.machine_id:
        found = _of_machine(recipe.pk, report.machine_id)
    else:
        found = _of_submitter(recipe.pk, report.submitter_id)
    return tuple(mean for (mean,) in found)


def _means(cells: CellQuerySet) -> Any:
    """One a voter: a machine, else a cell of its own."""
    voter = Case(When(machine=None, then=F("id")), default=None)
    mean = Sum(F("mean_ln") * F("n_sittings")) / Sum("n_sittings")
    rows = cells.order_by().values("machine_id", cell=voter).annotate(mean=mean)
    return rows.values_list("mean")


def _cells_of(recipe: int, **voter: int | None) -> CellQuerySet:
    return Cell.objects.exact().filter(recipe=recipe, **voter)


_of_machine = WrittenOnce(lambda recipe, machine: _means(_cells_of(recipe, machine=machine)))
_of_submitter = WrittenOnce(
    lambda recipe, submitter: _means(_cells_of(recipe, machine=None, submitter=submitter))
)


def advice(
    figures: Iterable[Run], elapsed_s: Mapping[int, float], environment: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What the report's own numbers say of its host: `{limiter, message, numbers}`, rates in
    trans/s, shares in percent.
    """
    rows = [
        RunRow(
            test=run.recipe.test,
            streams=run.recipe.streams,
            placement=run.recipe.placement,
            rate=run.value,
            telemetry=run.telemetry,
            elapsed_time_s=elapsed_s.get(run.run_index),
            topology=run.recipe.topology,
        )
        for run in figures
    ]
    return [
        {
            "limiter": verdict.limiter,
            "message": verdict.message,
            "numbers": {name: float(f"{number:.4g}") for name, number in verdict.numbers.items()},
        }
        for verdict in verdicts(rows, environment.get("spin_steal_percent"))
    ]


def worth_trying(figures: Iterable[Run]) -> list[dict[str, Any]]:
    """What experiments say would help this host under the load of its headline figure."""
    runs = list(figures)
    recipe = headline_recipe(runs)
    system = next((run.system for run in runs if run.recipe == recipe), None)
    return effects.worth_trying(system, recipe) if recipe and system else []


def headline_recipe(runs: list[Run]) -> Recipe | None:
    """The recipe of the ranked headline if the report has it, else that of its first TCP_CRR."""
    crr = [run.recipe for run in runs if run.recipe.test == HEADLINE["test"]]
    exact = [recipe for recipe in crr if all(getattr(recipe, k) == v for k, v in HEADLINE.items())]
    return next(iter(exact or crr), None)
