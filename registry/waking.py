"""What waking idle CPUs costs: one stream left to the scheduler beside the same with both ends on
one CPU, on the machines that measured both. The origin's riddle as a number.
"""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import F, OuterRef, Subquery

from registry.evidence.summary import Estimate, estimate_logs
from registry.kept import answer
from registry.models import Cell
from registry.models.summary import CellQuerySet

BARE_METAL = "none"
# What else must be alike before two recipes differ in their placement alone.
_ALIKE = ("source", "topology", "duration_class", "request_size_bytes", "response_size_bytes")


@dataclass(frozen=True)
class Waking:
    """The rate of one unpinned stream over that of one on a single CPU; `n` is of machines. None
    where no machine measured both.
    """

    bare_metal: Estimate | None
    guests: Estimate | None


@answer
def find() -> Waking:
    alike = {f"recipe__{name}": OuterRef(f"recipe__{name}") for name in _ALIKE}
    same = _one_stream("same_cpu").filter(
        machine=OuterRef("machine"), system=OuterRef("system"), **alike
    )
    both = _one_stream("unpinned").annotate(pinned=Subquery(same.values("mean_ln")[:1]))
    rows = both.exclude(pinned=None).values_list(
        "system__virtualization", "machine", F("mean_ln") - F("pinned")
    )
    logs: dict[bool, dict[int | None, list[float]]] = defaultdict(lambda: defaultdict(list))
    for kind, machine, log in rows:
        logs[kind == BARE_METAL][machine].append(log)
    return Waking(_over_machines(logs[True]), _over_machines(logs[False]))


def _one_stream(placement: str) -> CellQuerySet:
    load = {"test": "TCP_CRR", "streams": 1, "topology": "loopback", "placement": placement}
    cells = Cell.objects.exact().exclude(machine=None).exclude(system__virtualization=None)
    return cells.filter(**{f"recipe__{name}": value for name, value in load.items()})


def _over_machines(logs: dict[int | None, list[float]]) -> Estimate | None:
    return estimate_logs([sum(each) / len(each) for each in logs.values()])
