"""Whether two sets of runs may be compared, and what a difference between them may be due to. Pure.

Recipes must match, but for what the table of compatible recipes lets pass; systems may differ, and
every factor that does is named before any ratio.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTROLLED, MATCHED, OBSERVATIONAL, REFUSED = "controlled", "matched", "observational", "refused"
VERDICTS = (CONTROLLED, MATCHED, OBSERVATIONAL, REFUSED)
# Version 1: who wrote a text down changes no figure, so measured and pasted recipes pass. Imported
# ones do not: what they leave out is not known to match.
COMPATIBLE_VERSION = 1
_COMPATIBLE: Mapping[str, tuple[frozenset[str], ...]] = {
    "source": (frozenset({"plan", "pasted"}),),
}
# What a release says of its series, and a series of a release, is one difference.
_ONE = (frozenset({"kernel_release", "kernel_series"}),)
_MUST_BE_KNOWN = ("cpu_model", "virtualization")


@dataclass(frozen=True)
class Difference:
    """A field that differs; None is unknown."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True, eq=False)
class Several:
    """What the hosts of a group say of a factor where they disagree: (value, hosts), the most hosts
    first. It differs from everything, from the same values as well: a side may have more of one.
    """

    counts: tuple[tuple[Any, int], ...]


@dataclass(frozen=True)
class Comparability:
    """`verdict`: refused when the recipes differ; controlled for the same machines and one factor
    at the most; matched for other machines of known CPU and platform, and one factor at the most;
    observational for anything else, and wherever the hosts of a group differ from each other.
    """

    verdict: str
    recipe: tuple[Difference, ...]
    factors: tuple[Difference, ...]


def compare(
    recipes: tuple[Mapping[str, Any], Mapping[str, Any]],
    systems: tuple[Mapping[str, Any], Mapping[str, Any]],
    is_one_machine: bool,
) -> Comparability:
    """Of two recipes and two systems, each a mapping of names to values; a group's value may be
    Several. `is_one_machine` says that both were measured on the same machines.
    """
    recipe = tuple(d for d in _differences(*recipes) if not _is_compatible(d))
    factors = tuple(_differences(*systems))
    return Comparability(_verdict(recipe, factors, systems, is_one_machine), recipe, factors)


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    names = sorted(a.keys() | b.keys())
    return [Difference(n, a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)]


def _is_compatible(difference: Difference) -> bool:
    pair = {difference.a, difference.b}
    return any(pair <= allowed for allowed in _COMPATIBLE.get(difference.name, ()))


def _verdict(
    recipe: tuple[Difference, ...],
    factors: tuple[Difference, ...],
    systems: tuple[Mapping[str, Any], Mapping[str, Any]],
    is_one_machine: bool,
) -> str:
    if recipe:
        return REFUSED
    names = {difference.name for difference in factors}
    is_one_factor = len(names) <= 1 or any(names <= one for one in _ONE)
    is_mixed = any(isinstance(value, Several) for d in factors for value in (d.a, d.b))
    if is_mixed or not is_one_factor:
        return OBSERVATIONAL
    if is_one_machine:
        return CONTROLLED
    is_known = all(system.get(name) for system in systems for name in _MUST_BE_KNOWN)
    return MATCHED if is_known else OBSERVATIONAL
