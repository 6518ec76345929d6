"""The page of virtualisation cost: the same rows as the API, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry import costs
from registry.evidence.costs import Cost, CpuStratum
from registry.evidence.ratio import Ratio
from registry.pages import boards, words
from registry.pages.numbers import plural
from registry.refusal import Refused

VERDICTS = {
    "slower": "slower than bare metal",
    "faster": "faster than bare metal",
    "no_difference": "within 3 % of bare metal",
    "unclear": "cannot be told from bare metal yet",
    "differs_by_cpu": "differs from CPU to CPU: no average",
    "not_enough_data": "not enough matched machines",
}


@dataclass(frozen=True)
class CpuLine:
    cpu: str
    ratio: str
    interval: str


@dataclass(frozen=True)
class Line:
    """A platform in words; `ratio` is a range where the CPUs differ too much for an average."""

    platform: str
    ratio: str
    interval: str
    hosts: str
    verdict: str
    needs: str
    is_told: bool
    warning: str
    cpus: tuple[CpuLine, ...]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    params = {name: value for name, value in request.GET.dict().items() if value != ""}
    context: dict[str, Any] = {"recipes": boards.recipe_choices(params)}
    try:
        query = costs.ask(params)
    except Refused as refused:
        context["faults"] = refused.details
        return render(request, "registry/costs.html", context, status=refused.status)
    found = costs.find(query)
    context |= {
        "lines": [line(cost) for cost in found.rows],
        "is_loopback": found.is_loopback,
        "load": words.load(found.recipe),
        "test": found.recipe.get("test", "any test"),
        "is_open": len(query.recipe) < len(costs.RECIPE_FACTORS),
        "address": urlencode(_asked(dict(query.recipe))),
    }
    return render(request, "registry/costs.html", context)


def _asked(recipe: Mapping[str, object]) -> dict[str, object]:
    return dict.fromkeys(costs.RECIPE_FACTORS, boards.ANY) | dict(recipe)


def line(cost: Cost) -> Line:
    kind, mode = cost.platform
    name = words.factor("virtualization", kind) or ""
    overall = cost.found.overall if cost.found else None
    low, high = cost.range or (0.0, 0.0)
    is_range = cost.verdict == "differs_by_cpu"
    return Line(
        platform=f"{name} {words.factor('virtualization_mode', mode) or ''}".strip(),
        ratio=f"{low:.2f} to {high:.2f}" if is_range else f"{overall.ratio:.2f}" if overall else "",
        interval="" if is_range or overall is None else _interval(overall),
        hosts=_hosts(cost),
        verdict=VERDICTS[cost.verdict],
        needs=cost.needs,
        is_told=cost.verdict != "not_enough_data",
        warning=_warning(cost),
        cpus=tuple(_cpu(stratum, ratio) for stratum, ratio in cost.strata),
    )


def _hosts(cost: Cost) -> str:
    """`9 hosts, 11 bare metal, 4 CPU models`, and how many had no counterpart."""
    if cost.found is None:
        return f"{plural(cost.n_hosts, 'host')}, none with the CPU of a bare-metal one"
    matched = cost.matched
    told = (
        f"{plural(matched.n_guests, 'host')}, {matched.n_bare:,} bare metal, "
        f"{plural(matched.n_models, 'CPU model')}"
    )
    return f"{told}; {cost.n_unmatched:,} more without a counterpart" if cost.n_unmatched else told


def _warning(cost: Cost) -> str:
    if cost.found is None or not cost.found.is_simpson:
        return ""
    return (
        f"Without regard to the CPU the ratio would be {cost.found.pooled:.2f}, which misleads: "
        "the platforms run on different CPUs."
    )


def _interval(ratio: Ratio) -> str:
    if ratio.ci_low is None or ratio.ci_high is None:
        return ""
    return f"{ratio.ci_low:.2f}–{ratio.ci_high:.2f}"


def _cpu(stratum: CpuStratum, ratio: Ratio) -> CpuLine:
    cpus = f", {plural(stratum.cpus, 'CPU')}" if stratum.cpus else ""
    return CpuLine(f"{stratum.cpu_model}{cpus}", f"{ratio.ratio:.2f}", _interval(ratio))
