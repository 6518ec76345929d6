"""From parameters to what the facts say: one row a group and recipe class, from the same groups as
the leaderboards.

Bars that stand side by side under one name have one and the same recipe. Of the recipes that a
label does not tell apart (say runs of 1 s and of 5 s) the one of the most hosts is the usual one;
rows of another say in their label what is other about it.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from django.utils import timezone

from charts import again
from charts.found import ChartData, FoundRow, Value
from charts.params import ChartParams
from charts.taken_out import count_withdrawn
from registry.evidence.groups import Group, Observation, grouped
from registry.leaderboard import observations
from registry.models import Cell, Generation, Recipe
from registry.models.factors import RECIPE_FIELDS
from registry.models.reading import Bound
from registry.pages import words
from registry.vocabulary import kernels, names
from registry.vocabulary.factors import is_setting

PLACEMENTS = {"same_cpu": "same CPU", "cross_cpu": "two CPUs", "unpinned": "unpinned"}
SOURCES = {"plan": "", "pasted": "pasted", "imported": "imported"}
DURATIONS = {
    "short": "short runs",
    "normal": "runs of 2 to 20 s",
    "long": "long runs",
    "count": "count mode",
}
APPLICATION_TESTS: dict[tuple[str, ...], str] = {
    ("HTTP_ACCEPT",): "accepted connections per second",
    ("HTTP_KEEPALIVE",): "HTTP requests per second on kept connections",
}
SIZES = ("request_size_bytes", "response_size_bytes")
FAMILIES = {"inet": "IPv4", "inet6": "IPv6"}
GENERATIONS = {"bsd": "netperf 2.4", "omni": "netperf 2.5 or newer"}
# Of a recipe that is not the usual one, what to say of each field in which it is other; test, unit,
# source, streams and placement are those of its neighbours.
OTHERS: dict[str, Callable[[Recipe], str]] = {
    "duration_class": lambda of: DURATIONS.get(of.duration_class or "", "runs of unknown length"),
    "sizes": lambda of: f"{_known(of.request_size_bytes)}/{_known(of.response_size_bytes)} bytes",
    "timing_options": lambda of: f"timing {of.timing_options or 'plain'}",
    "netperf_generation": lambda of: GENERATIONS.get(
        of.netperf_generation or "", "netperf of unknown age"
    ),
    "topology": lambda of: words.TOPOLOGIES.get(of.topology or "", "topology unknown"),
    "address_family": lambda of: FAMILIES.get(of.address_family or "", "IP version unknown"),
    "message_size_bytes": lambda of: f"messages of {_known(of.message_size_bytes)} bytes",
    "socket_options": lambda of: f"sockets {of.socket_options or 'as they are'}",
    "far_end": lambda of: f"far end {of.far_end or 'unknown'}",
}
K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Found:
    """All figures of one row by test."""

    values: dict[str, Value] = field(default_factory=dict)
    recency: int = 0


@dataclass(frozen=True)
class RowKey:
    """What a row is: its group, and the part of the recipe that its label names."""

    group: tuple[Any, ...]
    source: str
    streams: int | None
    placement: str | None
    others: tuple[tuple[str, Any], ...]  # fields of the recipe that are not as usual, as they are
    variant: str  # the same in words; empty for the usual recipe

    @property
    def recipe(self) -> tuple[Any, ...]:
        """What tells recipes of one test apart; rows of several tests share it."""
        return self.source, self.streams, self.placement, self.others


@dataclass(frozen=True)
class Figure:
    """One group of one recipe and one kind of bound."""

    recipe: Recipe
    bound: str
    group: Group

    @property
    def neighbours(self) -> tuple[Any, ...]:
        """Figures that are drawn side by side under one name, and so must have one recipe."""
        recipe = self.recipe
        return (recipe.test, recipe.source, recipe.streams, recipe.placement)


def find(params: ChartParams, address: str, generation: int) -> ChartData:
    return find_rows(params, address, generation, _found_row)


def find_rows(
    params: ChartParams,
    address: str,
    generation: int,
    row_of: Callable[[RowKey, Found, ChartParams], FoundRow],
) -> ChartData:
    """Everything that the parameters choose, with rows as `row_of` writes them."""
    every = figures(params)
    units = most_hosts(every, lambda figure: figure.recipe.test, lambda figure: figure.recipe.unit)
    chosen = [figure for figure in every if figure.recipe.unit == units[figure.recipe.test]]
    usual = most_hosts(chosen, lambda figure: figure.neighbours, lambda figure: figure.recipe)
    return ChartData(
        rows=[row_of(key, found, params) for key, found in _rows(chosen, usual).items()],
        units=units,
        title=title(params),
        subtitle=subtitle(params),
        address=address,
        date=date(generation),
        generation=generation,
        left_out=len(every) - len(chosen),
        withdrawn=count_withdrawn(params),
        differs=differs(params),
        repeats=again.of_recipes(
            recipe for among, recipe in usual.items() if among[0] == params.tests[0]
        ),
    )


def figures(params: ChartParams) -> list[Figure]:
    """Every group of every recipe that the parameters leave open."""
    cells = Cell.objects.filter(
        recipe__test__in=params.tests,
        **{f"recipe__{name}": value for name, value in params.recipe.items()},
    )
    found = [
        (recipe_id, bound, observation)
        for bound in Bound.values
        for recipe_id, observation in observations(cells.filter(bound=bound), params.group_by)
    ]
    recipes = Recipe.objects.in_bulk({recipe_id for recipe_id, _, _ in found})
    by_recipe: dict[tuple[int, str], list[Observation]] = defaultdict(list)
    for recipe_id, bound, observation in found:
        by_recipe[recipe_id, bound].append(observation)
    return [
        Figure(recipes[recipe_id], bound, group)
        for (recipe_id, bound), seen in by_recipe.items()
        for group in grouped(seen)
    ]


def most_hosts(
    figures: Iterable[Figure], among: Callable[[Figure], K], of: Callable[[Figure], V]
) -> dict[K, V]:
    """For each `among` the `of` with the most hosts, then the most runs, then the first seen."""
    counts: dict[K, dict[V, tuple[int, int]]] = defaultdict(dict)
    for figure in figures:
        hosts, runs = counts[among(figure)].get(of(figure), (0, 0))
        counts[among(figure)][of(figure)] = (
            hosts + figure.group.n_machines,
            runs + figure.group.n_runs,
        )
    return {name: max(seen, key=lambda value: seen[value]) for name, seen in counts.items()}


def _rows(
    figures: Iterable[Figure], usual: Mapping[tuple[Any, ...], Recipe]
) -> dict[RowKey, Found]:
    """Rows of the chart. An exact figure goes before one that is only a bound."""
    rows: dict[RowKey, Found] = defaultdict(Found)
    for figure in sorted(figures, key=lambda figure: figure.bound != Bound.EXACT):
        recipe, group = figure.recipe, figure.group
        others = _others(recipe, usual[figure.neighbours])
        variant = _variant(recipe, others)
        key = RowKey(group.key, recipe.source, recipe.streams, recipe.placement, others, variant)
        row = rows[key]
        row.values.setdefault(recipe.test, value(group, figure.bound))
        row.recency = max(row.recency, group.newest)
    return rows


def _known(size: int | None) -> str:
    return "?" if size is None else str(size)


def _others(recipe: Recipe, usual: Recipe) -> tuple[tuple[str, Any], ...]:
    """What a recipe has that the usual one of its name has not."""
    values = ((name, getattr(recipe, name)) for name in RECIPE_FIELDS)
    return tuple((name, value) for name, value in values if value != getattr(usual, name))


def _variant(recipe: Recipe, others: Iterable[tuple[str, Any]]) -> str:
    """The same in a few words."""
    names = {"sizes" if name in SIZES else name for name, _ in others}
    return ", ".join(word(recipe) for name, word in OTHERS.items() if name in names)


def value(group: Group, bound: str) -> Value:
    """The figures of a group."""
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


def _found_row(key: RowKey, found: Found, params: ChartParams) -> FoundRow:
    group = dict(zip(params.group_by, key.group, strict=True))
    return FoundRow(
        label=label(group),
        recipe=recipe_words(key, params.recipe.keys()),
        family=group.get("virtualization") or "",
        imported=key.source == Recipe.Source.IMPORTED,
        order=(*order(group), key.source, key.streams or 0, place(key), key.variant),
        recency=found.recency,
        usual=not key.others,
        recipe_key=key.recipe,
        values=found.values,
    )


def find_kernels(params: ChartParams, address: str, generation: int) -> ChartData:
    """Kernels in their order, once for each group of the other factors."""
    return find_rows(params, address, generation, _kernel_row)


def _kernel_row(key: RowKey, found: Found, params: ChartParams) -> FoundRow:
    row = _found_row(key, found, params)
    group = dict(zip(params.group_by, key.group, strict=True))
    group.pop("kernel_series", None)
    series, others, *rest = row.order
    return replace(row, order=(others, series, *rest), group=label(group) if group else "kernels")


def recipe_words(key: RowKey, shared: Container[str]) -> str:
    """What tells this row's recipe from its neighbours'; what all rows share stands elsewhere."""
    parts = [
        "" if "streams" in shared or not key.streams else streams_words(key.streams),
        "" if "placement" in shared else PLACEMENTS.get(key.placement or "", ""),
        key.variant,
        SOURCES[key.source],
    ]
    return ", ".join(part for part in parts if part)


def load(recipe: Recipe) -> str:
    """`1 stream, same CPU`: in the words of charts, what is unknown left out."""
    parts = (
        streams_words(recipe.streams) if recipe.streams else "",
        PLACEMENTS.get(recipe.placement or "", ""),
    )
    return ", ".join(part for part in parts if part)


def date(generation: int, found_in: int | None = None) -> str:
    """To when the facts of a drawing go: no later report changed a figure. Of what was found in an
    older generation, and kept, it is not known.
    """
    if found_in is not None and found_in < generation:
        return f"data of generation {found_in}"
    changed = Generation.objects.filter(pk=1).values_list("changed_at", flat=True).first()
    return f"data to {changed or timezone.now():%Y-%m-%d}, generation {generation}"


def differs(params: ChartParams) -> str:
    """In what the rows differ; grouping holds nothing else fixed."""
    named = [words.FACTORS.get(name, name.replace("_", " ")) for name in params.group_by]
    return f"{', '.join(named)} from row to row; hosts are not matched in anything else"


def streams_words(count: int | str) -> str:
    return f"{count} stream{'' if str(count) == '1' else 's'}"


def label(group: Mapping[str, Any]) -> str:
    """`6.12 KVM`: what a group is called."""
    parts = []
    for name, value in group.items():
        if name == "virtualization":
            parts.append(names.display(name, value) if value else "unknown")
        elif value is not None:
            parts.append(_word(name, value))
    return " ".join(part for part in parts if part) or "unknown"


def _word(name: str, value: Any) -> str:
    if is_setting(name):
        return f"{name} {value}"
    return f"{value} CPUs" if name == "cpus" else names.display(name, value)


def order(group: Mapping[str, Any]) -> tuple[Any, ...]:
    """Kernels in their own order, then the other factors by name."""
    series = kernels.order(group.get("kernel_series")) if "kernel_series" in group else ()
    others = tuple(
        _sorted_as(name, value) for name, value in group.items() if name != "kernel_series"
    )
    return series, others


def place(key: RowKey) -> int:
    """The headline first."""
    return ("same_cpu", "unpinned", "cross_cpu", None).index(key.placement)


def _sorted_as(name: str, value: Any) -> Any:
    """Bare metal stands first among the hypervisors, since the others are read against it;
    releases by their numbers.
    """
    if name == "kernel_release":
        return kernels.release_order(value)
    return "" if name == "virtualization" and value == "none" else str(value or "")


def title(params: ChartParams) -> str:
    nouns = {
        "kernel_series": "kernel",
        "virtualization": "hypervisor",
        "virtualization_mode": None,
        "cpu_model": "CPU",
    }
    words = [word for name in params.group_by if (word := nouns.get(name, name.replace("_", " ")))]
    tests = ", ".join(params.tests)
    groups = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return f"{tests} by {groups}"


def subtitle(params: ChartParams) -> str:
    recipe = []
    if "streams" in params.recipe:
        recipe.append(streams_words(params.recipe["streams"]))
    named = [params.recipe[name] for name in ("placement", "topology") if name in params.recipe]
    recipe += [PLACEMENTS.get(value, value) for value in named]
    what = APPLICATION_TESTS.get(params.tests, "netperf")
    return ", ".join([what, *recipe]) + "; more is better"
