"""Does a setting help? What the registry's own data say, by three kinds of evidence.

Experiments are runs that are arms; matched pairs and associations come from cells. Recipes are
never mixed: a contrast names its workload, and a pair or a kind of host is within one recipe.
"""

import math
import shlex
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations, groupby, islice
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from registry import leaderboard
from registry.evidence import tweaks
from registry.evidence.costs import bounded
from registry.evidence.mechanisms import is_exercised
from registry.evidence.ratio import Ratio, Stratum, has_enough, stratified
from registry.evidence.tweaks import Contrast, EffectRow, HostEffect
from registry.kept import REST, answer
from registry.models import Cell, Findings, Generation, RawReport, Recipe, Run, System
from registry.models.reading import Bound
from registry.models.summary import CellQuerySet
from registry.refusal import Refused
from registry.vocabulary.factors import (
    RECIPE_FACTORS,
    TUNABLE,
    canonical,
    is_of_host,
    is_setting,
)

# What a host is in an association; the setting in question is left out of it.
_KIND_OF_HOST = ("virtualization", "virtualization_mode", "kernel_series", "cpu_model", "cpus")
# Settings that a person chooses, also those that are columns of a system.
CHOSEN = ("virtualization_mode", "hypervisor_version", "kernel_release", "clocksource")
MOST_CELLS = 50_000  # looked at at once for associations: some 20 s
SITTINGS_AT_ONCE = 500  # of experiments, with their systems and recipes
VALUES_COMPARED = 6  # of one factor, those of the most hosts
LEAST_FEARED_S, LONGEST_FEARED_S = 1.0, 180.0  # that findings will take, once they ended a worker


@dataclass(frozen=True)
class Query:
    """Which cells and runs, and which factor, by the name it was asked for; None for all."""

    cells: leaderboard.Query
    factor: str | None

    @property
    def column(self) -> str | None:
        """The factor's canonical name."""
        return canonical(self.factor) if self.factor else None

    @property
    def recipe(self) -> tuple[tuple[str, Any], ...]:
        return self.cells.recipe


@dataclass(frozen=True)
class Association:
    """Hosts of the same kind with and without: a ratio over strata, never an effect."""

    contrast: Contrast
    overall: Ratio
    n_strata: int
    n_machines: int
    n_submitters: int
    has_enough: bool


@dataclass(frozen=True)
class Effects:
    """`paired` are experiments and matched pairs; associations stand apart, and are None where
    there are more figures than are looked at at once. `generation` is the oldest that rows are of.
    """

    paired: tuple[EffectRow, ...]
    associations: tuple[Association, ...] | None
    generation: int = 0


@dataclass(frozen=True)
class _CellRow:
    recipe: Recipe
    system: System
    voter: str
    submitter: int
    mean_ln: float
    n_sittings: int
    moved: list[str]


_Kind = tuple[Any, ...]
_Sides = Mapping[str, Mapping[str, list[_CellRow]]]  # by value, then by host


class _Arm(NamedTuple):
    """A run of an experiment, by the names of its columns."""

    reading_id: int
    run_index: int
    part: str
    bound: str
    recipe_id: int
    system_id: int
    machine_id: int | None
    submitter_id: int
    value: float
    moved: list[str]


def ask(params: Mapping[str, str]) -> Query:
    """The query in an address's parameters; a recipe factor that is left out is any. Raises Refused
    422 with every fault.
    """
    factor = params.get("factor") or None
    known = factor is None or is_of_host(factor)
    unknown = [name for name in params if name not in {*RECIPE_FACTORS, "factor", "format"}]
    faults = [{"path": name[:100], "message": "unknown parameter"} for name in unknown]
    if not known:
        faults.append({"path": "factor", "message": "no factor of the vocabulary"})
    if faults:
        raise Refused(422, "invalid", "The query is not valid.", faults)
    asked = {name: params.get(name, "any") for name in RECIPE_FACTORS}
    return Query(leaderboard.ask({**asked, "group_by": ""}), factor)


