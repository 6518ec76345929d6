"""What the facts add up to: one cell a recipe × system × voter, and the generation number that
every derived page hangs on.

Cells are brought up to date after commit by `summarise`, which takes the readings not yet summed
up, recomputes the cells they touch from their runs, and raises the generation. Running it twice,
or two at once, changes nothing more. Cells are read and written many at once, since on SQLite
every writer waits for this transaction.
"""

import json
import math
from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

from django.db import models, transaction
from django.db.models import Count, Min, OuterRef, Q, Subquery
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from registry.models import rows
from registry.models.factors import Machine, Recipe, Submitter, System
from registry.models.reading import Bound, Reading, Run
from registry.models.report import RawReport
from registry.models.written_once import WrittenOnce

READINGS_AT_ONCE = 100
RUNS_AT_ONCE = 1000  # a reading of more is a batch of its own
CELLS_OF_LARGE = 2_000  # from here on answers are kept, `registry.kept`
MORE_OF_A_MACHINE = 9  # times as many readings as a batch began with


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

    @classmethod
    def changed_within(cls, seconds: float) -> bool:
        """Whether it rose in the last seconds; a change that is yet to come is of a wrong clock."""
        now = timezone.now()
        return cls.objects.filter(
            changed_at__gt=now - timedelta(seconds=seconds), changed_at__lte=now
        ).exists()

    @classmethod
    def current_and_size(cls) -> tuple[int, bool]:
        """The number, and whether the registry is large, in one query."""
        number, cell = _number_and_size.first() or (0, None)
        return number, cell is not None

    @staticmethod
    def locked() -> "Generation":
        """The row, held until the transaction ends: one writer of cells at a time."""
        locked = Generation.objects.select_for_update()
        row = locked.filter(pk=1).first()
        if row is None:
            Generation.objects.bulk_create([Generation(pk=1)], ignore_conflicts=True)
            row = locked.get(pk=1)
        return row

    @staticmethod
    def note_change(recipes: Set[int]) -> None:
        """Say that something told of these recipes changed, though no cell did. Within the caller's
        transaction, before it locks readings: `summarise` has this order too.
        """
        generation = Generation.locked()
        generation.rise()
        Recipe.objects.filter(pk__in=recipes).update(generation=generation.number)

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


class CellQuerySet(models.QuerySet["Cell"]):
    def exact(self) -> "CellQuerySet":
        """What may enter statistics."""
        return self.filter(bound=Bound.EXACT)


