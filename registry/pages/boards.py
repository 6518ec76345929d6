"""The leaderboard page: the form's choices, the boards with their rows in words, and what other
recipes there are.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.safestring import SafeString

from registry import leaderboard, repeat
from registry.evidence.groups import REPLICATED, Group, Row
from registry.evidence.summary import Estimate
from registry.kept import answer
from registry.models import Cell, Recipe
from registry.pages import words
from registry.pages.fragments import fragment
from registry.pages.numbers import plural
from registry.vocabulary.factors import (
    DEFAULT_RECIPE,
    FACTORS,
    RECIPE_FACTORS,
    SETTINGS,
    canonical,
)

BOARDS_SHOWN = 20
ROWS_SHOWN = 200
RECIPES_SHOWN = 12
ANY = "any"


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Line:
    """One row; `group` holds its values in the order of the factors, None where unknown. `reports`
    asks for the reports behind it; empty where a value is unknown.
    """

    rank: str
    group: tuple[str | None, ...]
    estimate: Estimate
    is_ranked: bool
    note: str
    bar: "Bar"
    reports: str
    n_hosts: str
    n_runs: str


@dataclass(frozen=True)
class Bar:
    """Where the figure and its interval lie, as percentages of the widest figure of the board."""

    rate: str
    low: str | None
    width: str | None


@dataclass(frozen=True)
class BoardTable:
    """`last` names the row that the next page follows, empty where none does."""

    test: str
    unit: str
    load: str
    details: tuple[str, ...]
    imported: bool
    repeat: str | None
    lines: tuple[Line, ...]
    n_more: int
    last: str

    @property
    def has_notes(self) -> bool:
        return any(line.note for line in self.lines)

    @property
    def rows(self) -> list[SafeString]:
        has_notes = self.has_notes
        return [_row(line, self.unit, has_notes) for line in self.lines]


_row = fragment("registry/_board_row.html", "line", "unit", "has_notes")


@dataclass(frozen=True)
class OtherRecipe:
    """A recipe that has figures, and the query that shows them."""

    label: str
    query: str
    n_hosts: int


@dataclass(frozen=True)
class Found:
    """Boards as tables, and how many more there are."""

    tables: tuple[BoardTable, ...]
    n_more: int


def tables(query: leaderboard.Query, after: str | None = None) -> Found:
    """The first boards; with `after`, the name of a row, the rest of its board alone."""
    boards = leaderboard.boards(query)
    if after is not None:
        rest = (board for board in boards if after in map(_name_of(board), board.rows[:-1]))
        return Found(tuple(_table(query, board, after) for board in rest), 0)
    shown = tuple(_table(query, board) for board in boards[:BOARDS_SHOWN])
    return Found(shown, len(boards) - len(shown))


def _name_of(board: leaderboard.Board) -> Callable[[Row], str]:
    """Names rows by what they are of, so that a name outlives a change of the figures."""

    def name(row: Row) -> str:
        return leaderboard.hash_of((sorted(board.recipe.items()), row.group.key))[:16]

    return name


def _table(query: leaderboard.Query, board: leaderboard.Board, after: str = "") -> BoardTable:
    name_of = _name_of(board)
    start = [name_of(row) for row in board.rows].index(after) + 1 if after else 0
    shown = board.rows[start : start + ROWS_SHOWN]
    n_more = len(board.rows) - start - len(shown)
    top = widest(row.group for row in board.rows)
    return BoardTable(
        test=board.recipe["test"],
        unit=board.recipe["unit"],
        load=words.load(board.recipe),
        details=tuple(words.details(board.recipe)),
        imported=board.recipe["source"] == Recipe.Source.IMPORTED,
        repeat=repeat.command_of(board.recipe, settings.PUBLIC_URL),
        lines=tuple(_line(query, board, row, top) for row in shown),
        n_more=n_more,
        last=name_of(shown[-1]) if n_more else "",
    )


def _line(query: leaderboard.Query, board: leaderboard.Board, row: Row, top: float) -> Line:
    return Line(
        rank=_rank(row),
        group=tuple(
            words.factor(canonical(name), value)
            for name, value in zip(query.group_by, row.group.key, strict=True)
        ),
        estimate=row.group.estimate,
        is_ranked=row.ranked,
        note=_note(row),
        bar=bar(row.group.estimate, top),
        reports=_reports_of(query, board, row),
        n_hosts=str(row.group.n_machines),
        n_runs=str(row.group.n_runs),
    )


def _reports_of(query: leaderboard.Query, board: leaderboard.Board, row: Row) -> str:
    group = dict(zip(query.group_by, row.group.key, strict=True))
    if None in group.values():
        return ""
    recipe = tuple((name, board.recipe[name]) for name in RECIPE_FACTORS if name in board.recipe)
    same = _address(recipe + query.system, query.group_by)
    return f"{same}&{urlencode(group)}" if group else same


@lru_cache(BOARDS_SHOWN)
def _address(asked: tuple[tuple[str, Any], ...], without: tuple[str, ...]) -> str:
    """What all rows of a board ask for."""
    return urlencode({name: value for name, value in asked if name not in without})


def _note(row: Row) -> str:
    """What a row rests on, or what it lacks; the caption says it of a board that was imported."""
    if row.group.imported:
        return ""
    senders = plural(row.group.n_submitters, "sender")
    return row.reason or (f"replicated, {senders}" if row.trust == REPLICATED else senders)


def _rank(row: Row) -> str:
    if row.rank_low is None:
        return ""
    return str(row.rank_low) if row.rank_low == row.rank_high else f"{row.rank_low}–{row.rank_high}"


def widest(groups: Iterable[Group]) -> float:
    """The figure, or the upper end of an interval, that the bars of a table are drawn against."""
    return max(group.estimate.ci_high or group.estimate.rate for group in groups)


def bar(found: Estimate, top: float) -> Bar:
    place = _percent(found.rate, top)
    if found.ci_low is None or found.ci_high is None:
        return Bar(place, None, None)
    return Bar(place, _percent(found.ci_low, top), _percent(found.ci_high - found.ci_low, top))


def _percent(value: float, top: float) -> str:
    return f"{100 * value / top:.2f}"


def recipe_choices(params: Mapping[str, str]) -> dict[str, list[Choice]]:
    """Choices of each recipe factor: what there are figures of, and what was asked."""
    names = leaderboard.RECIPE_FACTORS
    columns = dict(zip(names, zip(*_recipes_seen(), strict=True), strict=False))
    return {name: _choices(name, columns.get(name, ()), params) for name in names}


@answer
def _recipes_seen() -> list[tuple[Any, ...]]:
    """The values of each recipe's factors, of recipes that have figures."""
    seen = Recipe.objects.filter(Exists(Cell.objects.filter(recipe=OuterRef("pk"))))
    return list(seen.order_by().values_list(*leaderboard.RECIPE_FACTORS).distinct())


