"""The two forms of the page that compares: two groups by their factors, or two reports."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.cache import cache
from django.db.models import Count

from registry.models import Cell
from registry.pages import boards, words
from registry.pages.boards import Choice
from registry.vocabulary import kernels
from registry.vocabulary.factors import SYSTEM_FACTORS

SIDES = ("a", "b")
ALWAYS_SHOWN = ("virtualization", "virtualization_mode", "kernel_series", "cpu_model")
OFFERED_KEY = "compare-choices"
VALUES_OFFERED = 30  # of one factor, those of the most figures; the address takes any


@dataclass(frozen=True)
class Field:
    """One factor of one side, or of the recipe of both; a setting has no choices: it is written."""

    name: str
    label: str
    value: str
    choices: tuple[Choice, ...]
    fault: str
    is_recipe: bool = False


@dataclass(frozen=True)
class GroupForm:
    """What one side's group is asked by; `more` are the factors that are folded away."""

    side: str
    first: tuple[Field, ...]
    more: tuple[Field, ...]
    is_open: bool
    fault: str


def forms(params: Mapping[str, str], faults: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Both forms as the template wants them; a fault stands beside the field that it names."""
    by_path = {fault["path"]: fault["message"] for fault in reversed(faults)}
    offered = _values_offered()
    is_groups = any("." in name for name in params)
    return {
        "recipes": [
            Field(name, name, "", tuple(choices), by_path.get(name, ""), is_recipe=True)
            for name, choices in boards.recipe_choices(params).items()
        ],
        "groups": [_group_form(side, params, offered, by_path, is_groups) for side in SIDES],
        "reports": [
            {
                "name": side,
                "value": params.get(side, ""),
                "fault": "" if is_groups else by_path.get(side, ""),
            }
            for side in SIDES
        ],
    }


def _values_offered() -> dict[str, list[str]]:
    """The commonest values of each factor that cells have, in an order that people expect. Kept for
    a hundred times as long as it took to find them: every factor is a look at all cells.
    """
    found: dict[str, list[str]] | None = cache.get(OFFERED_KEY)
    if found is None:
        began = time.monotonic()
        found = _find_values()
        cache.set(OFFERED_KEY, found, math.ceil(100 * (time.monotonic() - began)))
    return found


def _find_values() -> dict[str, list[str]]:
    found = {}
    for name in SYSTEM_FACTORS:
        column = f"system__{name}"
        counted = (
            Cell.objects.exact()
            .exclude(**{column: None})
            .values_list(column)
            .annotate(n=Count("pk"))
            .order_by("-n", column)
        )
        values = [str(value) for value, _ in counted[:VALUES_OFFERED]]
        found[name] = sorted(values, key=partial(_order, name))
    return found


def _order(name: str, value: str) -> Any:
    if name == "kernel_series":
        return kernels.order(value)
    if name == "kernel_release":
        return kernels.release_order(value)
    return (words.factor(name, value) or value).casefold().zfill(8 if value.isdigit() else 0)


def _group_form(
    side: str,
    params: Mapping[str, str],
    offered: Mapping[str, Sequence[str]],
    faults: Mapping[str, str],
    is_groups: bool,
) -> GroupForm:
    prefix = f"{side}."
    settings = sorted(
        name.removeprefix(prefix)
        for name in params
        if name.startswith(prefix) and name.removeprefix(prefix) not in SYSTEM_FACTORS
    )
    fields = [
        _field(prefix, name, params, offered.get(name, ()), faults)
        for name in (*SYSTEM_FACTORS, *settings)
        if offered.get(name) or prefix + name in params
    ]
    more = tuple(field for field in fields if field.name not in _names(prefix, ALWAYS_SHOWN))
    return GroupForm(
        side=side,
        first=tuple(field for field in fields if field.name in _names(prefix, ALWAYS_SHOWN)),
        more=more,
        is_open=any(field.value for field in more),
        fault=faults.get(side, "") if is_groups else "",
    )


def _names(prefix: str, names: Iterable[str]) -> set[str]:
    return {prefix + name for name in names}


def _field(
    prefix: str,
    name: str,
    params: Mapping[str, str],
    offered: Sequence[str],
    faults: Mapping[str, str],
) -> Field:
    asked = params.get(prefix + name, "")
    values = [*offered, *([asked] if asked and asked not in offered else [])]
    choices = [Choice(each, words.factor(name, each) or each, each == asked) for each in values]
    return Field(
        name=prefix + name,
        label=words.FACTORS.get(name, name),
        value=asked,
        choices=tuple(choices) if name in SYSTEM_FACTORS else (),
        fault=faults.get(prefix + name, ""),
    )
