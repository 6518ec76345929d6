"""What the facts add up to: one cell a recipe × system × voter, and the generation number that
every derived page hangs on.

Cells are brought up to date after commit by `summarise`, which takes the readings not yet summed
up, recomputes the cells they touch from their runs, and raises the generation. Running it twice,
or two at once, changes nothing more.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from django.db import models, transaction
from django.db.models import Q
from django.forms.models import model_to_dict
from django.utils import timezone

from registry.models.factors import Machine, Recipe, Submitter, System
from registry.models.reading import Bound, Reading, Run
from registry.models.report import RawReport

READINGS_AT_ONCE = 100  # a batch is one write transaction, and on SQLite all writers wait for it


class Generation(models.Model):
    """One row: a number that rises whenever the cells change. Pages and charts made from it say
    which one.
    """

    number = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def current(cls) -> int:
        return cls.objects.filter(pk=1).values_list("number", flat=True).first() or 0

    @staticmethod
    def locked() -> "Generation":
        """The row, held until the transaction ends: one writer of cells at a time."""
        Generation.objects.bulk_create([Generation(pk=1)], ignore_conflicts=True)
        return Generation.objects.select_for_update().get(pk=1)

    def rise(self) -> None:
        self.number += 1
        self.changed_at = timezone.now()
        self.save()


class CellKey(NamedTuple):
    """Whose cell a run belongs to: a vote is a machine, else a submitter with this system."""

    recipe_id: int
    system_id: int
    bound: str
    machine_id: int | None
    submitter_id: int | None  # None when the machine is known

    @classmethod
    def of(cls, run: Run) -> "CellKey":
        submitter_id = None if run.machine_id else run.submitter_id
        return cls(run.recipe_id, run.system_id, run.bound, run.machine_id, submitter_id)


class CellQuerySet(models.QuerySet["Cell"]):
    def at(self, key: CellKey) -> "CellQuerySet":
        rows = self.filter(recipe=key.recipe_id, system=key.system_id, bound=key.bound)
        if key.machine_id:
            return rows.filter(machine=key.machine_id)
        return rows.filter(machine=None, submitter=key.submitter_id)

    def exact(self) -> "CellQuerySet":
        """What may enter statistics."""
        return self.filter(bound=Bound.EXACT)


class Cell(models.Model):
    """All figures of one voter with one recipe on one system.

    `mean_ln` is the mean over sittings (reports) of the mean of ln(value) over the runs of the
    sitting; `m2` is the sum of squared distances of each run's ln(value) from its sitting's mean.
    Only runs of published, listed reports count.
    """

    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT)
    system = models.ForeignKey(System, on_delete=models.PROTECT)
    machine = models.ForeignKey(Machine, null=True, on_delete=models.PROTECT)
    submitter = models.ForeignKey(Submitter, on_delete=models.PROTECT)
    bound = models.CharField(max_length=16, choices=Bound.choices)
    n_runs = models.PositiveIntegerField()
    n_sittings = models.PositiveIntegerField()
    mean_ln = models.FloatField()
    m2 = models.FloatField()
    last_report_id = models.BigIntegerField()

    objects = CellQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recipe", "system", "bound", "machine"],
                condition=Q(machine__isnull=False),
                name="cell_of_machine",
            ),
            models.UniqueConstraint(
                fields=["recipe", "system", "bound", "submitter"],
                condition=Q(machine=None),
                name="cell_of_submitter",
            ),
        ]

    def __str__(self) -> str:
        return f"cell {self.recipe_id} × {self.system_id}"


def summarise(limit: int = READINGS_AT_ONCE) -> int:
    """Bring the cells up to date with up to `limit` readings. Returns how many readings were
    summed up.
    """
    with transaction.atomic():
        generation = Generation.locked()
        waiting = Reading.objects.filter(summarised=False).order_by("id")
        readings = list(waiting.select_for_update()[:limit].values_list("pk", flat=True))
        if not readings:
            return 0
        changed = [key for key in _touched(readings) if _recompute(key)]
        Reading.objects.filter(pk__in=readings).update(summarised=True)
        if changed:
            generation.rise()
    return len(readings)


def _touched(readings: Iterable[int]) -> list[CellKey]:
    runs = Run.objects.filter(reading__in=readings).only(
        "recipe_id", "system_id", "bound", "machine_id", "submitter_id"
    )
    return sorted({CellKey.of(run) for run in runs}, key=str)


def _recompute(key: CellKey) -> bool:
    """Write, change or delete the cell at `key` from the runs it has now; whether it changed."""
    runs = Run.objects.filter(
        recipe=key.recipe_id,
        system=key.system_id,
        bound=key.bound,
        machine=key.machine_id,
        part=Run.Part.FIGURE,
        value__gt=0,
        reading__active=True,
        reading__report__in=RawReport.objects.listed(),
    )
    if key.submitter_id:
        runs = runs.filter(submitter=key.submitter_id)
    rows = list(runs.order_by("id").values_list("reading__report_id", "value", "submitter_id"))
    found = Cell.objects.at(key).first()
    if not rows:
        return bool(found and found.delete())
    cell = found or Cell(
        recipe_id=key.recipe_id,
        system_id=key.system_id,
        bound=key.bound,
        machine_id=key.machine_id,
    )
    before = model_to_dict(cell)
    cell.submitter_id = rows[0][2]
    _fill(cell, [(report, value) for report, value, _ in rows])
    if model_to_dict(cell) == before:
        return False
    cell.save()
    return True


def _fill(cell: Cell, rows: list[tuple[int, float]]) -> None:
    sittings: dict[int, list[float]] = defaultdict(list)
    for report, value in rows:
        sittings[report].append(math.log(value))
    means = {report: math.fsum(logs) / len(logs) for report, logs in sittings.items()}
    cell.n_runs, cell.n_sittings = len(rows), len(sittings)
    cell.mean_ln = math.fsum(means.values()) / len(means)
    cell.m2 = math.fsum(
        (log - means[report]) ** 2 for report, logs in sittings.items() for log in logs
    )
    cell.last_report_id = max(sittings)
