"""Two sides beside each other, each a report or a group of hosts: the recipe that both have, what
differs, and the ratio. Built by `registry.compare` and `registry.compare_groups`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from registry.evidence.comparability import REFUSED, Comparability, Difference, compare
from registry.evidence.ratio import Ratio, log_welch
from registry.evidence.summary import Estimate, estimate_logs, thinned
from registry.models import RawReport, Recipe
from registry.models.factors import RECIPE_FIELDS
from registry.standing import HEADLINE
from registry.vocabulary.factors import SYSTEM_FACTORS


@dataclass(frozen=True)
class Side:
    """A report or a group under one recipe. `logs` are natural logarithms of rates, one a run of
    a report, one a host of a group; `factors` are what it ran on, Several where a group's hosts
    differ; `machines` are those that are known. `report` is None for a group, whose `group` holds
    what was asked of it.
    """

    recipe: Recipe
    factors: Mapping[str, Any]
    logs: Sequence[float]
    n_runs: int
    n_machines: int
    n_submitters: int
    machines: frozenset[int]
    report: RawReport | None = None
    group: Mapping[str, str] = field(default_factory=dict)
    estimated: Estimate | None = None

    @property
    def estimate(self) -> Estimate:
        found = self.estimated or estimate_logs(self.logs)
        assert found is not None  # a side has a figure
        return found

    def kept(self) -> "Side":
        """With its estimate, and only as many logarithms as show how they are spread."""
        return replace(self, estimated=self.estimate, logs=thinned(self.logs), machines=frozenset())


@dataclass(frozen=True)
class Comparison:
    """`ratio` is of b to a, None where the comparison is refused."""

    a: Side
    b: Side
    comparability: Comparability
    ratio: Ratio | None

    @property
    def differing(self) -> list[Difference]:
        """The factors that differ: those that were asked for, columns in their order, settings."""
        columns = list(SYSTEM_FACTORS)

        def place(each: Difference) -> tuple[bool, int, str]:
            column = columns.index(each.name) if each.name in columns else len(columns)
            return not self.is_asked(each.name), column, each.name

        return sorted(self.comparability.factors, key=place)

    def is_asked(self, factor: str) -> bool:
        """Whether a group was asked to have a value of it."""
        return factor in self.a.group or factor in self.b.group


def beside(a: Mapping[Recipe, Side], b: Mapping[Recipe, Side]) -> Comparison:
    """By the recipe that both have: the ranked headline first, then that of the most hosts; else by
    each one's best, to say in what they differ.
    """
    both = sorted(
        (recipe for recipe in a if recipe in b),
        key=lambda recipe: max(_preference(a)(recipe), _preference(b)(recipe)),
    )
    one = a[both[0] if both else min(a, key=_preference(a))]
    other = b[both[0] if both else min(b, key=_preference(b))]
    found = compare(
        (_fields(one.recipe), _fields(other.recipe)),
        (one.factors, other.factors),
        is_one_machine=_are_same_machines(one, other),
    )
    ratio = None if found.verdict == REFUSED else log_welch(other.logs, one.logs)
    return Comparison(one, other, found, ratio)


def _preference(sides: Mapping[Recipe, Side]) -> Callable[[Recipe], tuple[Any, ...]]:
    """The ranked headline, any TCP_CRR, what was measured, the most hosts, what was made first."""

    def order(recipe: Recipe) -> tuple[Any, ...]:
        is_headline = all(getattr(recipe, name) == value for name, value in HEADLINE.items())
        is_imported = recipe.source == Recipe.Source.IMPORTED
        is_other_test = recipe.test != HEADLINE["test"]
        hosts = sides[recipe].n_machines
        return not is_headline, is_other_test, is_imported, -hosts, recipe.pk

    return order


def _are_same_machines(a: Side, b: Side) -> bool:
    """Whether every host of both sides is known, and is on both."""
    is_known = len(a.machines) == a.n_machines and len(b.machines) == b.n_machines
    return is_known and a.machines == b.machines


def _fields(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in RECIPE_FIELDS}
