"""What somebody types into the search box, as values of factors: `c1.xlarge`, `2.6.38`, `kvm epyc`.

Words are matched against what the registry has: a factor's own value or the name that people know,
the beginning of a kernel, a word of a CPU's name. What matches nothing is said.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from registry.kept import answer
from registry.models import Cell, System
from registry.vocabulary import names, virtualization
from registry.vocabulary.factors import SETTINGS, TUNABLE

LONGEST_QUERY, MOST_WORDS, MOST_VALUES = 200, 8, 12
# In the order in which a word is taken: what names a platform before what only describes one.
FACTORS = (
    "virtualization",
    "virtualization_mode",
    "container",
    "provider",
    "instance_type",
    "kernel_series",
    "kernel_release",
    "os",
    "clocksource",
    "nic_driver",
    "cpu_model",
)
_WORD = re.compile(r"[^\s,;]+")
_PARTS = re.compile(r"[a-z0-9.]+")


@dataclass(frozen=True)
class Match:
    """Values of one factor that words of the query may mean, those of most systems first."""

    factor: str
    words: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """`matches` have one value or several each; `unknown` are the words that match nothing."""

    query: str
    matches: tuple[Match, ...]
    unknown: tuple[str, ...]

    @property
    def filters(self) -> dict[str, str]:
        """The factors that are clear: one value."""
        return {one.factor: one.values[0] for one in self.matches if len(one.values) == 1}


def find(query: str) -> Found:
    """What the words mean; words that together name one thing, as `hyper v`, are tried first."""
    text = " ".join(query[:LONGEST_QUERY].split())
    words = _WORD.findall(text)[:MOST_WORDS]
    known = _known()
    taken: dict[str, tuple[list[str], list[str]]] = {}
    unknown: list[str] = []
    place = 0
    while place < len(words):
        length, factor, values = _longest(words[place:], known)
        if factor:
            said, before = taken.get(factor, ([], []))
            both = [value for value in before if value in values] if before else values
            taken[factor] = ([*said, " ".join(words[place : place + length])], both or values)
        else:
            unknown.append(words[place])
        place += length
    matches = (
        Match(factor, tuple(taken[factor][0]), tuple(taken[factor][1][:MOST_VALUES]))
        for factor in FACTORS
        if factor in taken
    )
    return Found(text, tuple(matches), tuple(unknown))


def settings_called(word: str) -> list[str]:
    """The settings that a word names: `conntrack`, `somaxconn`, `rps`."""
    return [name for name in sorted(SETTINGS | {*TUNABLE}) if word.casefold() in _called(name)]


def _called(setting: str) -> set[str]:
    """`net.ipv4.tcp_syncookies` is called `syncookies` too, and `offload.tso` is an `offload`."""
    first, last = setting.split(".")[0], setting.split(".")[-1]
    names = {setting, last, last.removeprefix("tcp_")}
    return names if first == "net" else names | {first}


def _longest(
    words: Sequence[str], known: Mapping[str, Sequence[str]]
) -> tuple[int, str, list[str]]:
    """How many words, the factor they name and its values; one word and no factor for none."""
    for length in range(min(3, len(words)), 0, -1):
        said = " ".join(words[:length]).casefold()
        for factor in FACTORS:
            values = [value for value in known[factor] if _means(said, factor, value, length)]
            if values:
                exact = [value for value in values if _is(said, factor, value)]
                return length, factor, exact or values
    return 1, "", []


def _is(said: str, factor: str, value: str) -> bool:
    """The value itself, or the name that people know."""
    if said in (value.casefold(), names.display(factor, value).casefold()):
        return True
    return factor == "virtualization" and virtualization.canonical(said) == value


def _means(said: str, factor: str, value: str, length: int) -> bool:
    if _is(said, factor, value):
        return True
    if length > 1:
        return False
    if factor in ("kernel_series", "kernel_release"):
        return said[:1].isdigit() and "." in said and _begins(value.casefold(), said)
    if factor in ("cpu_model", "os"):
        return len(said) > 1 and said in _PARTS.findall(value.casefold())
    return factor == "instance_type" and value.casefold().startswith(said + ".")


def _begins(release: str, said: str) -> bool:
    """`2.6.39` begins `2.6.39-xen` and not `2.6.390`."""
    return release.startswith(said) and not release[len(said) : len(said) + 1].isdigit()


@answer
def _known() -> dict[str, list[str]]:
    """The values of each factor that figures have, those of most systems first."""
    counts = {factor: Counter[str]() for factor in FACTORS}
    measured = System.objects.filter(Exists(Cell.objects.filter(system=OuterRef("pk"))))
    for values in measured.values_list(*FACTORS).iterator():
        for factor, value in zip(FACTORS, values, strict=True):
            if value:
                counts[factor][value] += 1
    return {
        factor: sorted(counts[factor], key=lambda value: (-counts[factor][value], value))
        for factor in FACTORS
    }
