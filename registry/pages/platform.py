"""The pages of platforms: what there are, and everything the registry knows of one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from registry import platforms
from registry.evidence.groups import Group
from registry.evidence.summary import Estimate
from registry.evidence.tweaks import EffectRow
from registry.models import RawReport
from registry.pages import boards, words
from registry.pages.fragments import fragment
from registry.pages.headlines import headlines
from registry.pages.numbers import figure

SHOWN_OF_EACH, VALUES_A_PAGE = 12, 100
BINS, LEAST_FOR_BINS = 32, 5


@dataclass(frozen=True)
class Link:
    """A platform by the name that people know, and its page."""

    label: str
    address: str
    n_hosts: int


@dataclass(frozen=True)
class Kind:
    """A factor with its commonest values, or with a page of all of them."""

    factor: str
    name: str
    links: tuple[Link, ...]
    n_more: int


@dataclass(frozen=True)
class Line:
    """One group of the platform's hosts; `address` is empty where it has no page."""

    label: str
    address: str
    estimate: Estimate
    n_machines: int
    n_runs: int
    bar: boards.Bar

    @property
    def is_sure(self) -> bool:
        """Whether it has an interval; a bar without one is drawn hollow."""
        return self.estimate.ci_low is not None


_row = fragment("registry/_platform_row.html", "line", "unit")


@dataclass(frozen=True)
class Table:
    name: str
    unit: str
    lines: tuple[Line, ...]
    n_more: int
    asked: str

    @property
    def rows(self) -> list[SafeString]:
        return [_row(line, self.unit) for line in self.lines]

    @property
    def is_of_kernels(self) -> bool:
        return self.name.startswith("kernel")


@dataclass(frozen=True)
class Spread:
    """How the hosts' figures are spread: in words, and as heights of equally wide bins from `low`
    to `high`, in percent of the tallest; no bins where there are few hosts.
    """

    tenth: str
    half: str
    last_tenth: str
    low: str
    high: str
    bins: tuple[tuple[str, str, str], ...]


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    kinds = [_kind(factor, 0, SHOWN_OF_EACH) for factor in platforms.FACTORS]
    return render(request, "registry/platforms.html", {"kinds": kinds})


@require_safe
def values(request: HttpRequest, factor: str) -> HttpResponse:
    """All platforms of one kind; `?after=` names the value that a page follows."""
    _check(factor)
    known = [value for value, _ in platforms.values(factor)]
    after = request.GET.get("after")
    if after is not None and after not in known:
        raise Http404
    start = 0 if after is None else known.index(after) + 1
    kind = _kind(factor, start, VALUES_A_PAGE)
    last = known[start : start + VALUES_A_PAGE][-1:] if kind.n_more else []
    context = {"kind": kind, "after": after, "next": urlencode({"after": last[0]}) if last else ""}
    return render(request, "registry/platform_values.html", context)


@require_safe
def page(request: HttpRequest, factor: str, value: str) -> HttpResponse:
    _check(factor)
    found = platforms.find(factor, value)
    if found is None:
        raise Http404
    return render(request, "registry/platform.html", _context(found))


def _context(found: platforms.Platform) -> dict[str, Any]:
    only = {found.factor: found.value}
    context: dict[str, Any] = {
        "title": words.group(only),
        "kind": words.FACTORS[found.factor],
        "factor": found.factor,
        "asked": urlencode(only),
        "tuning": [_tuning(each) for each in found.tuning],
        "search": urlencode({"q": found.value}),
    }
    if found.recipe is None or found.hosts is None:
        return context
    unit = found.recipe["unit"]
    newest = RawReport.objects.listed().filter(pk__in=found.newest).newest()
    return context | {
        "unit": unit,
        "test": found.recipe["test"],
        "load": words.load(found.recipe),
        "details": words.details(found.recipe),
        "hosts": found.hosts,
        "spread": _spread(found.hosts.host_logs, unit),
        "tables": [_table(board, only, unit) for board in found.boards],
        "reports": headlines(newest),
    }


def _check(factor: str) -> None:
    if factor not in platforms.FACTORS:
        raise Http404


def _kind(factor: str, start: int, count: int) -> Kind:
    known = platforms.values(factor)
    shown = known[start : start + count]
    links = tuple(
        Link(words.factor(factor, value) or value, address_of(factor, value), n_hosts)
        for value, n_hosts in shown
    )
    return Kind(factor, words.FACTORS[factor], links, len(known) - start - len(shown))


def address_of(factor: str, value: str | None) -> str:
    """The page of a platform; empty for what has none. Browsers would follow dots up the tree."""
    if factor not in platforms.FACTORS or not value or value in {".", ".."}:
        return ""
    return f"/platform/{factor}/{quote(value, safe='')}/"


def _table(board: platforms.Board, only: dict[str, str], unit: str) -> Table:
    shown = board.groups[: boards.ROWS_SHOWN]
    widest = boards.widest(shown)
    return Table(
        name=words.FACTORS[board.by],
        unit=unit,
        lines=tuple(_line(board.by, group, widest) for group in shown),
        n_more=len(board.groups) - len(shown),
        asked=urlencode({**only, "group_by": board.by}),
    )


def _line(by: str, group: Group, widest: float) -> Line:
    value = group.key[0]
    return Line(
        label=words.factor(by, value) or "not given",
        address=address_of(by, value),
        estimate=group.estimate,
        n_machines=group.n_machines,
        n_runs=group.n_runs,
        bar=boards.bar(group.estimate, widest),
    )


def _spread(logs: Sequence[float], unit: str) -> Spread:
    rates = sorted(math.exp(log) for log in logs)
    tenth, half, last = (rates[round(share * (len(rates) - 1))] for share in (0.1, 0.5, 0.9))
    return Spread(
        tenth=figure(tenth, unit),
        half=figure(half, unit),
        last_tenth=figure(last, unit),
        low=figure(rates[0], unit),
        high=figure(rates[-1], unit),
        bins=_bins(rates),
    )


def _bins(rates: Sequence[float]) -> tuple[tuple[str, str, str], ...]:
    """(left, top, height) of each bin that is not empty, in percent."""
    low, high = rates[0], rates[-1]
    if len(rates) < LEAST_FOR_BINS or low == high:
        return ()
    counts = [0] * BINS
    for rate in rates:
        counts[min(BINS - 1, int(BINS * (rate - low) / (high - low)))] += 1
    heights = [100 * count / max(counts) for count in counts]
    return tuple(
        (f"{100 * place / BINS:.3f}", f"{100 - height:.1f}", f"{height:.1f}")
        for place, height in enumerate(heights)
        if height
    )


def _tuning(each: platforms.Tuning) -> dict[str, Any]:
    found = each.finding
    before, after, ratio = found["from"], found["to"], found["ratio"]
    told = {
        "factor": words.FACTORS.get(found["factor"], found["factor"]),
        "change": f"{before} → {after}",
        "load": f"{found['test']}, {words.load(found)}",
        "ratio": f"{ratio:.2f}",
        "interval": f"{found['ci_low']:.2f}–{found['ci_high']:.2f}",
        "n_machines": found["n_machines"],
        "address": urlencode({"factor": found["factor"]}),
    }
    return told | ({"here": _here(each.here, before)} if each.here else {})


def _here(row: EffectRow, before: str) -> dict[str, Any]:
    """The ratio on hosts of the platform, from `before` to the other value."""
    ratio = row.effect.ratio if row.contrast.before == before else 1 / row.effect.ratio
    return {"ratio": f"{ratio:.2f}", "n_machines": row.n_machines}
