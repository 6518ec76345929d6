"""From the facts to the rows of a ranked chart: the groups of one recipe in the order of their
leaderboard, each with its ranks before its name.
"""

from dataclasses import replace
from typing import Any

from charts import data
from charts.found import ChartData, FoundRow
from charts.params import ChartParams
from registry import leaderboard as boards
from registry.evidence.direction import better
from registry.evidence.groups import Row, leaderboard
from registry.models import Recipe
from registry.models.reading import Bound


def find(params: ChartParams, address: str, generation: int) -> ChartData:
    """Of the recipes that the parameters leave open the one of the most hosts; rows that are not
    ranked are counted, and so are those behind the first ones that find room.
    """
    found = data.find(params, address, generation)
    figures = [
        figure
        for figure in data.figures(params)
        if figure.bound == Bound.EXACT and figure.recipe.source != Recipe.Source.IMPORTED
    ]
    usual = data.most_hosts(figures, lambda figure: figure.recipe.test, lambda each: each.recipe)
    groups = [each.group for each in figures if each.recipe == usual[each.recipe.test]]
    query = boards.Query(tuple(params.recipe.items()), (), params.group_by)
    direction = better(found.units.get(params.tests[0]))
    board = leaderboard(groups, direction, lambda group: boards.class_of(query, group))
    ranked = [row for row in board if row.ranked]
    return replace(
        found,
        rows=[_row(place, row, params) for place, row in enumerate(ranked[: params.limit])],
        title=f"{found.title}, ranked",
        left_out=0,
        unranked=len(board) - len(ranked),
        hidden=max(0, len(ranked) - params.limit),
    )


def _row(place: int, row: Row, params: ChartParams) -> FoundRow:
    low, high = row.rank_low, row.rank_high
    group: dict[str, Any] = dict(zip(params.group_by, row.group.key, strict=True))
    return FoundRow(
        label=f"{low if low == high else f'{low}-{high}'}. {data.label(group)}",
        recipe="",
        family=group.get("virtualization") or "",
        imported=False,
        order=(place,),
        recency=-place,
        values={params.tests[0]: data.value(row.group, Bound.EXACT)},
        group="ranked",
    )
