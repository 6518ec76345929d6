"""Reports as lists show them: when, on what system, one headline figure, and what is odd.

Three queries a list, however long it is; none reads the bytes of a report.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Avg, Count, Min, QuerySet
from django.db.models.functions import Ln
from django.utils.safestring import SafeString

from registry.models import RawReport, Reading, Run
from registry.models.reading import Bound
from registry.models.written_once import WrittenOnce
from registry.pages import words
from registry.pages.fragments import fragment
from registry.standing import HEADLINE

REPORTS_A_PAGE = 50
SYSTEM_FIELDS = (
    "kernel_release",
    "kernel_series",
    "virtualization",
    "virtualization_mode",
    "instance_type",
    "cpu_model",
    "cpus",
    "os",
)


@dataclass(frozen=True)
class Figure:
    """The geometric mean of a report's runs of one recipe, in `unit`."""

    test: str
    unit: str
    rate: float
    n_runs: int
    load: str
    bound: str
    recipe_id: int

    @property
    def told(self) -> str:
        """`at least 35,000 trans/s`: for a line of text."""
        return " ".join(part for part in (self.bound, f"{self.rate:,.0f}", self.unit) if part)


@dataclass(frozen=True)
class Headline:
    """One row of a list of reports."""

    public_id: str
    received_at: datetime
    kernel: str | None
    hypervisor: str
    cpu: str
    figure: Figure | None
    is_experiment: bool
    imported: bool
    n_flags: int

    @property
    def html(self) -> SafeString:
        return _html(self)


_html = fragment("registry/_report_row.html", "row")


def headlines_before(
    report: RawReport | None, only: QuerySet[Any, Any] | None = None
) -> tuple[list[Headline], str | None]:
    """A page of the list, newest first, after `report`, of the reports whose keys `only` holds;
    and the id that the next page follows.
    """
    if only is None:
        rows = _listed(report.pk if report else None)
    else:
        rows = list(_listed_before(report.pk if report else None, only))
    page = headlines(rows[:REPORTS_A_PAGE])
    return page, page[-1].public_id if len(rows) > REPORTS_A_PAGE else None


def _listed_before(
    report_id: int | None, only: QuerySet[Any, Any] | None = None
) -> QuerySet[RawReport]:
    listed = RawReport.objects.listed().newest()
    if only is not None:
        listed = listed.filter(pk__in=only)
    if report_id is not None:
        listed = listed.filter(pk__lt=report_id)
    return listed[: REPORTS_A_PAGE + 1]


_listed = WrittenOnce(_listed_before)
_flags = WrittenOnce(
    lambda ids: Reading.objects.filter(report__in=ids, active=True).values_list(
        "report_id", "flags"
    )
)


def headlines(reports: Iterable[RawReport]) -> list[Headline]:
    """A row for each report, in their order."""
    rows = list(reports)
    ids = [report.pk for report in rows]
    flags = dict(_flags(ids))
    figures = _figures(ids)
    return [
        _headline(report, figures.get(report.pk, []), flags.get(report.pk, [])) for report in rows
    ]


def _figures(report_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Runs by report, recipe, system and what they are for, in the report's order."""
    found: dict[int, list[dict[str, Any]]] = {}
    for row in _groups(report_ids):
        group = dict(zip(_GROUP, row, strict=True))
        found.setdefault(group["reading__report_id"], []).append(group)
    return found


_GROUPED_BY = (
    "reading__report_id",
    "part",
    "bound",
    "recipe_id",
    "system_id",
    *(f"recipe__{name}" for name in ("test", "unit", "streams", "placement", "topology")),
    *(f"system__{name}" for name in SYSTEM_FIELDS),
)
_GROUP = (*_GROUPED_BY, "n_runs", "mean_ln", "place")


def _groups_of(report_ids: Sequence[int]) -> QuerySet[Run, Any]:
    """What `_GROUP` names; the database does the sums."""
    return (
        Run.objects.filter(
            reading__report__in=report_ids,
            reading__active=True,
            value__gt=0,
        )
        .values_list(*_GROUPED_BY)
        .annotate(n_runs=Count("pk"), mean_ln=Avg(Ln("value")), place=Min("pk"))
        .order_by("place")
    )


_groups = WrittenOnce(_groups_of)


def _headline(report: RawReport, groups: list[dict[str, Any]], flags: list[Any]) -> Headline:
    chosen = min(groups, key=_preference, default={})  # min keeps the first of equals
    return Headline(
        public_id=report.public_id,
        received_at=report.received_at,
        kernel=chosen.get("system__kernel_release") or chosen.get("system__os"),
        hypervisor=hypervisor_in_words(
            chosen.get("system__virtualization"), chosen.get("system__virtualization_mode")
        ),
        cpu=cpu_in_words(chosen.get("system__cpu_model"), chosen.get("system__cpus")),
        figure=_figure(chosen) if chosen.get("part") == Run.Part.FIGURE else None,
        is_experiment=any(group["part"] == Run.Part.ARM for group in groups),
        imported=report.imported,
        n_flags=len(flags),
    )


def _preference(group: dict[str, Any]) -> int:
    """0 for the ranked headline, 1 for any other TCP_CRR figure, 2 for the rest, 3 for what is
    none.
    """
    if group["part"] != Run.Part.FIGURE:
        return 3
    if group["recipe__test"] != HEADLINE["test"]:
        return 2
    return 0 if all(group[f"recipe__{name}"] == value for name, value in HEADLINE.items()) else 1


def _figure(group: dict[str, Any]) -> Figure:
    recipe = {name.removeprefix("recipe__"): value for name, value in group.items()}
    return Figure(
        test=recipe["test"],
        unit=recipe["unit"],
        rate=math.exp(group["mean_ln"]),
        n_runs=group["n_runs"],
        load=words.load(recipe),
        bound=words.BOUNDS.get(group["bound"], "") if group["bound"] != Bound.EXACT else "",
        recipe_id=group["recipe_id"],
    )


def hypervisor_in_words(virtualization: str | None, mode: str | None) -> str:
    """`Xen PV`, `bare metal`; empty when unknown."""
    parts = (
        words.factor("virtualization", virtualization),
        words.factor("virtualization_mode", mode),
    )
    return " ".join(part for part in parts if part)


def cpu_in_words(model: str | None, cpus: int | None) -> str:
    """`4 × Intel Core i5-2400`; empty when unknown."""
    if cpus and model:
        return f"{cpus} × {model}"
    return model or (f"{cpus} CPUs" if cpus else "")