def _choices(name: str, seen: Any, params: Mapping[str, str]) -> list[Choice]:
    asked = str(params.get(name, DEFAULT_RECIPE[name]))
    known = {str(value) for value in seen if value is not None}
    values = (known | {str(DEFAULT_RECIPE[name]), asked}) - {ANY}
    # numbers in their order: 2 before 16
    ordered = sorted(values, key=lambda value: value.zfill(8) if value.isdigit() else value)
    choices = [
        Choice(value, words.factor(name, value) or value, value == asked) for value in ordered
    ]
    return [*choices, Choice(ANY, ANY, asked == ANY)]


def group_choices(group_by: tuple[str, ...]) -> list[Choice]:
    """Every factor that has a name of its own, and those that are asked."""
    names = dict.fromkeys((*FACTORS, *sorted(SETTINGS), *group_by))
    return [Choice(name, _factor_name(name), name in group_by) for name in names]


def group_in_words(group_by: tuple[str, ...]) -> str:
    return ", ".join(map(_factor_name, group_by)) or "nothing: one row a board"


def _factor_name(name: str) -> str:
    return words.FACTORS.get(canonical(name), name)


@answer
def other_recipes() -> list[OtherRecipe]:
    """Recipes that have figures, those of the most hosts first."""
    names = leaderboard.RECIPE_FACTORS
    columns = [f"recipe__{name}" for name in names]
    hosts = Count("machine", distinct=True) + Count(
        "submitter", distinct=True, filter=Q(machine=None)
    )
    rows = Cell.objects.exact().values_list(*columns).annotate(n_hosts=hosts)
    found = [
        _other(dict(zip(names, row, strict=False)), row[-1]) for row in rows.order_by(*columns)
    ]
    return sorted(found, key=lambda other: -other.n_hosts)[:RECIPES_SHOWN]


def _other(recipe: dict[str, Any], n_hosts: int) -> OtherRecipe:
    asked = {name: ANY if value is None else value for name, value in recipe.items()}
    return OtherRecipe(
        f"{recipe['test']}, {words.load(recipe)}: {plural(n_hosts, 'host')}",
        urlencode(asked),
        n_hosts,
    )


def address_of(query: leaderboard.Query) -> str:
    """The query string that asks the same of the API."""
    asked = dict.fromkeys(leaderboard.RECIPE_FACTORS, ANY) | dict(query.recipe) | dict(query.system)
    return urlencode(asked | {"group_by": ",".join(query.group_by)}, safe=",")
