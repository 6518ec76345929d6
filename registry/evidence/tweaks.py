"""Whether a setting helps, from three kinds of evidence that are never averaged together. Pure
functions.

An experiment is blocks of paired runs on one host, the setting changed and put back (`tune`). A
matched pair is one host that reported with and without, all else equal. An association compares
hosts of the same kind that happen to differ. Only experiments get the words helps and hurts: the
others say where an experiment is worth while (evidence.md 2 (5)).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from registry.evidence.costs import bounded
from registry.evidence.direction import better
from registry.evidence.effects import (
    LEAST_MACHINES,
    Block,
    Effect,
    holm_adjusted,
    machines_needed,
    of_host,
    over,
    q_values,
    verdict,
)

EXPERIMENT, MATCHED, OBSERVATIONAL = "experiment", "matched", "observational"
KINDS = (EXPERIMENT, MATCHED, OBSERVATIONAL)
# Factors that bring others with them.
_PARTS = {
    "kernel_release": ("kernel_series",),
    "virtualization": ("virtualization_mode", "hypervisor_version"),
}
_ORDERS = (("a", "b", "b", "a"), ("b", "a", "a", "b"))


class Contrast(NamedTuple):
    """A factor, its two values in the order of their names, and the workload it was tried with."""

    factor: str
    before: str
    after: str
    test: str
    topology: str | None
    streams: int | None
    placement: str | None
    unit: str = "trans/s"


@dataclass(frozen=True)
class HostEffect:
    """What one host says of a contrast: `log` is ln(after / before), `n_pairs` how many blocks or
    pairs it rests on.
    """

    contrast: Contrast
    machine: str
    submitter: int
    log: float
    n_pairs: int = 1
    is_exercised: bool = True


@dataclass(frozen=True)
class EffectRow:
    """A contrast over machines. `q_value` is Benjamini and Hochberg's over the rows of its kind;
    `n_needed` machines would tell a 3 % effect from none, None where that cannot be said.
    """

    kind: str
    contrast: Contrast
    effect: Effect
    n_pairs: int
    n_machines: int
    n_submitters: int
    q_value: float | None
    verdict: str
    n_needed: int | None


def host_effect(
    letters: str, logs: Sequence[float], places: Sequence[int] | None = None
) -> tuple[float, int] | None:
    """(ln ratio, blocks) of one host from its runs, each "a" or "b"; None without a whole block of
    ABBA or BAAB.

    `places` are the runs' in the experiment, one after another where none are given: a place that
    has no run costs its block alone. Blocks begin with place 0, or where else more are whole.
    """
    placed = range(len(letters)) if places is None else places
    runs = dict(zip(placed, zip(letters, logs, strict=True), strict=True))
    blocks = max((_blocks(runs, first) for first in (0, -1, -2, -3)), key=len)
    found = of_host(blocks)
    return (math.log(found.ratio), len(blocks)) if found else None


def _blocks(runs: Mapping[int, tuple[str, float]], first: int) -> list[Block]:
    """The whole blocks, each of four places from `first` on."""
    found = []
    for start in range(first, max(runs, default=first) + 1, 4):
        block = [runs[place] for place in range(start, start + 4) if place in runs]
        if tuple(letter for letter, _ in block) in _ORDERS:
            a, b = ([log for letter, log in block if letter == arm] for arm in "ab")
            found.append(Block((a[0], a[1]), (b[0], b[1])))
    return found


def rows(kind: str, effects: Iterable[HostEffect]) -> list[EffectRow]:
    """A row for each contrast of one kind of evidence, sorted by factor and strength."""
    by_contrast: dict[Contrast, list[HostEffect]] = defaultdict(list)
    for effect in effects:
        by_contrast[effect.contrast].append(effect)
    found = [_row(kind, contrast, hosts) for contrast, hosts in by_contrast.items()]
    judged = [row for row in found if row.verdict == "" and row.effect.p_value is not None]
    p_values = [row.effect.p_value or 0.0 for row in judged]
    adjusted = dict(zip(map(id, judged), holm_adjusted(p_values), strict=True))
    discovered = dict(zip(map(id, judged), q_values(p_values), strict=True))
    told = [
        replace(
            row,
            verdict=row.verdict or _word(kind, row, adjusted.get(id(row))),
            q_value=discovered.get(id(row)),
        )
        for row in found
    ]
    return sorted(told, key=lambda row: (row.contrast.factor, row.effect.ratio, str(row.contrast)))


def _row(kind: str, contrast: Contrast, hosts: Sequence[HostEffect]) -> EffectRow:
    """The row without its word, but for the words that need no other rows."""
    exercised = [host for host in hosts if host.is_exercised]
    used = exercised or hosts
    values = _one_a_machine(used)
    effect = over(values)
    assert effect is not None  # a contrast has a host
    word = "" if exercised else "not_exercised"
    if exercised and effect.n < LEAST_MACHINES:
        word = "not_enough_data"
    return EffectRow(
        kind=kind,
        contrast=contrast,
        effect=effect,
        n_pairs=sum(host.n_pairs for host in used),
        n_machines=len({host.machine for host in used}),
        n_submitters=len({host.submitter for host in used}),
        q_value=None,
        verdict=word,
        n_needed=_needed(values) if exercised else None,
    )


def _one_a_machine(hosts: Sequence[HostEffect]) -> list[float]:
    """One value a machine, and one a submitter who owns more than a third of the machines."""
    machines: dict[str, list[float]] = defaultdict(list)
    owners: dict[str, int] = {}
    for host in hosts:
        machines[host.machine].append(host.log)
        owners[host.machine] = host.submitter
    owned: dict[int, list[float]] = defaultdict(list)
    for machine, logs in machines.items():
        owned[owners[machine]].append(math.fsum(logs) / len(logs))
    return bounded(owned.values())


def _word(kind: str, row: EffectRow, adjusted_p: float | None) -> str:
    word = verdict(row.effect, adjusted_p, direction=better(row.contrast.unit))
    return word if kind == EXPERIMENT or word not in ("helps", "hurts") else "unclear"


def _needed(values: Sequence[float]) -> int | None:
    """How many machines it takes, by how much these differ; 3 at least."""
    if len(values) < 2:
        return LEAST_MACHINES
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
    return machines_needed(deviation)


def contrast_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(factor, value, value) where two systems differ in one factor that both know, else None. A
    release has its series, and a hypervisor its mode and version: they are one factor.
    """
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    for factor, parts in _PARTS.items():
        if factor in names:
            names = [name for name in names if name not in parts]
    if len(names) != 1 or before.get(names[0]) is None or after.get(names[0]) is None:
        return None
    return names[0], str(before[names[0]]), str(after[names[0]])
