"""From the facts to a chart of rates by number of streams: how a platform scales, and what waking
an idle CPU costs it, which is the gap between one stream on one CPU and one stream anywhere.
"""

from collections import defaultdict
from dataclasses import replace

from charts import data
from charts.data import Found, RowKey
from charts.found import ChartData, FoundRow
from charts.params import ChartParams
from registry.models import Recipe


def find(params: ChartParams, address: str, generation: int) -> ChartData:
    """Groups that were measured in two ways or more, whole: half of a curve would mislead. Those
    of most hosts find room first.
    """
    found = data.find_rows(params, address, generation, _row)
    groups: dict[str, list[FoundRow]] = defaultdict(list)
    for row in found.rows:
        groups[row.group].append(row)
    curves = [rows for rows in groups.values() if len(rows) > 1]
    chosen: list[FoundRow] = []
    hidden = 0
    for rows in sorted(curves, key=_importance):
        if len(chosen) + len(rows) <= params.limit:
            chosen += rows
        else:
            hidden += 1
    of_streams = replace(params, group_by=(*params.group_by, "streams"))
    return replace(
        found,
        rows=chosen,
        title=data.title(of_streams),
        hidden=hidden,
        differs=data.differs(of_streams),
    )


def _row(key: RowKey, found: Found, params: ChartParams) -> FoundRow:
    group = dict(zip(params.group_by, key.group, strict=True))
    name, recipe = data.label(group), data.recipe_words(key, {"streams", *params.recipe})
    count = data.streams_words(key.streams) if key.streams else "streams unknown"
    return FoundRow(
        label=f"{name}, {count}",
        recipe=recipe,
        family=group.get("virtualization") or "",
        imported=key.source == Recipe.Source.IMPORTED,
        order=(*data.order(group), key.source, data.place(key), key.variant, key.streams or 0),
        recency=found.recency,
        values=found.values,
        usual=not key.others,
        recipe_key=key.recipe,
        group=name,
    )


def _importance(rows: list[FoundRow]) -> tuple[bool, int, int]:
    """Measured before imported, more hosts, newer ones."""
    hosts = sum(value.n_machines or 0 for row in rows for value in row.values.values())
    return rows[0].imported, -hosts, -max(row.recency for row in rows)
