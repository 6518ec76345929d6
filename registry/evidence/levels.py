"""Where noise comes from, by level: runs of a sitting, sittings of a machine, machines. Pure
functions of arrays.

Kalibera and Jones, "Rigorous benchmarking in reasonable time" (2013), section 6, after their
figures. Samples are balanced: every list of a level has as many members as its neighbours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from registry.evidence.distributions import t_quantile

CI_LEVEL = 0.95
Tree = Sequence[Any]  # numbers, or lists of numbers, or lists of lists


@dataclass(frozen=True)
class Levels:
    """`s2` are the biased variances from the lowest level up, `t2` what each level adds by itself
    (below 0 where chance alone explains the spread); `counts` are members a level, lowest first.
    """

    mean: float
    s2: tuple[float, ...]
    t2: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def half_width(self) -> float:
        """Of the 95 % interval of the mean: t(.975, n - 1) · √(S² of the top level / n)."""
        n = self.counts[-1]
        return float(t_quantile(0.5 + CI_LEVEL / 2, n - 1)) * math.sqrt(self.s2[-1] / n)

    @property
    def f(self) -> float:
        """Of two levels, Fisher's ratio of the variance between groups to that within."""
        return self.counts[0] * self.s2[1] / self.s2[0]


def levels(tree: Tree) -> Levels:
    """Variances of every level: S²ᵢ is the mean, over the nodes of level i, of the sample variance
    of their members' means; T²₁ = S²₁, T²ᵢ = S²ᵢ - S²ᵢ₋₁ / nᵢ₋₁. Needs two members everywhere
    (ValueError).
    """
    nodes: list[Tree] = [tree]
    found: list[tuple[float, int]] = []
    while True:
        counts = {len(node) for node in nodes}
        if len(counts) != 1 or min(counts) < 2:
            raise ValueError("every node needs as many members as its neighbours, two at least")
        found.append((_mean([_variance(list(map(mean_of, node))) for node in nodes]), counts.pop()))
        if not isinstance(nodes[0][0], Sequence):
            break
        nodes = [member for node in nodes for member in node]
    found.reverse()
    s2, counts_up = tuple(value for value, _ in found), tuple(count for _, count in found)
    added = [above - below / n for above, below, n in zip(s2[1:], s2, counts_up, strict=False)]
    return Levels(mean_of(tree), s2, (s2[0], *added), counts_up)


def repetitions(found: Levels, costs: Sequence[float]) -> list[int | None]:
    """How often to repeat each level but the top one, lowest first, so that a given time gives the
    narrowest interval: √(cᵢ₊₁/cᵢ · T²ᵢ/T²ᵢ₊₁), rounded up. `costs` are what one more member of a
    level costs, lowest first. None where a level adds nothing that can be seen.
    """
    return [_ratio(*pair) for pair in zip(costs, costs[1:], found.t2, found.t2[1:], strict=False)]


def _ratio(cost: float, above: float, own: float, added: float) -> int | None:
    if own <= 0 or added <= 0:
        return None
    return math.ceil(math.sqrt(above / cost * own / added))


def mean_of(tree: Any) -> float:
    """Of all numbers under a node."""
    return _mean(list(map(mean_of, tree))) if isinstance(tree, Sequence) else float(tree)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
