"""The page that compares: two forms whose state is the address, then the verdict, what differs, and
only then the ratio.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from registry import compare
from registry.evidence.comparability import (
    CONTROLLED,
    MATCHED,
    OBSERVATIONAL,
    REFUSED,
    Difference,
    Several,
)
from registry.evidence.ratio import LEAST_HOSTS, Ratio
from registry.models.factors import RECIPE_FIELDS
from registry.pages import boards, compare_find, words
from registry.pages.compare_form import SIDES, forms
from registry.pages.numbers import plural
from registry.refusal import Refused
from registry.sides import Comparison, Side
from registry.vocabulary.factors import RECIPE_FACTORS, SYSTEM_FACTORS

VALUES_TOLD = 3  # of a factor in which the hosts of a group differ
SETTINGS_SHOWN = 10
VERDICTS = {
    CONTROLLED: "The same machines on both sides, and one thing differs at the most: "
    "the ratio is what it does there.",
    MATCHED: "Other machines, which differ in one known thing at the most.",
    OBSERVATIONAL: "More differs than one thing, so the ratio says how far the sides are apart, "
    "and not why.",
    REFUSED: "The recipes differ, so a ratio would compare tests and not hosts: there is none.",
}


@dataclass(frozen=True)
class SideShown:
    """A side in words. `address` leads to its report or its row of the leaderboard."""

    title: str
    address: str
    side: Side


@dataclass(frozen=True)
class DifferenceLine:
    name: str
    a: str
    b: str


@dataclass(frozen=True)
class Shown:
    """A comparison in words, in the order of the page."""

    verdict: str
    verdict_words: str
    recipe: str
    recipe_details: tuple[str, ...]
    recipe_differs: tuple[DifferenceLine, ...]
    factors: tuple[DifferenceLine, ...]
    settings: tuple[DifferenceLine, ...]
    has_many_settings: bool
    sides: tuple[SideShown, ...]
    ratio: str
    interval: str
    few: str


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """An address with empty or clumsy values is redirected to the one that says the same."""
    params = _clean(request.GET.dict())
    if params != request.GET.dict():
        return redirect(f"{request.path}?{urlencode(params)}" if params else request.path)
    found = compare_find.find(params.pop("q", ""), params)
    context: dict[str, Any] = {
        "asked": params,
        "address": urlencode(params),
        "swapped": urlencode(_swapped(params)),
        "found": found,
    }
    status = 200
    # The link on a report's page, and what was found first, have one side.
    if params and _has_both(params, bool(found)):
        try:
            context["shown"] = _shown(compare.ask(params))
        except Refused as refused:
            context["faults"], status = refused.details, refused.status
    context |= forms(params, context.get("faults", ()))
    return render(request, "registry/compare.html", context, status=status)


def _has_both(params: Mapping[str, str], is_finding: bool) -> bool:
    """Whether there is something to compare; while one is looking for the other side, one side is
    no fault.
    """
    named = {name.partition(".")[0] for name in params} & set(SIDES)
    if is_finding:
        return len(named) == len(SIDES)
    return params.keys() != {"a"}


def _swapped(params: Mapping[str, str]) -> dict[str, str]:
    other = {"a": "b", "b": "a"}
    parts = ((name.partition("."), value) for name, value in params.items())
    return {f"{other.get(side, side)}{dot}{factor}": value for (side, dot, factor), value in parts}


def _clean(params: Mapping[str, str]) -> dict[str, str]:
    """Without what is empty; a report's address, as people paste it, is its id."""
    found = {name: value.strip() for name, value in params.items() if value.strip()}
    ids = {name: found[name].rstrip("/").rpartition("/")[2] for name in SIDES if name in found}
    return found | {name: value for name, value in ids.items() if value}


def _shown(found: Comparison) -> Shown:
    recipe = {name: getattr(found.a.recipe, name) for name in RECIPE_FACTORS}
    lines = found.differing
    columns = [each for each in lines if each.name in SYSTEM_FACTORS or found.is_asked(each.name)]
    settings = [each for each in lines if each not in columns]
    return Shown(
        verdict=found.comparability.verdict,
        verdict_words=VERDICTS[found.comparability.verdict],
        recipe=f"{recipe['test']}, {words.load(recipe)}",
        recipe_details=tuple(words.details(_recipe_fields(found.a))),
        recipe_differs=tuple(_line(each) for each in found.comparability.recipe),
        factors=tuple(_line(each) for each in columns),
        settings=tuple(_line(each) for each in settings),
        has_many_settings=len(settings) > SETTINGS_SHOWN,
        sides=tuple(_side(side) for side in (found.a, found.b)),
        ratio=f"{found.ratio.ratio:.2f}" if found.ratio else "",
        interval=_interval(found.ratio),
        few=_few(found),
    )


def _recipe_fields(side: Side) -> dict[str, Any]:
    return {name: getattr(side.recipe, name) for name in RECIPE_FIELDS}


def _line(difference: Difference) -> DifferenceLine:
    name = difference.name
    label = words.FACTORS.get(name) or (name if "." in name else name.replace("_", " "))
    return DifferenceLine(label, _told(name, difference.a), _told(name, difference.b))


def _told(name: str, value: Any) -> str:
    if not isinstance(value, Several):
        return words.factor(name, value) or "not known"
    told = [
        f"{words.factor(name, each) or 'not known'} ({hosts:,})"
        for each, hosts in value.counts[:VALUES_TOLD]
    ]
    more = len(value.counts) - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")


def _side(side: Side) -> SideShown:
    if side.report:
        public_id = side.report.public_id
        return SideShown(f"Report {public_id}", f"/r/{public_id}", side)
    asked = {name: getattr(side.recipe, name) for name in RECIPE_FACTORS}
    board = {name: boards.ANY if value is None else value for name, value in asked.items()}
    return SideShown(
        title=words.group(side.group),
        address=f"/leaderboard/?{urlencode(board | dict(side.group))}",
        side=side,
    )


def _interval(ratio: Ratio | None) -> str:
    if ratio is None or ratio.ci_low is None or ratio.ci_high is None:
        return ""
    return f"{ratio.ci_low:.2f}–{ratio.ci_high:.2f}"


def _few(found: Comparison) -> str:
    """What is missing before the ratio is more than an anecdote; empty where nothing is."""
    if found.ratio is None:
        return ""
    if found.a.report:
        return (
            "Two reports are two sittings: the interval is that of their runs, and another day "
            "may give another ratio."
        )
    missing = [LEAST_HOSTS - len(side.logs) for side in (found.a, found.b)]
    told = [
        f"{plural(n, 'more independent machine')} in {side}"
        for n, side in zip(missing, SIDES, strict=True)
        if n > 0
    ]
    return f"An anecdote so far: it needs {' and '.join(told)}." if told else ""