def find(query: Query) -> Effects:
    """What is known now."""
    paired, seen = _paired.dated(), _seen.dated(query)
    rows = (replace(row, contrast=_named(query, row.contrast)) for row in paired.value)
    asked = tuple(row for row in rows if _is_asked(query, row.contrast))
    return Effects(asked, seen.value, min(paired.generation, seen.generation))


def _named(query: Query, contrast: Contrast) -> Contrast:
    """The contrast under the name that its factor was asked for."""
    if query.factor is None or contrast.factor != query.column:
        return contrast
    return contrast._replace(factor=query.factor)


def refresh_findings() -> bool:
    """Work out anew what experiments have shown, if the facts changed since; whether it was so.
    Between two times it rests as long as an answer that is kept.
    """
    generation, now = Generation.current(), timezone.now()
    stored = Findings.stored()
    rest = timedelta(seconds=REST * stored.took_s)
    is_resting = stored.found_at and now - rest < stored.found_at <= now
    if stored.generation == generation or is_resting:
        return False
    # Before it is begun: each time that ends its worker is rested for twice as long as the last.
    feared_s = max(stored.took_s, min(2 * stored.took_s, LONGEST_FEARED_S), LEAST_FEARED_S)
    Findings.objects.update_or_create(pk=1, defaults={"found_at": now, "took_s": feared_s})
    began_s = time.perf_counter()
    told = [
        row
        for row in tweaks.rows(tweaks.EXPERIMENT, _experiments())
        if row.verdict in ("helps", "hurts")
    ]
    Findings.objects.filter(pk=1).update(
        generation=generation,
        rows=[_finding(row) for row in told],
        found_at=timezone.now(),
        took_s=time.perf_counter() - began_s,
    )
    return True


def _finding(row: EffectRow) -> dict[str, Any]:
    """A row as a change for the better: from the worse value to the other."""
    contrast, effect = row.contrast, row.effect
    ends = (effect.ratio, effect.ci_low or effect.ratio, effect.ci_high or effect.ratio)
    values = (contrast.before, contrast.after)
    if row.verdict == "hurts":
        values, ends = values[::-1], (1 / ends[0], 1 / ends[2], 1 / ends[1])
    load = {name: getattr(contrast, name) for name in RECIPE_FACTORS}
    ratio, low, high = ends
    return {
        "factor": contrast.factor,
        "from": values[0],
        "to": values[1],
        "ratio": ratio,
        "ci_low": low,
        "ci_high": high,
        "n_machines": row.n_machines,
        **load,
    }


def command_of(factor: str, registry: str) -> str | None:
    """The command that contributes one machine's experiment; None where `tune` cannot try it."""
    if factor not in TUNABLE:
        return None
    return shlex.join(["sudo", "crr-submit", "tune", factor, "--registry", registry])


def worth_trying(system: System, recipe: Recipe) -> list[dict[str, Any]]:
    """What experiments under the same load say would help a host that has the worse value."""
    factors = system.factors()
    return [
        {**found, "message": _advice(found)}
        for found in Findings.stored().rows
        if str(factors.get(found["factor"])) == found["from"]
        and all(found[name] == getattr(recipe, name) for name in RECIPE_FACTORS)
    ]


def _advice(found: Mapping[str, Any]) -> str:
    return (
        f"{found['factor']} {found['from']} -> {found['to']}: x{found['ratio']:.2f} "
        f"({found['ci_low']:.2f}-{found['ci_high']:.2f}) in experiments on "
        f"{found['n_machines']} machines"
    )


@answer
def _paired() -> tuple[EffectRow, ...]:
    """Every experiment and matched pair there is: how many were tried decides what a word needs, so
    a query filters the rows and never the family that Holm corrects for.
    """
    experiments = tweaks.rows(tweaks.EXPERIMENT, _experiments())
    matched = tweaks.rows(tweaks.MATCHED, _matched(_rows_of(_of_changed_machines())))
    return (*experiments, *matched)


