"""The two forms of the page that compares: two groups by their factors, or two reports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.pages import boards
from registry.pages.factor_fields import Field, field, values_offered
from registry.vocabulary.factors import SYSTEM_FACTORS

SIDES = ("a", "b")
ALWAYS_SHOWN = ("virtualization", "virtualization_mode", "kernel_series", "cpu_model")


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
    offered = values_offered()
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
        field(prefix, name, params, offered.get(name, ()), faults)
        for name in (*SYSTEM_FACTORS, *settings)
        if offered.get(name) or prefix + name in params
    ]
    more = tuple(each for each in fields if each.name not in _names(prefix, ALWAYS_SHOWN))
    return GroupForm(
        side=side,
        first=tuple(each for each in fields if each.name in _names(prefix, ALWAYS_SHOWN)),
        more=more,
        is_open=any(each.value for each in more),
        fault=faults.get(side, "") if is_groups else "",
    )


def _names(prefix: str, names: Iterable[str]) -> set[str]:
    return {prefix + name for name in names}
