"""The facts: what was received (reports), what it says (readings), what it was measured on
(factors), what it adds up to.
"""

from registry.models.factors import Machine, Recipe, Submitter, System
from registry.models.kept import KeptAnswer
from registry.models.reading import Reading, Result, Run
from registry.models.report import RawReport, ReportEvent
from registry.models.summary import Cell, Findings, Generation

__all__ = [
    "Cell",
    "Findings",
    "Generation",
    "KeptAnswer",
    "Machine",
    "RawReport",
    "Reading",
    "Recipe",
    "ReportEvent",
    "Result",
    "Run",
    "Submitter",
    "System",
]