@answer
def _seen(query: Query) -> tuple[Association, ...] | None:
    cells = _measured(query.recipe)
    if cells[:MOST_CELLS].count() == MOST_CELLS:
        return None
    return tuple(_associations(_rows_of(cells), query))


def _is_asked(query: Query, contrast: Contrast) -> bool:
    asked = all(getattr(contrast, name) == value for name, value in query.recipe)
    return asked and query.factor in (None, contrast.factor)


def experiments_on(factor: str, value: str) -> list[EffectRow]:
    """Experiments on hosts of one platform. Their words are not of the family that Holm corrects
    for, so only the ratios are to be shown.
    """
    return tweaks.rows(tweaks.EXPERIMENT, _experiments(**{f"system__{factor}": value}))


def of_host(runs: Iterable[Run]) -> list[HostEffect]:
    """What the arms of one report show, an effect for each recipe and pair of them."""
    ordered = sorted(runs, key=lambda run: run.pk)
    recipes = {run.recipe_id: run.recipe for run in ordered}
    systems = {run.system_id: run.system for run in ordered}
    return list(_effects_of(ordered, recipes, systems))


def _experiments(**only: Any) -> Iterator[HostEffect]:
    """One effect for each report, recipe and pair of arms."""
    arms = Run.objects.filter(reading=OuterRef("reading"), part=Run.Part.ARM)
    runs = Run.objects.filter(
        Q(part=Run.Part.ARM) | Q(Exists(arms), part=Run.Part.PARTIAL),
        reading__active=True,
        reading__report__in=RawReport.objects.listed(),
        **only,
    ).exclude(recipe__source=Recipe.Source.IMPORTED)
    ordered = runs.order_by("reading_id", "id").values_list(*_Arm._fields)
    rows = (_Arm(*row) for row in ordered.iterator())
    sittings = (list(sitting) for _, sitting in groupby(rows, key=lambda arm: arm.reading_id))
    while some := list(islice(sittings, SITTINGS_AT_ONCE)):
        recipes = Recipe.objects.in_bulk({run.recipe_id for runs in some for run in runs})
        systems = System.objects.in_bulk({run.system_id for runs in some for run in runs})
        for sitting in some:
            yield from _effects_of(sitting, recipes, systems)


def _effects_of(
    runs: Sequence[Run | _Arm], recipes: Mapping[int, Recipe], systems: Mapping[int, System]
) -> Iterator[HostEffect]:
    """Of one report, by recipe. Runs that were cut short count for nothing but their places."""
    by_recipe: dict[int, list[Run | _Arm]] = defaultdict(list)
    for run in runs:
        if run.part == Run.Part.ARM and run.bound == Bound.EXACT and run.value > 0:
            by_recipe[run.recipe_id].append(run)
    for recipe_id, arms in sorted(by_recipe.items()):
        tried = {arm.system_id for arm in arms}
        first = min(run.run_index for run in runs if run.system_id in tried)
        yield from _effect_of(arms, first, recipes[recipe_id], systems)


