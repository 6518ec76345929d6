"""Leaderboards: cells of one test, grouped by factors, one board a recipe. Figures of two recipes
are never averaged.

Reads cells only. Charts and pages use the same groups, so that a bar and a row never disagree.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.db.models import QuerySet

from registry.evidence.direction import better
from registry.evidence.groups import Group, Observation, Row, grouped, leaderboard
from registry.kept import answer
from registry.models import Cell, Recipe, System
from registry.models.factors import RECIPE_FIELDS, setting
from registry.models.summary import CellQuerySet
from registry.refusal import Refused
from registry.vocabulary.factors import (
    DEFAULT_RECIPE,
    RECIPE_FACTORS,
    SYSTEM_FACTORS,
    canonical,
    is_of_host,
)

DEFAULT_GROUP_BY = ("virtualization", "kernel_series")
ROWS_AT_ONCE = 10_000
MOST_GROUP_BY = 16  # each is a column of one statement
_GROUPED_BY_RECIPE = tuple(name for name in RECIPE_FACTORS if name != "test")
R = TypeVar("R", bound=QuerySet[Any])


@dataclass(frozen=True)
class Query:
    """What is asked: values that the recipe and the system must have, by the canonical names of
    their factors, and the factors that make a group, as they were named.
    """

    recipe: tuple[tuple[str, Any], ...]
    system: tuple[tuple[str, Any], ...]
    group_by: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    """Rows of one recipe. `recipe` holds the recipe's fields that are not null."""

    recipe: dict[str, Any]
    rows: tuple[Row, ...]


def ask(params: Mapping[str, str]) -> Query:
    """The query in an address's parameters. Raises Refused 422 with every fault."""
    asked = params.get("group_by", ",".join(DEFAULT_GROUP_BY))
    group_by = tuple(asked.split(",")) if asked else ()
    recipe = {name: params.get(name, DEFAULT_RECIPE[name]) for name in RECIPE_FACTORS}
    recipe = {name: value for name, value in recipe.items() if value != "any"}
    system = {name: value for name, value in params.items() if is_of_host(name)}
    faults = [
        {"path": path, "message": message}
        for path, message in (
            *_faults_of_names(params, group_by),
            *_faults_of_values({**recipe, **system}),
        )
    ]
    if faults:
        raise Refused(422, "invalid", "The query is not valid.", faults)
    recipe = {name: int(v) if name == "streams" else v for name, v in recipe.items()}
    named = tuple((canonical(name), value) for name, value in system.items())
    return Query(tuple(recipe.items()), named, group_by)


def _faults_of_names(
    params: Mapping[str, str], group_by: Sequence[str]
) -> Iterator[tuple[str, str]]:
    for name in params:
        if name not in {*RECIPE_FACTORS, "group_by", "format"} and not is_of_host(name):
            yield name[:100], "unknown factor"
    for name in group_by:
        if name not in _GROUPED_BY_RECIPE and not is_of_host(name):
            yield "group_by", f"unknown factor {name[:100]}"
    if len(set(group_by)) != len(group_by):
        yield "group_by", "expected each factor once"
    if len(group_by) > MOST_GROUP_BY:
        yield "group_by", f"expected {MOST_GROUP_BY} factors at the most"


