"""From the facts to charts of ratios: what virtualisation costs, and what settings do. The figures
are those of the pages `/costs/` and `/effects/`.
"""

from dataclasses import replace

from charts import again, data
from charts.found import ChartData, FoundRow, Value
from charts.labels import two_decimals
from charts.params import ChartParams
from charts.taken_out import count_withdrawn
from registry import costs, effects
from registry.evidence.costs import Cost
from registry.evidence.tweaks import EXPERIMENT, MATCHED, Contrast, EffectRow
from registry.vocabulary import names

ASSOCIATION = "association"
EVIDENCE = {EXPERIMENT: "experiment", MATCHED: "pairs of one machine"}
DIFFERS = "differs_by_cpu"
WORDS = {"no_difference": "no difference of 3 %", "not_enough_data": "too few machines"}


def find_costs(params: ChartParams, address: str, generation: int) -> ChartData:
    """Every platform, the dearest first, and under it each CPU model that both were measured on."""
    test = params.tests[0]
    dated = costs.find.dated(costs.ask({**params.recipe, "test": test}))
    found = dated.value
    rows = [row for cost in found.rows for row in _cost_rows(cost, test)]
    named = (f"What virtualisation costs: {test} beside bare metal", "ratio to bare metal")
    drawn = _data(params, rows, named, address, (generation, dated.generation))
    workload = {name: str(value) for name, value in found.recipe.items() if value is not None}
    shown = replace(params, recipe={**params.recipe, **workload})
    return replace(
        drawn,
        subtitle=_subtitle(shown),
        differs="the platform; a ratio is of one CPU model and one number of CPUs",
        repeats=again.of_plan({**shown.recipe, "test": test}),
    )


def find_effects(params: ChartParams, address: str, generation: int) -> ChartData:
    """Experiments, then pairs of one machine, then associations."""
    test = params.tests[0]
    found = effects.find(effects.ask({**params.recipe, "test": test}))
    rows = [_effect_row(row, test, params) for row in found.paired]
    rows += [_association_row(row, test, params) for row in found.associations or ()]
    order = [*EVIDENCE.values(), ASSOCIATION]
    ordered = sorted(rows, key=lambda row: (order.index(row.group), row.label))
    named = (f"Does it help? {test}", "after / before")
    drawn = _data(params, ordered, named, address, (generation, found.generation))
    drawn = replace(
        drawn,
        differs="experiment: the setting alone, on one machine; association: anything may",
        repeats=again.of_client("tune", "FACTOR"),
    )
    if found.associations is None:
        return replace(drawn, subtitle=f"{drawn.subtitle}; associations of too many hosts left out")
    return drawn


def _data(
    params: ChartParams,
    rows: list[FoundRow],
    named: tuple[str, str],
    address: str,
    generations: tuple[int, int],
) -> ChartData:
    """`named` are title and unit, `generations` those of the facts now and of what was found."""
    title, unit = named
    return ChartData(
        rows=[replace(row, order=(n,), recency=-n) for n, row in enumerate(rows)],
        units=dict.fromkeys(params.tests, unit),
        title=title,
        subtitle=_subtitle(params),
        address=address,
        date=data.date(*generations),
        generation=min(generations),
        withdrawn=count_withdrawn(params),
    )


def _subtitle(params: ChartParams) -> str:
    return data.subtitle(params).removesuffix("; more is better")


def _cost_rows(cost: Cost, test: str) -> list[FoundRow]:
    """The platform, then each CPU model; where those differ by more than chance the platform has no
    row, since no average is true of any.
    """
    if cost.found is None:
        return []
    named = zip(("virtualization", "virtualization_mode"), cost.platform, strict=False)
    platform = " ".join(names.display(name, value) for name, value in named if value) or "unknown"
    family = cost.platform[0] or ""
    overall, is_one = cost.found.overall, cost.verdict != DIFFERS
    rows = []
    if is_one:
        value = _value(overall.ratio, overall.ci_low, overall.ci_high, cost.matched.n_guests)
        word = WORDS.get(cost.verdict, cost.verdict.replace("_", " "))
        rows.append(_row(platform, word, family, {test: value}, platform))
    for stratum, ratio in cost.strata:
        value = _value(ratio.ratio, ratio.ci_low, ratio.ci_high, cost.n_in_stratum[stratum])
        model = names.display("cpu_model", stratum.cpu_model or "unknown CPU")
        label = f"on {model}" if is_one else f"{platform} on {model}"
        rows.append(_row(label, f"{stratum.cpus} CPUs", family, {test: value}, platform))
    return rows


def _effect_row(row: EffectRow, test: str, params: ChartParams) -> FoundRow:
    effect = row.effect
    value = _value(effect.ratio, effect.ci_low, effect.ci_high, row.n_machines)
    if effect.prediction_low is not None and effect.prediction_high is not None:
        value = replace(value, prediction=(effect.prediction_low, effect.prediction_high))
    word = WORDS.get(row.verdict, row.verdict.replace("_", " "))
    recipe = f"{EVIDENCE[row.kind]}: {word}{_load(row.contrast, params)}"
    return _row(_change(row.contrast), recipe, "", {test: value}, EVIDENCE[row.kind])


def _association_row(row: effects.Association, test: str, params: ChartParams) -> FoundRow:
    ratio = row.overall
    value = _value(ratio.ratio, ratio.ci_low, ratio.ci_high, row.n_machines)
    recipe = f"{ASSOCIATION}, other hosts{_load(row.contrast, params)}"
    return _row(_change(row.contrast), recipe, "", {test: value}, ASSOCIATION)


def _row(label: str, recipe: str, family: str, values: dict[str, Value], group: str) -> FoundRow:
    return FoundRow(label, recipe, family, False, (), 0, values, group=group)


def _value(ratio: float, low: float | None, high: float | None, n_machines: int) -> Value:
    return Value(ratio, low, high, n_machines=n_machines, text=two_decimals(ratio))


def _change(contrast: Contrast) -> str:
    name = {"kernel_release": "kernel"}.get(contrast.factor, contrast.factor)
    return f"{name} {contrast.before} \u2192 {contrast.after}"


def _load(contrast: Contrast, params: ChartParams) -> str:
    """What of the workload the subtitle does not say."""
    told = {
        "streams": f"{contrast.streams} stream{'' if contrast.streams == 1 else 's'}"
        if contrast.streams
        else "",
        "placement": data.PLACEMENTS.get(contrast.placement or "", ""),
        "topology": contrast.topology or "",
    }
    return "".join(f", {word}" for name, word in told.items() if word and name not in params.recipe)
