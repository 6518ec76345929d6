"""From the facts to a saved comparison: both sides' rates, and their ratio where there is one. What
differs stands above the figures.
"""

import math
from collections.abc import Sequence

from charts import again, data
from charts.beside import spread_percent
from charts.found import RATIO_UNIT, ChartData, FoundRow, Value
from charts.labels import two_decimals
from charts.params import ChartParams
from registry import compare
from registry.evidence.ratio import LEAST_HOSTS
from registry.models import Recipe
from registry.pages import words
from registry.refusal import Refused
from registry.sides import Comparison, Side

RATIO_PANEL = "B / A"
FACTORS_TOLD = 3


def find(params: ChartParams, address: str, generation: int) -> ChartData:
    """Side A, then side B. A comparison that is there no more, since a report of it was withdrawn
    or its figures got another recipe, has no rows.
    """
    try:
        dated = compare.dated(params.compare)
    except Refused as refused:
        date = data.date(generation)
        return ChartData((), {}, "Comparison", refused.message, address, date, generation)
    found = dated.value
    test, unit = found.a.recipe.test, found.a.recipe.unit
    load = ", ".join(word for word in (data.load(found.a.recipe), found.a.recipe.topology) if word)
    differing = [words.FACTORS.get(each.name, each.name) for each in found.differing]
    return ChartData(
        rows=[_row("A", found), _row("B", found)] if found.ratio else [],
        units={test: unit, RATIO_PANEL: RATIO_UNIT},
        title=f"{test}: {_name(found.b)} beside {_name(found.a)}",
        subtitle=f"{load}; {found.comparability.verdict}: {_told(found, differing)}",
        address=address,
        date=data.date(generation, dated.generation),
        generation=min(generation, dated.generation),
        panels=(test, RATIO_PANEL),
        remarks=(f"differs: {', '.join(differing)}",) if len(differing) > FACTORS_TOLD else (),
        differs=", ".join(differing) or "nothing that is known",
        repeats=again.of_recipes([found.a.recipe]),
    )


def _told(found: Comparison, differing: Sequence[str]) -> str:
    """In what the sides differ, the recipe first, since that forbids a ratio."""
    recipe = [each.name.replace("_", " ") for each in found.comparability.recipe]
    if recipe:
        return f"the recipes differ in {', '.join(recipe)}"
    if not differing:
        return "nothing known differs"
    more = len(differing) - FACTORS_TOLD
    named = ", ".join(differing[:FACTORS_TOLD])
    return f"differs in {named}" + (f" and {more} more" if more > 0 else "")


def _row(name: str, found: Comparison) -> FoundRow:
    side = found.a if name == "A" else found.b
    values = {side.recipe.test: _rate(side)}
    if name == "B" and found.ratio is not None:
        ratio = found.ratio
        values[RATIO_PANEL] = Value(
            ratio.ratio, ratio.ci_low, ratio.ci_high, text=two_decimals(ratio.ratio)
        )
    return FoundRow(
        label=f"{name}: {_name(side)}",
        recipe="",
        family=str(side.factors.get("virtualization") or ""),
        imported=side.recipe.source == Recipe.Source.IMPORTED,
        order=(name,),
        recency=0,
        values=values,
        group="sides",
    )


def _name(side: Side) -> str:
    return f"report {side.report.public_id}" if side.report else words.group(side.group)


def _rate(side: Side) -> Value:
    """A report's interval is that of its runs, a group's that of its hosts."""
    estimate = side.estimate
    is_known = len(side.logs) >= LEAST_HOSTS
    return Value(
        rate=estimate.rate,
        ci_low=estimate.ci_low if is_known else None,
        ci_high=estimate.ci_high if is_known else None,
        host_rates=() if side.report else tuple(sorted(map(math.exp, side.logs))),
        n_runs=side.n_runs,
        n_machines=side.n_machines,
        n_submitters=side.n_submitters,
        spread_percent=spread_percent([math.exp(log) for log in side.logs]),
    )