def _faults_of_values(asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in asked.items():
        if name in {"streams", "cpus"} and not _is_count(value):
            yield name, "expected a whole number"
        if "\0" in str(value):
            yield name, "the text holds a NUL character"


def _is_count(value: Any) -> bool:
    text = str(value)
    return text.isascii() and text.isdigit() and len(text) < 8


def hash_of(query: Any) -> str:
    """A name for what was asked, to keep its answer under."""
    return hashlib.sha256(repr(query).encode()).hexdigest()


def cells_of(query: Query) -> CellQuerySet:
    """The cells that have the values which are asked."""
    return having(query, Cell.objects.exact())


def having(query: Query, rows: R) -> R:
    """Those of `rows`, which have a recipe and a system, that have the values which are asked."""
    rows = rows.filter(**{f"recipe__{name}": value for name, value in query.recipe})
    for name, value in query.system:
        if name in SYSTEM_FACTORS:
            rows = rows.filter(**{f"system__{name}": value})
        else:
            said = System.objects.alias(said=setting(name)).filter(said=value)
            rows = rows.filter(system__in=said)
    return rows


@answer
def boards(query: Query) -> list[Board]:
    """The boards that answer `query`, the most voters first."""
    cells = cells_of(query)
    by_recipe: dict[int, list[Observation]] = {}
    for recipe_id, observation in observations(cells, query.group_by):
        by_recipe.setdefault(recipe_id, []).append(observation)
    recipes = Recipe.objects.in_bulk(by_recipe)
    found = [_board(query, recipes[recipe_id], rows) for recipe_id, rows in by_recipe.items()]
    return sorted(found, key=lambda board: (_imported(board), -_voters(board), str(board.recipe)))


def _board(query: Query, recipe: Recipe, rows: Sequence[Observation]) -> Board:
    direction = better(recipe.unit)
    groups = grouped(rows, direction)
    found = leaderboard(groups, direction, lambda group: class_of(query, group))
    kept = (replace(row, group=row.group.kept()) for row in found)
    return Board(recipe_fields(recipe), tuple(kept))


def class_of(query: Query, group: Group) -> tuple[Any, ...] | None:
    """The platform and CPU model of a group, where its name or the query says both: rows are never
    drawn to those of another.
    """
    named = zip(map(canonical, query.group_by), group.key, strict=True)
    known = {**dict(query.system), **dict(named)}
    values = tuple(known.get(name) for name in ("virtualization", "cpu_model"))
    return None if None in values else values


def observations(cells: Any, group_by: Sequence[str]) -> Iterator[tuple[int, Observation]]:
    """(recipe id, observation) for each cell; the key of a group is the values of `group_by`, in
    its order. Rows come as they are read, and share what is the same for all of a system.
    """
    rows = cells.values_list(
        "recipe_id",
        "recipe__source",
        "machine_id",
        "submitter_id",
        "system_id",
        "mean_ln",
        "n_runs",
        "n_sittings",
        "last_report_id",
        "system__cpu_model",
        "system__cpus",
        *map(_column, group_by),
    ).iterator(chunk_size=ROWS_AT_ONCE)
    known: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for recipe, source, machine, sender, system, mean_ln, runs, sittings, newest, *rest in rows:
        stratum, key = tuple(rest[:2]), tuple(rest[2:])
        yield (
            recipe,
            Observation(
                key=known.setdefault(key, key),
                voter=f"m{machine}" if machine else f"s{sender}/{system}",
                submitter=sender,
                mean_ln=mean_ln,
                n_runs=runs,
                n_sittings=sittings,
                imported=source == Recipe.Source.IMPORTED,
                newest=newest,
                stratum=known.setdefault(stratum, stratum),
            ),
        )


def _column(factor: str) -> Any:
    """What a cell's value of a factor is selected by."""
    name = canonical(factor)
    if name in SYSTEM_FACTORS:
        return f"system__{name}"
    return f"recipe__{name}" if name in RECIPE_FACTORS else setting(name, "system__settings")


def recipe_fields(recipe: Recipe) -> dict[str, Any]:
    values = {name: getattr(recipe, name) for name in RECIPE_FIELDS}
    return {name: value for name, value in values.items() if value not in (None, "")}


def group_name(query: Query, group: Group) -> dict[str, str | None]:
    """{factor: canonical identifier as a string}; null where the report does not say."""
    return {
        name: None if value is None else str(value)
        for name, value in zip(query.group_by, group.key, strict=True)
    }


def _imported(board: Board) -> bool:
    return board.recipe["source"] == Recipe.Source.IMPORTED


def _voters(board: Board) -> int:
    return sum(row.group.n_machines for row in board.rows)
