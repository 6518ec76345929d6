"""What words find for the page that compares: reports and a group of hosts, each with the address
that has it as side a or b and keeps the other side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from registry import search
from registry.pages import words
from registry.pages.headlines import Headline, headlines
from registry.pages.search import reports_of
from registry.vocabulary.factors import RECIPE_FACTORS

SIDES = ("a", "b")


@dataclass(frozen=True)
class Pick:
    """`addresses` are by side. A group has a label, a report its headline."""

    label: str
    addresses: Mapping[str, str]
    report: Headline | None = None


def find(query: str, params: Mapping[str, str]) -> dict[str, Any]:
    """For the template; nothing where nobody asked."""
    found = search.find(query.replace("\0", ""))
    if not found.query:
        return {}
    rows = headlines(reports_of(found)) if found.matches else ()
    return {
        "query": found.query,
        "group": _group(found, params),
        "picks": [_report(row, found.query, params) for row in rows],
        "unknown": found.unknown,
    }


def _group(found: search.Found, params: Mapping[str, str]) -> Pick | None:
    """The hosts of all that the words name, where each names one thing."""
    if not found.filters or len(found.filters) != len(found.matches):
        return None
    addresses = {}
    for side in SIDES:
        kept = {
            name: value
            for name, value in params.items()
            if name in RECIPE_FACTORS or name.startswith(f"{_other(side)}.")
        }
        own = {f"{side}.{name}": value for name, value in found.filters.items()}
        addresses[side] = _address({**kept, **own}, found.query)
    return Pick(words.group(found.filters), addresses)


def _report(row: Headline, query: str, params: Mapping[str, str]) -> Pick:
    addresses = {}
    for side in SIDES:
        kept = {name: params[name] for name in (_other(side),) if name in params}
        addresses[side] = _address({**kept, side: row.public_id}, query)
    return Pick("", addresses, row)


def _other(side: str) -> str:
    return "b" if side == "a" else "a"


def _address(params: Mapping[str, str], query: str) -> str:
    return f"/compare/?{urlencode(dict(sorted(params.items())) | {'q': query})}"
