"""The facts of one report in a form that can be compared, whether stored or just read,
and in words where two of them differ. Called by re-reading and by verify.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from registry.models import Reading, Result
from submissions.plausibility import RULES
from submissions.read import Content

Row = dict[str, Any]
_UNKNOWN: tuple[Any, ...] = (None, "", [], {})
_COLUMNS = {field.name for field in Result._meta.fields} - {"id", "reading"}
_NO_FACTS = {"id", "digest", "generation"}
_FIGURES = _COLUMNS - {"run_index", "output_index", "position"}
_OF_A_RUN = ("value", "bound", "part")


@dataclass(frozen=True)
class Facts:
    """Results and runs by their place in the report, what is unknown left out of each; and the
    flags of rules that look at one report alone.
    """

    results: Mapping[tuple[int, ...], Row]
    runs: Mapping[tuple[int, ...], Row]
    flags: tuple[tuple[str, str], ...]

    def same_figures(self, other: "Facts") -> bool:
        return (self.results, self.runs) == (other.results, other.runs)


NO_FACTS = Facts({}, {}, ())


def result_columns(row: Mapping[str, Any]) -> Row:
    """The columns a result has in the database; what a parser says beyond them stays in the raw
    text.
    """
    return {name: value for name, value in row.items() if name in _COLUMNS}


def facts_of(reading: Reading) -> Facts:
    """The facts that are stored."""
    runs = reading.runs.select_related("recipe", "system")
    return Facts(
        results={_place(row): _figures(row) for row in reading.results.values()},
        runs={
            (run.run_index, run.position): _run(run, _fields(run.recipe), _fields(run.system))
            for run in runs
        },
        flags=_flags(reading.flags),
    )


def facts_in(content: Content) -> Facts:
    """The facts that were just read."""
    return Facts(
        results={_place(row): _figures({"bound": "exact", **row}) for row in content.results},
        runs={
            (run.run_index, run.position): _run(run, run.recipe, run.system) for run in content.runs
        },
        flags=_flags(content.flags),
    )


def differences(before: Facts, after: Facts) -> Iterator[str]:
    """One line for each fact that is new, gone or another."""
    yield from _differences("result", before.results, after.results)
    yield from _differences("run", before.runs, after.runs)
    for sign, flags in (
        ("no flag", set(before.flags) - set(after.flags)),
        ("flag", set(after.flags) - set(before.flags)),
    ):
        yield from (f"{sign} {rule}: {message}" for rule, message in sorted(flags))


def _differences(
    noun: str, before: Mapping[tuple[int, ...], Row], after: Mapping[tuple[int, ...], Row]
) -> Iterator[str]:
    for place in sorted(before.keys() | after.keys()):
        name = f"{noun} {'.'.join(str(index + 1) for index in place)}"
        old, new = before.get(place, {}), after.get(place, {})
        if not new:
            yield f"{name} gone: {_named(old)}"
        elif not old:
            yield f"{name} new: {_named(new)}"
        else:
            yield from (
                f"{name}: {field} {old.get(field)} -> {new.get(field)}"
                for field in sorted(old.keys() | new.keys())
                if old.get(field) != new.get(field)
            )


def _named(row: Row) -> str:
    test, unit = (row.get(name) or row.get(f"recipe.{name}") for name in ("test", "unit"))
    return f"{test} {row['value']} {unit}"


def _place(row: Mapping[str, Any]) -> tuple[int, ...]:
    return row["run_index"], row["output_index"], row["position"]


def _figures(row: Mapping[str, Any]) -> Row:
    return _known({name: row.get(name) for name in _FIGURES})


def _run(run: Any, recipe: Mapping[str, Any], system: Mapping[str, Any]) -> Row:
    own = {name: getattr(run, name) for name in _OF_A_RUN}
    of_recipe = {f"recipe.{name}": value for name, value in recipe.items()}
    return _known(own | of_recipe | {f"system.{name}": value for name, value in system.items()})


def _fields(row: Model) -> Row:
    names = (field.name for field in row._meta.fields)
    return {name: getattr(row, name) for name in names if name not in _NO_FACTS}


def _known(row: Row) -> Row:
    return {name: value for name, value in row.items() if value not in _UNKNOWN}


def _flags(flags: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    alone = {rule.name for rule in RULES}
    return tuple(sorted((f["rule"], f["message"]) for f in flags if f["rule"] in alone))
