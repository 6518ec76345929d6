"""From parameters to what the facts say: one row a group and recipe class, from the same groups as
the leaderboards.

Two recipes are never averaged. Where a row has figures of several recipes that its label does not
tell apart (say runs of 1 s and of 5 s), the recipe of the most hosts is drawn and the others are
counted as left out.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from charts.params import ChartParams
from charts.spec import ChartData, FoundRow, Value
from registry.evidence.groups import Group, grouped
from registry.leaderboard import observations
from registry.models import Cell, Recipe
from registry.models.reading import Bound
from registry.vocabulary import kernels, virtualization

PLACEMENTS = {"same_cpu": "same CPU", "cross_cpu": "two CPUs", "unpinned": "unpinned"}
SOURCES = {"plan": "", "pasted": "pasted", "imported": "imported"}


@dataclass
class Found:
    """All figures of one row: by test, then by recipe."""

    values: dict[str, dict[int, Value]] = field(default_factory=lambda: defaultdict(dict))
    recency: int = 0


@dataclass(frozen=True)
class RowKey:
    """What a row is: its group, and the part of the recipe that its label names."""

    group: tuple[Any, ...]
    source: str
    streams: int | None
    placement: str | None


def find(params: ChartParams, address: str, generation: int) -> ChartData:
    cells = Cell.objects.filter(
        recipe__test__in=params.tests,
        **{f"recipe__{name}": value for name, value in params.recipe.items()},
    )
    recipes = Recipe.objects.in_bulk(set(cells.values_list("recipe_id", flat=True)))
    rows = _rows(cells, params.group_by, recipes)
    found = {
        key: {test: _best(by_recipe) for test, by_recipe in row.values.items()}
        for key, row in rows.items()
    }
    left_out = sum(len(by) - 1 for row in rows.values() for by in row.values.values())
    return ChartData(
        rows=[_found_row(key, rows[key].recency, values, params) for key, values in found.items()],
        units={recipe.test: recipe.unit for recipe in recipes.values()},
        title=_title(params),
        subtitle=_subtitle(params),
        address=address,
        date=f"{timezone.now():%Y-%m-%d}, generation {generation}",
        left_out=left_out,
    )


def _rows(
    cells: "QuerySet[Cell]", group_by: Sequence[str], recipes: Mapping[int, Recipe]
) -> dict[RowKey, Found]:
    rows: dict[RowKey, Found] = defaultdict(Found)
    for bound in Bound.values:
        bounded = cells.filter(bound=bound)
        by_recipe: dict[int, list[Any]] = defaultdict(list)
        for recipe_id, observation in observations(bounded, group_by):
            by_recipe[recipe_id].append(observation)
        for recipe_id, seen in by_recipe.items():
            recipe = recipes[recipe_id]
            for group in grouped(seen):
                row = rows[RowKey(group.key, recipe.source, recipe.streams, recipe.placement)]
                row.values[recipe.test].setdefault(recipe_id, _value(group, bound))
                row.recency = max(row.recency, group.newest)
    return rows


def _value(group: Group, bound: str) -> Value:
    estimate = group.estimate
    return Value(
        rate=estimate.rate,
        ci_low=estimate.ci_low,
        ci_high=estimate.ci_high,
        host_rates=tuple(sorted(math.exp(log) for log in group.host_logs)),
        n_runs=group.n_runs,
        n_machines=group.n_machines,
        n_submitters=group.n_submitters,
        bound=bound,
    )


def _best(by_recipe: Mapping[int, Value]) -> Value:
    """The recipe with the most hosts, then the most runs, then the first that was seen."""
    first = min(by_recipe, key=lambda id: (-by_recipe[id].n_machines, -by_recipe[id].n_runs, id))
    return by_recipe[first]


def _found_row(
    key: RowKey, recency: int, values: Mapping[str, Value], params: ChartParams
) -> FoundRow:
    group = dict(zip(params.group_by, key.group, strict=True))
    return FoundRow(
        label=_label(group),
        recipe=_recipe(key, params),
        family=group.get("virtualization") or "",
        imported=key.source == Recipe.Source.IMPORTED,
        order=_order(group, key),
        recency=recency,
        values=values,
    )


def _recipe(key: RowKey, params: ChartParams) -> str:
    """What tells this row's recipe from its neighbours'; what all rows share stands in the
    subtitle.
    """
    shared = params.recipe.keys()
    parts = [
        "" if "streams" in shared or not key.streams else _streams(key.streams),
        "" if "placement" in shared else PLACEMENTS.get(key.placement or "", ""),
        SOURCES[key.source],
    ]
    return ", ".join(part for part in parts if part)


def _streams(count: int | str) -> str:
    return f"{count} stream{'' if str(count) == '1' else 's'}"


def _label(group: Mapping[str, Any]) -> str:
    parts = []
    for name, value in group.items():
        if name == "virtualization":
            parts.append(virtualization.display(value))
        elif value is not None:
            parts.append(_word(name, value))
    return " ".join(part for part in parts if part) or "unknown"


def _word(name: str, value: Any) -> str:
    if name == "virtualization_mode":
        return {"pv": "PV", "hvm": "HVM", "pvhvm": "PVHVM", "pvh": "PVH"}.get(value, str(value))
    return f"{value} CPUs" if name == "cpus" else str(value)


def _order(group: Mapping[str, Any], key: RowKey) -> tuple[Any, ...]:
    """Kernels in their own order, then the other factors by name, then the recipe: the headline
    first.
    """
    series = kernels.order(group.get("kernel_series")) if "kernel_series" in group else ()
    others = tuple(str(value or "") for name, value in group.items() if name != "kernel_series")
    placements = ("same_cpu", "unpinned", "cross_cpu", None)
    return (series, others, key.source, key.streams or 0, placements.index(key.placement))


def _title(params: ChartParams) -> str:
    names = {
        "kernel_series": "kernel",
        "virtualization": "hypervisor",
        "virtualization_mode": None,
        "cpu_model": "CPU",
    }
    words = [word for name in params.group_by if (word := names.get(name, name.replace("_", " ")))]
    tests = ", ".join(params.tests)
    groups = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"{tests} by {groups}"


def _subtitle(params: ChartParams) -> str:
    recipe = []
    if "streams" in params.recipe:
        recipe.append(_streams(params.recipe["streams"]))
    recipe += [
        str(params.recipe[name]) for name in ("placement", "topology") if name in params.recipe
    ]
    what = "accepted connections per second" if params.tests == ("HTTP_ACCEPT",) else "netperf"
    return ", ".join([what, *recipe]) + "; more is better"
