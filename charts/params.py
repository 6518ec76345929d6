"""What a chart is asked to show: plain values that say the same in an address, in the database and
in a slug.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from charts.kinds import BARS, COMPARE, KINDS
from registry.vocabulary.factors import (
    DEFAULT_RECIPE,
    FACTORS,
    RECIPE_FACTORS,
    canonical,
    is_of_host,
)

ANY = "any"
EFFECTS_KIND = "effects"
TESTS_LIMIT = 4
GROUP_BY_LIMIT = 4
GROUPS_LIMIT = 40
VALUE = "[ -~]{0,128}"
_VALUE = re.compile(VALUE)
COMPARED_LIMIT = 100
_NAME = re.compile(r"[a-z][A-Za-z0-9_.-]{0,79}")
REPORT_ID = "[a-z2-7]{16}"
_REPORT_ID = re.compile(REPORT_ID)
REPORTS_SCOPE = '{"reports":'  # how the scope of a chart about reports starts


@dataclass(frozen=True)
class ChartParams:
    """`tests` are the panels, the first foremost, none for any; `group_by` makes the rows; `recipe`
    holds values rows must have.

    `limit` is the most rows drawn; the newest group is always among them. `kind` is one of
    `charts.kinds`, and no part of what bars are known by: they were there first. Kinds that are
    about a comparison or a report have `compare`, the query of `/compare/`, or `report`, its public
    id, and nothing else.
    """

    tests: tuple[str, ...]
    group_by: tuple[str, ...]
    recipe: Mapping[str, str] = field(default_factory=dict)
    limit: int = 12
    kind: str = BARS
    compare: Mapping[str, str] = field(default_factory=dict)
    report: str = ""

    @property
    def reports(self) -> tuple[str, ...]:
        """The public ids of the reports that the chart is about; empty for one of groups."""
        compared = [self.compare[side] for side in ("a", "b") if side in self.compare]
        return (*compared, *([self.report] if self.report else []))

    @property
    def scope(self) -> str:
        """What the facts must be of to change the chart, as canonical JSON: charts of one scope are
        marked together.
        """
        if self.reports:
            return _canonical({"reports": sorted(set(self.reports))})
        if self.kind == EFFECTS_KIND:  # how many experiments there are decides what a word needs
            return _canonical({"tests": [], "recipe": {}})
        return _canonical({"tests": sorted(self.tests), "recipe": dict(self.recipe)})

    def as_dict(self) -> dict[str, Any]:
        kind = {} if self.kind == BARS else {"kind": self.kind}
        if about := KINDS[self.kind].about:
            return kind | {about: dict(self.compare) if about == COMPARE else self.report}
        return kind | {
            "tests": list(self.tests),
            "group_by": list(self.group_by),
            "recipe": dict(self.recipe),
            "limit": self.limit,
        }

    @classmethod
    def from_dict(cls, value: Any) -> "ChartParams":
        """Checked parameters. Raises ValueError with a sentence."""
        if not isinstance(value, Mapping):
            raise ValueError("expected an object with tests and group_by")
        kind = _kind(value)
        if KINDS[kind].about:
            return _about(kind, value)
        unknown = value.keys() - {"tests", "group_by", "recipe", "limit", "kind"}
        if unknown:
            raise ValueError(f"unknown parameters: {', '.join(sorted(map(str, unknown)))[:200]}")
        tests = _names(value, "tests", TESTS_LIMIT)
        if not all(_is_test(test) for test in tests):
            raise ValueError("tests: expected names such as TCP_CRR")
        if kind != BARS and len(tests) > 1:
            raise ValueError(f"tests: a chart of {kind} shows one")
        group_by = _group_by(value, kind)
        wrong = [name for name in group_by if name not in FACTORS and not is_of_host(name)]
        if wrong:
            raise ValueError(f"group_by: {wrong[0][:100]} is no factor")
        return cls(
            tests,
            group_by,
            _recipe(value.get("recipe", {})),
            _limit(value.get("limit", 12)),
            kind,
        )


def _kind(value: Mapping[str, Any]) -> str:
    kind = value.get("kind", BARS)
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}")
    return kind


def _about(kind: str, value: Mapping[str, Any]) -> ChartParams:
    about = KINDS[kind].about
    if value.keys() != {"kind", about}:
        raise ValueError(f"a chart of {kind} has kind and {about}, and nothing else")
    if about == COMPARE:
        compare = _compare(value[COMPARE])
        of_reports = not {"a", "b"}.isdisjoint(compare)
        usual = {} if of_reports else {name: str(each) for name, each in DEFAULT_RECIPE.items()}
        asked = usual | {name: compare[name] for name in RECIPE_FACTORS if name in compare}
        recipe = {
            name: _number_or_name(name, asked[name]) for name in sorted(asked) if asked[name] != ANY
        }
        test = recipe.pop("test", "")
        return ChartParams((test,) if test else (), (), recipe, kind=kind, compare=compare)
    report = value[about]
    if not isinstance(report, str) or not _REPORT_ID.fullmatch(report):
        raise ValueError("report: expected the id of a report")
    return ChartParams((), (), limit=GROUPS_LIMIT, kind=kind, report=report)


def _compare(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not 1 <= len(value) <= COMPARED_LIMIT:
        raise ValueError("compare: expected an object, the query of /compare/")
    for name, item in value.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"compare: {str(name)[:100]} is no factor")
        if not isinstance(item, str) or not _VALUE.fullmatch(item):
            raise ValueError(f"compare.{name}: expected a short text in ASCII")
    return {name: value[name] for name in sorted(value)}


def _group_by(value: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    if KINDS[kind].is_grouped:
        asked = _names(value, "group_by", GROUP_BY_LIMIT)
        found = tuple(dict.fromkeys(map(canonical, asked)))
        if len(found) < KINDS[kind].least_groups:
            raise ValueError(f"group_by: {kind} need {KINDS[kind].least_groups} factors")
        return found
    if value.get("group_by"):
        raise ValueError(f"group_by: the rows of {kind} are given by what it is about")
    return ()


def _names(value: Mapping[str, Any], name: str, most: int) -> tuple[str, ...]:
    names = value.get(name)
    if not isinstance(names, list | tuple) or not 1 <= len(names) <= most:
        raise ValueError(f"{name}: expected a list of 1 to {most} names")
    if not all(isinstance(item, str) for item in names) or len(set(names)) != len(names):
        raise ValueError(f"{name}: expected names, each once")
    return tuple(names)


def _is_test(name: str) -> bool:
    return len(name) <= 64 and name.replace("_", "").isalnum() and name.isascii() and name.isupper()


def _recipe(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("recipe: expected an object")
    for name, item in value.items():
        if name not in RECIPE_FACTORS or name == "test":
            raise ValueError(f"recipe: {str(name)[:100]} cannot be chosen")
        if not isinstance(item, str) or not _VALUE.fullmatch(item):
            raise ValueError(f"recipe.{name}: expected a short text in ASCII")
        if name == "streams" and not (item.isascii() and item.isdigit() and len(item) < 6):
            raise ValueError("recipe.streams: expected a whole number")
    return {name: _number_or_name(name, value[name]) for name in sorted(value)}


def _number_or_name(name: str, value: str) -> str:
    """The one way to write a value: 01 is 1."""
    return str(int(value)) if name == "streams" and value.isdigit() else value


def _limit(value: Any) -> int:
    """A whole number; 5.0 is 5, as JSON means it."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 1 <= value <= GROUPS_LIMIT or value != int(value):
        raise ValueError(f"limit: expected 1 to {GROUPS_LIMIT}")
    return int(value)


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def slug_of(params: ChartParams) -> str:
    """12 characters of base32: the same parameters, the same slug, and no user's text in an
    address.
    """
    text = _canonical(params.as_dict())
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:12]


