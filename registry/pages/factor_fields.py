"""Factors as fields of a form: the values that figures have, to choose from."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import CharField, Count, Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.safestring import SafeString

from registry.kept import answer
from registry.models import Cell, System
from registry.models.walk import walk
from registry.pages import words
from registry.pages.boards import Choice
from registry.pages.fragments import fragment
from registry.vocabulary import kernels
from registry.vocabulary.factors import SETTINGS, SYSTEM_FACTORS, TUNABLE, is_setting

VALUES_OFFERED = 30  # of one factor, those of the most figures; the address takes any
SYSTEMS_AT_ONCE = 1000


@dataclass(frozen=True)
class Field:
    """One factor, or a part of the recipe; a setting without choices is written."""

    name: str
    label: str
    value: str
    choices: tuple[Choice, ...]
    fault: str
    is_recipe: bool = False

    @property
    def html(self) -> SafeString:
        return _html(self)


_html = fragment("registry/_factor_field.html", "field")


@answer
def values_offered() -> dict[str, list[str]]:
    """The commonest values of each factor that cells have, in an order that people expect."""
    first, *others = (_counted(name) for name in SYSTEM_FACTORS)
    counts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for name, value, n in first.union(*others, all=True):
        counts[name].append((-n, value))
    common = {name: sorted(found)[:VALUES_OFFERED] for name, found in counts.items()}
    return {
        name: sorted((value for _, value in found), key=partial(_order, name))
        for name, found in common.items()
    }


@answer
def settings_offered() -> dict[str, list[str]]:
    """The commonest values of each setting that can be tried and that measured hosts differ in."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in sorted(SETTINGS | {*TUNABLE})}
    measured = System.objects.filter(Exists(Cell.objects.exact().filter(system=OuterRef("pk"))))
    for system in walk(measured.only("settings"), SYSTEMS_AT_ONCE):
        for name, value in system.settings.items():
            if name in counts:
                counts[name][str(value)] += 1
    return {
        name: sorted(value for value, _ in found.most_common(VALUES_OFFERED))
        for name, found in counts.items()
        if len(found) > 1
    }


def facets(params: Mapping[str, str]) -> list[Field]:
    """Every factor that hosts differ in, and those that are asked, settings among them."""
    systems, settings = values_offered(), settings_offered()
    asked = [name for name in params if is_setting(name) and name not in settings]
    shown = [name for name in SYSTEM_FACTORS if systems.get(name) or name in params]
    offered = {**systems, **settings}
    names = [*shown, *settings, *asked]
    return [field("", name, params, offered.get(name, ()), {}) for name in names]


def is_narrowed(params: Mapping[str, str]) -> bool:
    return any(name in SYSTEM_FACTORS or is_setting(name) for name in params)


def _counted(name: str) -> QuerySet[Any, Any]:
    cells = Cell.objects.exact().exclude(**{f"system__{name}": None}).order_by()
    named = cells.annotate(
        factor=Value(name, CharField()), value=Cast(f"system__{name}", CharField())
    )
    return named.values_list("factor", "value").annotate(n=Count("pk"))


def _order(name: str, value: str) -> Any:
    if name == "kernel_series":
        return kernels.order(value)
    if name == "kernel_release":
        return kernels.release_order(value)
    return (words.factor(name, value) or value).casefold().zfill(8 if value.isdigit() else 0)


def field(
    prefix: str,
    name: str,
    params: Mapping[str, str],
    offered: Sequence[str],
    faults: Mapping[str, str],
) -> Field:
    """The field of a factor; what was asked is among its choices, whatever is offered."""
    asked = params.get(prefix + name, "")
    values = [*offered, *([asked] if asked and asked not in offered else [])]
    choices = [Choice(each, words.factor(name, each) or each, each == asked) for each in values]
    return Field(
        name=prefix + name,
        label=words.name_of(name),
        value=asked,
        choices=tuple(choices) if offered or name in SYSTEM_FACTORS else (),
        fault=faults.get(prefix + name, ""),
    )
