"""From the facts to small multiples: the same groups once for each value of a factor, side by side
on one axis. The first factor of `group_by` makes the panels, the others the rows.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from charts import data
from charts.data import Found, RowKey
from charts.found import ChartData, FoundRow
from charts.labels import clean, counted
from charts.params import TESTS_LIMIT, ChartParams
from registry.models import Recipe


def find(params: ChartParams, address: str, generation: int) -> ChartData:
    """A row for each group of the other factors, with a figure in each panel where it has one. The
    values of most hosts make the panels.
    """
    found = data.find_rows(params, address, generation, _row)
    hosts: dict[str, int] = defaultdict(int)
    order: dict[str, Any] = {}
    for row in found.rows:
        for panel, value in row.values.items():
            hosts[panel] += value.n_machines or 0
            order[panel] = row.order[0]
    most = sorted(hosts, key=lambda name: -hosts[name])[:TESTS_LIMIT]
    chosen = sorted(most, key=lambda name: order[name])
    left_out = len(hosts) - len(chosen)
    return replace(
        found,
        rows=list(_joined(found.rows, chosen)),
        panels=tuple(chosen),
        units=dict.fromkeys(chosen, found.units.get(params.tests[0], "")),
        remarks=(f"{counted(left_out, 'panel')} of fewer hosts not drawn",) if left_out else (),
    )


def _row(key: RowKey, found: Found, params: ChartParams) -> FoundRow:
    """A row of one figure, under the name of its panel; `order` is that of panel and row."""
    group = dict(zip(params.group_by, key.group, strict=True))
    first = params.group_by[0]
    panel, rest = {first: group.pop(first)}, group
    return FoundRow(
        label=data.label(rest),
        recipe=data.recipe_words(key, params.recipe.keys()),
        family=rest.get("virtualization") or "",
        imported=key.source == Recipe.Source.IMPORTED,
        order=(
            data.order(panel),
            (*data.order(rest), key.source, key.streams or 0, data.place(key), key.variant),
        ),
        recency=found.recency,
        usual=not key.others,
        recipe_key=key.recipe,
        values={clean(data.label(panel)): value for value in found.values.values()},
    )


def _joined(rows: Iterable[FoundRow], panels: Iterable[str]) -> Iterable[FoundRow]:
    """One row of all that have one label and recipe."""
    chosen = set(panels)
    lines: dict[tuple[Any, ...], FoundRow] = {}
    for row in rows:
        if chosen.isdisjoint(row.values):
            continue
        key = row.label, row.order[1], row.recipe_key
        known = lines.get(key, replace(row, order=row.order[1:], values={}))
        lines[key] = replace(
            known,
            recency=max(known.recency, row.recency),
            usual=known.usual or row.usual,
            values={**known.values, **row.values},
        )
    return lines.values()