class Cell(models.Model):
    """All figures of one voter with one recipe on one system.

    `mean_ln` is the mean over sittings (reports) of the mean of ln(value) over the runs of the
    sitting; `m2` is the sum of squared distances of each run's ln(value) from its sitting's mean;
    `moved` names the counters that rose during any of the runs (`registry.evidence.mechanisms`).
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
    moved = models.JSONField(default=list)
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
        # The next better figures of a recipe are the first of these.
        indexes = [models.Index(fields=["recipe", "mean_ln"], name="cell_by_rate")]

    def __str__(self) -> str:
        return f"cell {self.recipe_id} × {self.system_id}"


class CellContent(NamedTuple):
    """What a cell says of its voter, by the names of its columns."""

    submitter_id: int
    n_runs: int
    n_sittings: int
    mean_ln: float
    m2: float
    moved: list[str]
    last_report_id: int


_VOTER = CellKey._fields
_CONTENT = CellContent._fields


class Findings(models.Model):
    """One row: what experiments have shown to help or hurt, as of a generation. Kept by the sweep,
    so that whoever takes in a report can name them without working them out.
    """

    generation = models.BigIntegerField(default=-1)
    rows = models.JSONField(default=list)
    found_at = models.DateTimeField(null=True)
    took_s = models.FloatField(default=0.0, db_default=0.0)

    def __str__(self) -> str:
        return f"findings of generation {self.generation}"

    @classmethod
    def stored(cls) -> "Findings":
        return _findings.first() or cls(pk=1)


def number_and_size() -> models.QuerySet[Generation, Any]:
    """The generation, and the key of a cell that only a large registry has."""
    beyond = Cell.objects.order_by("pk").values("pk")[CELLS_OF_LARGE : CELLS_OF_LARGE + 1]
    return Generation.objects.filter(pk=1).values_list("number", Subquery(beyond))


_number_and_size = WrittenOnce(number_and_size)
_findings = WrittenOnce(lambda: Findings.objects.filter(pk=1))


def summarise(limit: int = READINGS_AT_ONCE, runs_limit: int = 0) -> int:
    """Bring the cells up to date with up to `limit` readings, fewer where they have more runs than
    `runs_limit` (RUNS_AT_ONCE when 0), and with what else waits of their machines, so that a cell
    is computed once and not for each of its reports. Returns how many readings were summed up, 0
    when none waits.
    """
    with transaction.atomic():
        generation = Generation.locked()
        readings = _waiting(limit, runs_limit or RUNS_AT_ONCE)
        if not readings:
            return 0
        if len(readings) == limit:
            readings += _of_their_machines(readings)
        keys, arms = _touched(readings)
        # Arms of experiments enter no cell, and yet effects are made from them.
        changed = {key.recipe_id for key in _write(keys)} | arms
        done = Reading.objects.filter(pk__in=readings)
        # A report that was read again may say something new that is in no cell, its loads of CPUs.
        if changed or done.filter(active=False).exists():
            generation.rise()
            Recipe.objects.filter(pk__in=changed).update(generation=generation.number)
            done.update(summarised=True, generation=generation.number)
        else:
            done.update(summarised=True)
    return len(readings)


def waiting_s() -> float:
    """How long the oldest reading has waited to be summed up, in seconds, since it was written or
    marked anew; 0 when none waits. Looks at those that wait alone, by their index.
    """
    since = Coalesce("marked_at", "created_at")
    oldest = Reading.objects.filter(summarised=False).aggregate(at=Min(since))["at"]
    return max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0


def _waiting(limit: int, runs_limit: int) -> list[int]:
    """The first readings that wait, as many as have `runs_limit` runs together; one at least."""
    runs = Run.objects.filter(reading=OuterRef("pk")).order_by().values("reading")
    counted = Subquery(runs.annotate(n_runs=Count("pk")).values("n_runs"))
    found = Reading.objects.filter(summarised=False).annotate(n_runs=Coalesce(counted, 0))
    rows = list(found.order_by("id").select_for_update().values_list("pk", "n_runs")[:limit])
    totals = accumulate(n_runs for _, n_runs in rows)
    fitting = sum(total <= runs_limit for total in totals)
    return [pk for pk, _ in rows[: max(1, fitting)]]


def _of_their_machines(readings: Sequence[int]) -> list[int]:
    """Further readings that wait of the machines that these are of. The machines are asked for by
    themselves: within the statement, PostgreSQL without statistics looked for them once a reading.
    """
    of_these = Reading.objects.filter(pk__in=readings).exclude(report__machine=None)
    machines = set(of_these.values_list("report__machine", flat=True))
    found = Reading.objects.filter(summarised=False, report__machine__in=machines)
    others = found.exclude(pk__in=readings).order_by("id").select_for_update(of=("self",))
    return list(others.values_list("pk", flat=True)[: MORE_OF_A_MACHINE * len(readings)])


def _touched(readings: Sequence[int]) -> tuple[set[CellKey], set[int]]:
    """The cells that the runs of readings belong to, and the recipes of runs that are arms."""
    runs = Run.objects.filter(reading__in=readings).order_by()
    rows = set(runs.values_list(*_VOTER, "part").distinct())
    arms = {recipe_id for recipe_id, *_, part in rows if part == Run.Part.ARM}
    return {_key(*row[:-1]) for row in rows}, arms


def _write(keys: Set[CellKey]) -> set[CellKey]:
    """Have the cells at `keys` as their runs say; gives those that changed."""
    before, after = _rows(keys), computed_cells(keys)
    changed = {key for key in keys if before.get(key, _NO_ROW).content != after.get(key)}
    gone = [before[key].pk for key in changed & before.keys()]
    Cell.objects.filter(pk__in=gone).delete()
    ordered = sorted(changed & after.keys(), key=str)
    rows.insert(Cell, ({**key._asdict(), **after[key]._asdict()} for key in ordered))
    return changed


def stored_cells(keys: Set[CellKey]) -> dict[CellKey, CellContent]:
    """What the cells say that there are at `keys`."""
    return {key: row.content for key, row in _rows(keys).items() if row.content}


class _StoredRow(NamedTuple):
    pk: int
    content: CellContent | None


_NO_ROW = _StoredRow(0, None)


def _rows(keys: Set[CellKey]) -> dict[CellKey, _StoredRow]:
    columns = Cell.objects.filter(_voters_of(keys)).values_list("pk", *_VOTER, *_CONTENT)
    found = {
        _key(*row[1 : 1 + len(_VOTER)]): _StoredRow(row[0], CellContent(*row[1 + len(_VOTER) :]))
        for row in columns
    }
    return {key: found[key] for key in keys & found.keys()}


def computed_cells(keys: Set[CellKey]) -> dict[CellKey, CellContent]:
    """What the cells at `keys` should say, by the runs that count now."""
    runs = Run.objects.filter(
        _voters_of(keys),
        part=Run.Part.FIGURE,
        value__gt=0,
        reading__active=True,
        reading__report__in=RawReport.objects.listed(),
    )
    found: dict[CellKey, list[_Row]] = defaultdict(list)
    # As text, since the same few lists come again and again.
    said = runs.annotate(names=Cast("moved", models.TextField())).order_by("id")
    columns = (*_VOTER, "reading__report_id", "value", "names")
    for *voter, report_id, value, names in said.values_list(*columns):
        key = _key(*voter)
        if key in keys:
            found[key].append(_Row(voter[-1], report_id, value, _names(names)))
    return {key: _content(its_rows) for key, its_rows in found.items()}


def waiting_cells(keys: Set[CellKey]) -> set[CellKey]:
    """Those of `keys` that readings which wait to be summed up have runs of."""
    runs = Run.objects.filter(_voters_of(keys), reading__summarised=False).order_by()
    return {_key(*row) for row in runs.values_list(*_VOTER).distinct()} & keys


@lru_cache(maxsize=1000)
def _names(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _voters_of(keys: Set[CellKey]) -> Q:
    """Rows of the recipes, systems and voters that `keys` name; few too many, in one query."""
    by_machine = Q(machine__in={key.machine_id for key in keys if key.machine_id})
    submitters = {key.submitter_id for key in keys if not key.machine_id}
    return Q(
        by_machine | Q(machine=None, submitter__in=submitters),
        recipe__in={key.recipe_id for key in keys},
        system__in={key.system_id for key in keys},
    )


def _key(
    recipe_id: int, system_id: int, bound: str, machine_id: int | None, submitter_id: int | None
) -> CellKey:
    return CellKey(recipe_id, system_id, bound, machine_id, None if machine_id else submitter_id)


class _Row(NamedTuple):
    submitter_id: int
    report_id: int
    value: float
    moved: tuple[str, ...]


def _content(runs: list[_Row]) -> CellContent:
    """What a cell says of its runs, oldest first; the first names the submitter."""
    sittings: dict[int, list[float]] = defaultdict(list)
    for row in runs:
        sittings[row.report_id].append(math.log(row.value))
    means = {report: math.fsum(logs) / len(logs) for report, logs in sittings.items()}
    return CellContent(
        submitter_id=runs[0].submitter_id,
        n_runs=len(runs),
        n_sittings=len(sittings),
        mean_ln=math.fsum(means.values()) / len(means),
        m2=math.fsum(
            (log - means[report]) ** 2 for report, logs in sittings.items() for log in logs
        ),
        moved=sorted({name for row in runs for name in row.moved}),
        last_report_id=max(sittings),
    )