def _effect_of(
    runs: Sequence[Run | _Arm], first_index: int, recipe: Recipe, systems: Mapping[int, System]
) -> Iterator[HostEffect]:
    first = runs[0]
    others = [run for run in runs if run.system_id != first.system_id]
    if not others or len({run.system_id for run in runs}) != 2:
        return
    found = _contrast(systems[first.system_id], systems[others[0].system_id], recipe)
    letters = "".join("a" if run.system_id == first.system_id else "b" for run in runs)
    logs = [math.log(run.value) for run in runs]
    if found is None:
        return
    contrast, sign = found
    places = [run.run_index - first_index for run in runs]
    apart = math.gcd(*places) or 1  # other recipes may be measured between
    effect = tweaks.host_effect(letters, logs, [place // apart for place in places])
    if effect is None:
        return
    yield HostEffect(
        contrast=contrast,
        machine=f"m{first.machine_id}" if first.machine_id else f"s{first.submitter_id}",
        submitter=first.submitter_id,
        log=sign * effect[0],
        n_pairs=effect[1],
        is_exercised=_is_exercised(contrast, runs),
    )


def _is_exercised(contrast: Contrast, sides: Iterable[Run | _Arm | _CellRow]) -> bool:
    counters = {name for side in sides for name in side.moved}
    return is_exercised(contrast.factor, contrast.topology, counters)


def _contrast(one: System, other: System, recipe: Recipe) -> tuple[Contrast, int] | None:
    """The contrast in the order of its values' names, and -1 where that turns it round."""
    found = tweaks.contrast_of(one.factors(), other.factors())
    if found is None:
        return None
    factor, before, after = found
    low, high = sorted((before, after))
    load = (recipe.test, recipe.topology, recipe.streams, recipe.placement, recipe.unit)
    return Contrast(factor, low, high, *load), 1 if before == low else -1


def _measured(recipe: Iterable[tuple[str, Any]]) -> CellQuerySet:
    """Cells of figures that a client or a paste brought."""
    cells = Cell.objects.exact().exclude(recipe__source=Recipe.Source.IMPORTED)
    return cells.filter(**{f"recipe__{name}": value for name, value in recipe})


def _of_changed_machines() -> CellQuerySet:
    """Those of machines that reported one recipe from several systems: others pair with none."""
    same = Cell.objects.exact().filter(recipe=OuterRef("recipe"), machine=OuterRef("machine"))
    return _measured(()).filter(Exists(same.exclude(system=OuterRef("system"))))


def _rows_of(cells: CellQuerySet) -> list[_CellRow]:
    columns = ("recipe_id", "system_id", "machine_id", "submitter_id", "mean_ln", "n_sittings")
    rows = list(cells.values_list(*columns, "moved"))
    recipes = Recipe.objects.in_bulk({row[0] for row in rows})
    systems = System.objects.in_bulk({row[1] for row in rows})
    return [
        _CellRow(
            recipes[recipe],
            systems[system],
            f"m{machine}" if machine else f"s{submitter}/{systems[system].cpu_model}",
            submitter,
            mean_ln,
            n_sittings,
            moved,
        )
        for recipe, system, machine, submitter, mean_ln, n_sittings, moved in rows
    ]


def _matched(cells: Iterable[_CellRow]) -> Iterator[HostEffect]:
    """Hosts that reported with and without, all else equal. Only a machine that is known is told to
    be the same.
    """
    by_host: dict[tuple[int, str], list[_CellRow]] = defaultdict(list)
    for cell in cells:
        if cell.voter.startswith("m"):
            by_host[cell.recipe.pk, cell.voter].append(cell)
    for rows in by_host.values():
        for one, other in combinations(rows, 2):
            found = _contrast(one.system, other.system, one.recipe)
            if found is None or not _is_chosen(found[0].factor):
                continue
            contrast, sign = found
            yield HostEffect(
                contrast=contrast,
                machine=one.voter,
                submitter=one.submitter,
                log=sign * (other.mean_ln - one.mean_ln),
                n_pairs=min(one.n_sittings, other.n_sittings),
                is_exercised=_is_exercised(contrast, (one, other)),
            )


def _is_chosen(factor: str) -> bool:
    return factor in CHOSEN or is_setting(factor)


def _associations(cells: Iterable[_CellRow], query: Query) -> Iterator[Association]:
    """For each factor, its commonest values in pairs, within hosts of one kind."""
    by_factor: dict[tuple[str, tuple[Any, ...]], list[tuple[str, _CellRow]]] = defaultdict(list)
    for cell in cells:
        load = tuple(getattr(cell.recipe, name) for name in (*RECIPE_FACTORS, "unit"))
        for factor, value in cell.system.factors().items():
            is_wanted = _is_chosen(factor) and query.column in (None, factor)
            if is_wanted and value is not None and cell.system.cpu_model:
                by_factor[factor, load].append((str(value), cell))
    for (factor, load), rows in sorted(by_factor.items(), key=str):
        for before, after in _value_pairs(rows):
            contrast = Contrast(factor, before, after, *load)
            association = _association(contrast, rows)
            sides = [cell for value, cell in rows if value in (before, after)]
            if association and _is_exercised(contrast, sides):
                yield replace(association, contrast=_named(query, contrast))


def _value_pairs(rows: Iterable[tuple[str, _CellRow]]) -> Iterator[tuple[str, str]]:
    hosts: dict[str, set[str]] = defaultdict(set)
    for value, cell in rows:
        hosts[value].add(cell.voter)
    common = sorted(hosts, key=lambda value: (-len(hosts[value]), value))[:VALUES_COMPARED]
    return combinations(sorted(common), 2)


def _association(contrast: Contrast, rows: Iterable[tuple[str, _CellRow]]) -> Association | None:
    strata = _one_kind_a_host(_sides(contrast, rows))
    before, after = (
        [cell for sides in strata.values() for cells in sides[value].values() for cell in cells]
        for value in (contrast.before, contrast.after)
    )
    n_hosts = (len({cell.voter for cell in after}), len({cell.voter for cell in before}))
    found = stratified(
        [
            Stratum(str(kind), _votes(sides[contrast.after]), _votes(sides[contrast.before]))
            for kind, sides in strata.items()
        ],
        n_hosts,
    )
    if found is None:
        return None
    return Association(
        contrast,
        found.overall,
        len(strata),
        len({cell.voter for cell in before + after}),
        len({cell.submitter for cell in before + after}),
        has_enough(len({cell.system.cpu_model for cell in after}), *n_hosts),
    )


def _sides(
    contrast: Contrast, rows: Iterable[tuple[str, _CellRow]]
) -> dict[tuple[_Kind, int], _Sides]:
    """The cells by kind of host and recipe, on each side by host."""
    found: dict[tuple[_Kind, int], _Sides] = defaultdict(
        lambda: {value: defaultdict(list) for value in (contrast.before, contrast.after)}
    )
    for value, cell in rows:
        if value in (contrast.before, contrast.after):
            kind = _kind_of_host(cell, contrast.factor)
            found[kind, cell.recipe.pk][value][cell.voter].append(cell)
    return found


def _one_kind_a_host(found: Mapping[tuple[_Kind, int], _Sides]) -> dict[_Kind, _Sides]:
    """The kinds that hold both sides, each under one recipe, and each host in one kind: those of
    the most hosts come first.
    """

    def order(key: tuple[_Kind, int]) -> tuple[int, str, int]:
        kind, recipe_id = key
        return -sum(map(len, found[key].values())), str(kind), recipe_id

    strata: dict[_Kind, _Sides] = {}
    taken: set[str] = set()
    for kind, recipe_id in sorted((key for key in found if all(found[key].values())), key=order):
        sides = {
            value: {voter: cells for voter, cells in hosts.items() if voter not in taken}
            for value, hosts in found[kind, recipe_id].items()
        }
        if kind not in strata and all(sides.values()):
            strata[kind] = sides
            taken.update(*sides.values())
    return strata


def _votes(hosts: Mapping[str, Sequence[_CellRow]]) -> tuple[float, ...]:
    """One value a host, the mean over its sittings, and one of a sender who has too many."""
    owners: dict[int, list[float]] = defaultdict(list)
    for cells in hosts.values():
        total = math.fsum(cell.mean_ln * cell.n_sittings for cell in cells)
        owner = min(cell.submitter for cell in cells)
        owners[owner].append(total / sum(cell.n_sittings for cell in cells))
    return tuple(bounded(owners.values()))


def _kind_of_host(cell: _CellRow, factor: str) -> _Kind:
    """What the host is, without the factor in question."""
    left_out = {factor, "kernel_series"} if factor == "kernel_release" else {factor}
    return tuple(getattr(cell.system, name) for name in _KIND_OF_HOST if name not in left_out)
