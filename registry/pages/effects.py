"""The page "Does it help?": the rows of the API in words, each kind of evidence in a table of its
own.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry import effects
from registry.evidence.tweaks import EXPERIMENT, Contrast, EffectRow
from registry.pages import words
from registry.pages.numbers import plural
from registry.refusal import Refused
from registry.vocabulary.factors import canonical

VERDICTS = {
    "helps": "Helps",
    "hurts": "Hurts",
    "no_difference": "No difference of 3 % or more",
    "unclear": "Unclear",
    "not_enough_data": "Not enough machines",
    "not_exercised": "Not exercised by this workload, so it says nothing",
}
# What the question was about in 2011, and what is asked since; in the order of the page.
ASKED = (
    *("conntrack", "net.ipv4.tcp_syncookies", "listen_backlog", "rps.lo", "rps.nic", "rfs.nic"),
    *("offload.tso", "offload.sg", "virtualization_mode", "kernel_release", "hypervisor_version"),
    *("mitigations", "clocksource", "irq_spread", "cpufreq.governor"),
)
WIDEST = 2.0  # the forest shows ratios from 1/2 to 2


@dataclass(frozen=True)
class Forest:
    """Places on a logarithmic axis from 1/2 to 2, as percentages."""

    place: str
    low: str | None
    width: str | None


@dataclass(frozen=True)
class Line:
    factor: str
    change: str
    workload: str
    ratio: str
    interval: str
    rests_on: str
    verdict: str
    forest: Forest
    command: str = ""


@dataclass(frozen=True)
class Missing:
    factor: str
    command: str


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    params = {name: value for name, value in request.GET.dict().items() if value != ""}
    try:
        query = effects.ask(params)
    except Refused as refused:
        context: dict[str, Any] = {"faults": refused.details}
        return render(request, "registry/effects.html", context, status=refused.status)
    found = effects.find(query)
    tried = {row.contrast.factor for row in found.paired if row.kind == EXPERIMENT}
    context = {
        "factor": query.factor,
        "experiments": [_line(row) for row in found.paired if row.kind == EXPERIMENT],
        "matched": [_line(row) for row in found.paired if row.kind != EXPERIMENT],
        "associations": [_seen(row) for row in found.associations or ()],
        "is_too_much": found.associations is None,
        "missing": [_missing(name) for name in ASKED if name not in tried and not query.factor],
        "factors": _known(found),
        "address": request.GET.urlencode(),
    }
    return render(request, "registry/effects.html", context)


def _known(found: effects.Effects) -> list[tuple[str, str]]:
    """What the page can be narrowed to: what is asked about, and what there is a figure of."""
    seen = {row.contrast.factor for row in found.paired}
    seen |= {row.contrast.factor for row in found.associations or ()}
    names = dict.fromkeys((*ASKED, *sorted(seen)))
    return [(name, words.FACTORS.get(canonical(name), name)) for name in names]


def _line(row: EffectRow) -> Line:
    effect = row.effect
    pairs = plural(row.n_pairs, "block" if row.kind == EXPERIMENT else "pair")
    told = f"{plural(row.n_machines, 'machine')}, {pairs}, up on {effect.n_up} of {effect.n}"
    if effect.prediction_low is not None and effect.prediction_high is not None:
        told += f"; on one more expect {effect.prediction_low:.2f}–{effect.prediction_high:.2f}"
    line = _as_line(row.contrast, effect.ratio, effect.ci_low, effect.ci_high, told, _verdict(row))
    is_open = row.verdict in ("unclear", "not_enough_data", "not_exercised")
    command = effects.command_of(row.contrast.factor, settings.PUBLIC_URL) if is_open else None
    return replace(line, command=command or "")


def _verdict(row: EffectRow) -> str:
    word = VERDICTS[row.verdict]
    if row.kind != EXPERIMENT and row.verdict == "unclear" and _is_apart(row):
        return "Worth an experiment: something else may have changed as well"
    if row.verdict not in ("unclear", "not_enough_data"):
        return word
    if row.n_needed is None:
        return f"{word}: the machines differ too much for any number of them"
    missing = row.n_needed - row.effect.n
    if missing <= 0:
        return word
    return f"{word}: {plural(missing, 'more machine')} would tell a 3 % effect from none"


def _is_apart(row: EffectRow) -> bool:
    """Whether the interval leaves 1 out."""
    low, high = row.effect.ci_low, row.effect.ci_high
    return low is not None and high is not None and not low <= 1 <= high


def _seen(row: effects.Association) -> Line:
    told = (
        f"{plural(row.n_machines, 'machine')} of {plural(row.n_submitters, 'sender')}, "
        f"{plural(row.n_strata, 'kind')} of host"
    )
    verdict = "" if row.has_enough else "Not enough machines of a kind"
    ratio = row.overall
    return _as_line(row.contrast, ratio.ratio, ratio.ci_low, ratio.ci_high, told, verdict)


def _as_line(
    contrast: Contrast,
    ratio: float,
    low: float | None,
    high: float | None,
    told: str,
    verdict: str,
) -> Line:
    has_interval = low is not None and high is not None
    return Line(
        factor=words.FACTORS.get(canonical(contrast.factor), contrast.factor),
        change=f"{contrast.before} → {contrast.after}",
        workload=f"{contrast.test}, {words.load(contrast._asdict())}",
        ratio=f"{ratio:.2f}",
        interval=f"{low:.2f}–{high:.2f}" if has_interval else "",
        rests_on=told,
        verdict=verdict,
        forest=_forest(ratio, low, high),
    )


def _forest(ratio: float, low: float | None, high: float | None) -> Forest:
    place = _place(ratio)
    if low is None or high is None:
        return Forest(f"{place:.1f}", None, None)
    start, end = _place(low), _place(high)
    return Forest(f"{place:.1f}", f"{start:.1f}", f"{max(end - start, 0.5):.1f}")


def _place(ratio: float) -> float:
    inside = min(max(ratio, 1 / WIDEST), WIDEST) if math.isfinite(ratio) else WIDEST
    return 50 + 50 * math.log(inside) / math.log(WIDEST)


def _missing(factor: str) -> Missing:
    command = effects.command_of(factor, settings.PUBLIC_URL)
    return Missing(words.FACTORS.get(factor, factor), command or "")
