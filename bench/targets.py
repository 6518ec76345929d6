"""What a ratio to a floor of the same run ought to be, told beside it: the least that will do, and
what is aimed at.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """`least` and `aim` are floors of the ratio, or its ceilings where it `is_cost`."""

    least: float
    aim: float
    is_cost: bool = False

    def told(self, ratio: float) -> str:
        """`aim 0.9 met`, `at least 0.7 met, not aim 0.9`, `at least 0.7 MISSED`."""
        word = "at most" if self.is_cost else "at least"
        if self._reaches(ratio, self.aim):
            return f"aim {self.aim:g} met"
        if self._reaches(ratio, self.least):
            return f"{word} {self.least:g} met, not aim {self.aim:g}"
        return f"{word} {self.least:g} MISSED"

    def _reaches(self, ratio: float, goal: float) -> bool:
        return ratio <= goal if self.is_cost else ratio >= goal