XEN_USERS_SLUG = "xen-users"
XEN_USERS = ChartParams(
    tests=("TCP_CRR", "TCP_RR", "UDP_RR"),
    group_by=("kernel_series", "virtualization", "virtualization_mode"),
    recipe={"streams": "1", "topology": "loopback"},
)
HTTP_ACCEPT_SLUG = "http-accept"
HTTP_ACCEPT = ChartParams(
    tests=("HTTP_ACCEPT",),
    group_by=("provider", "instance_type", "cpu_model", "virtualization"),
    recipe={"topology": "loopback"},
)
COSTS_SLUG = "virtualization-cost"
COSTS = ChartParams(
    tests=("TCP_CRR",),
    group_by=(),
    recipe={"streams": "1", "placement": "same_cpu", "topology": "loopback"},
    limit=24,
    kind="costs",
)
EFFECTS_SLUG = "does-it-help"
EFFECTS = ChartParams(
    tests=("TCP_CRR",), group_by=(), recipe={"topology": "loopback"}, limit=24, kind=EFFECTS_KIND
)
DEFAULTS = {
    XEN_USERS_SLUG: XEN_USERS,
    HTTP_ACCEPT_SLUG: HTTP_ACCEPT,
    COSTS_SLUG: COSTS,
    EFFECTS_SLUG: EFFECTS,
}
