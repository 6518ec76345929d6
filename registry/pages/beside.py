"""A report beside others, as its page shows it: the bars of how figures are spread, the nearest
better host in words, the platforms it belongs to, and what a post or a README takes of it.
"""

from dataclasses import dataclass

from django.conf import settings

from registry import platforms
from registry.models import RawReport, System
from registry.neighbours import Bin, Neighbours
from registry.pages import words
from registry.pages.numbers import figure
from registry.pages.platform import address_of

DIFFERENCES_SHOWN, MOST_BINS = 12, 60


@dataclass(frozen=True)
class Bar:
    """Where a bin stands in the picture, in percent of it."""

    left: str
    width: str
    top: str
    height: str
    is_own: bool


@dataclass(frozen=True)
class DifferenceLine:
    name: str
    here: str
    there: str


@dataclass(frozen=True)
class Beside:
    """`better_id` is empty where no host of the recipe is better."""

    bars: tuple[Bar, ...]
    low: str
    high: str
    better_id: str
    rate: str
    ratio: str
    differs: tuple[DifferenceLine, ...]
    n_more: int


def beside(found: Neighbours) -> Beside:
    better = found.better
    differs = better.differs if better else ()
    ends = (found.spread[0].low, found.spread[-1].low) if found.spread else (0.0, 0.0)
    return Beside(
        bars=_bars(found.spread),
        low=figure(ends[0], found.unit),
        high=figure(ends[1], found.unit),
        better_id=better.public_id if better else "",
        rate=figure(better.rate, found.unit) if better else "",
        ratio=f"{better.ratio:.2f}" if better else "",
        differs=tuple(
            DifferenceLine(
                words.FACTORS.get(each.name, each.name),
                words.factor(each.name, each.a) or "not known",
                words.factor(each.name, each.b) or "not known",
            )
            for each in differs[:DIFFERENCES_SHOWN]
        ),
        n_more=max(0, len(differs) - DIFFERENCES_SHOWN),
    )


def _bars(spread: tuple[Bin, ...]) -> tuple[Bar, ...]:
    """None where one figure stands alone, or where they lie too far apart for a picture."""
    if not 1 < len(spread) <= MOST_BINS or sum(each.count for each in spread) < 2:
        return ()
    tallest, width = max(each.count for each in spread), 100 / len(spread)
    return tuple(
        _bar(place * width, width, max(100 * each.count / tallest, 2.0), each.is_own)
        for place, each in enumerate(spread)
        if each.count or each.is_own
    )


def _bar(left: float, width: float, height: float, is_own: bool) -> Bar:
    return Bar(f"{left:.2f}", f"{0.9 * width:.2f}", f"{100 - height:.1f}", f"{height:.1f}", is_own)


def platforms_of(system: System) -> list[tuple[str, str]]:
    """(name, address) of the pages that the report's host belongs to."""
    named = ((name, getattr(system, name)) for name in platforms.FACTORS)
    links = (
        (words.group({name: value}), address_of(name, value)) for name, value in named if value
    )
    return [(label, address) for label, address in links if address]


def embeds_of(report: RawReport) -> list[tuple[str, str]]:
    """(where, text) of what is pasted elsewhere."""
    page = f"{settings.PUBLIC_URL}/r/{report.public_id}"
    badge = f"{settings.PUBLIC_URL}/badge/{report.public_id}.svg"
    return [
        (
            "A post in plain text",
            f"crr-submit post {report.public_id} --registry {settings.PUBLIC_URL}",
        ),
        ("Markdown", f"[![TCP_CRR]({badge})]({page})"),
        ("HTML", f'<a href="{page}"><img src="{badge}" alt="TCP_CRR"></a>'),
        ("BBCode", f"[url={page}][img]{badge}[/img][/url]"),
    ]
