"""The page of search: what the words mean, and where that leads."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry import search
from registry.models import RawReport, Run
from registry.pages import words
from registry.pages.headlines import headlines
from registry.pages.platform import address_of
from registry.vocabulary.factors import SYSTEM_FACTORS

REPORTS_SHOWN = 20


@dataclass(frozen=True)
class Choice:
    """One value that was meant, and its page, or the leaderboard with it and what else was said."""

    label: str
    address: str


@dataclass(frozen=True)
class Meaning:
    """What words of the query were taken for."""

    said: str
    factor: str
    choices: tuple[Choice, ...]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    found = search.find(request.GET.get("q", "").replace("\0", ""))
    settings = {name: word for word in found.unknown for name in search.settings_called(word)}
    unknown = [word for word in found.unknown if word not in settings.values()]
    context: dict[str, Any] = {
        "query": found.query,
        "meanings": [_meaning(match, found) for match in found.matches],
        "unknown": unknown,
        "settings": [(name, words.name_of(name)) for name in settings],
        "costs": any(match.factor == "virtualization" for match in found.matches),
        "board": _board(found.filters) if found.matches else "",
        "is_clear": len(found.filters) == len(found.matches),
        "reports": headlines(reports_of(found)) if found.matches else (),
    }
    return render(request, "registry/search.html", context)


def _meaning(match: search.Match, found: search.Found) -> Meaning:
    choices = (
        Choice(
            words.factor(match.factor, value) or value,
            _page_of(match.factor, value, found),
        )
        for value in match.values
    )
    return Meaning(" ".join(match.words), words.FACTORS[match.factor], tuple(choices))


def _page_of(factor: str, value: str, found: search.Found) -> str:
    alone = address_of(factor, value) if len(found.matches) == 1 else ""
    return alone or _board({**found.filters, factor: value})


def _board(filters: dict[str, str]) -> str:
    """The leaderboard with these filters, grouped by the factors that are left open."""
    usual = ("virtualization", "kernel_series", "cpu_model")
    groups = [name for name in usual if name not in filters][:2] or ["kernel_release"]
    return f"/leaderboard/?{urlencode({**filters, 'group_by': ','.join(groups)})}"


def reports_of(found: search.Found) -> Any:
    """The newest listed reports with a figure on such a system."""
    asked = {f"system__{one.factor}__in": one.values for one in found.matches}
    assert all(one.factor in SYSTEM_FACTORS for one in found.matches)
    runs = Run.objects.filter(reading__active=True, part=Run.Part.FIGURE, **asked)
    listed = RawReport.objects.listed().filter(pk__in=runs.values("reading__report"))
    return listed.newest()[:REPORTS_SHOWN]
