"""Cells for tests of what is made from them, without the reports behind them."""

import itertools
import math
from typing import Any

from registry.models import Cell, Machine, Recipe, Submitter, System

NUMBERS = itertools.count(1)
RECIPE = {
    "test": "TCP_CRR",
    "unit": "trans/s",
    "topology": "loopback",
    "streams": 1,
    "placement": "same_cpu",
    "request_size_bytes": 1,
    "response_size_bytes": 1,
    "timing_options": "",
    "duration_class": "normal",
    "source": "plan",
}
SYSTEM = {"virtualization": "none", "cpu_model": "Sample CPU", "cpus": 4, "settings": {}}
_OF_RECIPE = {field.name for field in Recipe._meta.fields}


def new_machine() -> Machine:
    return Machine.objects.create(key_digest=f"{next(NUMBERS):064x}")


def cell(
    rate: float,
    machine: Machine | None,
    sender: Submitter | None = None,
    moved: tuple[str, ...] = (),
    **more: Any,
) -> Cell:
    """The figure of a machine, from a sender of its own where none is given. `more` are columns of
    its recipe or its system.
    """
    recipe = {name: value for name, value in more.items() if name in _OF_RECIPE}
    system = {name: value for name, value in more.items() if name not in _OF_RECIPE}
    return Cell.objects.create(
        recipe=Recipe.rows_of([RECIPE | recipe])[0],
        system=System.rows_of([SYSTEM | system])[0],
        machine=machine,
        submitter=sender or Submitter.objects.create(),
        bound="exact",
        n_runs=3,
        n_sittings=1,
        mean_ln=math.log(rate),
        m2=0.0,
        moved=list(moved),
        last_report_id=1,
    )
