"""Every figure of the listed reports, one row a run, newest first, in pages that a cursor follows.

A cursor is the last row's number: what comes in meanwhile shifts no page, and no page is slower
than the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry import leaderboard
from registry.models import RawReport, Run
from registry.refusal import Refused
from registry.vocabulary.factors import RECIPE_FACTORS, SYSTEM_FACTORS

ROWS, MOST_ROWS = 100, 1_000


@dataclass(frozen=True)
class Query:
    """What rows must have, the row they come after, and how many at most."""

    figures: leaderboard.Query
    after: int | None
    limit: int


def ask(params: Mapping[str, str]) -> Query:
    """The query in an address's parameters; what is left out is any. Raises Refused 422 with every
    fault.
    """
    paging = {name: params[name] for name in ("cursor", "limit") if params.get(name)}
    faults = [
        {"path": name, "message": "expected a whole number"}
        for name, value in paging.items()
        if not _is_count(value)
    ]
    limit = int(paging["limit"]) if "limit" in paging and not faults else ROWS
    if not 1 <= limit <= MOST_ROWS:
        faults.append({"path": "limit", "message": f"expected 1 to {MOST_ROWS}"})
    if "group_by" in params:
        faults.append({"path": "group_by", "message": "these rows are no groups"})
    asked = {name: value for name, value in params.items() if name not in {"cursor", "limit"}}
    any_recipe = dict.fromkeys(RECIPE_FACTORS, "any")
    try:
        figures = leaderboard.ask({**any_recipe, **asked, "group_by": ""})
    except Refused as refused:
        faults += refused.details
    if faults:
        raise Refused(422, "invalid", "The query is not valid.", faults)
    return Query(figures, int(paging["cursor"]) if "cursor" in paging else None, limit)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def page(query: Query) -> tuple[list[Run], str | None]:
    """Rows, and the cursor of the next page; None after the last."""
    listed = Run.objects.filter(
        reading__active=True, reading__report__in=RawReport.objects.listed()
    )
    runs = leaderboard.having(query.figures, listed)
    if query.after is not None:
        runs = runs.filter(pk__lt=query.after)
    needed = runs.select_related("recipe", "system", "reading__report").defer(
        "telemetry", "moved", "reading__environment", "reading__report__body"
    )
    rows = list(needed.order_by("-pk")[: query.limit + 1])
    has_more = len(rows) > query.limit
    return rows[: query.limit], str(rows[query.limit - 1].pk) if has_more else None


def row(run: Run) -> dict[str, Any]:
    """A row as the API gives it, under the names of factors and of the recipe."""
    recipe, system, reading = run.recipe, run.system, run.reading
    names = leaderboard.RECIPE_FIELDS
    return {
        "id": reading.report.public_id,
        "run": run.run_index,
        "position": run.position,
        "part": run.part,
        "value": run.value,
        "bound": run.bound,
        **{name: getattr(recipe, name) for name in names},
        **{name: getattr(system, name) for name in SYSTEM_FACTORS},
        "started_at": _instant(run.started_at),
        "received_at": _instant(reading.report.received_at),
        "flags": [flag["rule"] for flag in reading.flags],
    }


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat().replace("+00:00", "Z") if instant else None
