"""CPU models: one name a model, however the kernel, a tool or a person spells it. Two models never
share one: what tells models apart (numbers, suffixes, `v2`, and the clock where there is no number)
stays in the name.
"""

import re
from collections import deque
from functools import lru_cache

from registry.vocabulary.clouds import CHIPS
from registry.vocabulary.data import load

_DATA = load("cpus")
_WORDS: dict[str, str] = _DATA["words"]
_MAKERS: dict[str, str] = _DATA["makers"]
_MOBILE: dict[str, str] = _DATA["mobile"]
_ARM: dict[str, dict[str, str]] = _DATA["arm"]
_IBM_Z: dict[str, str] = _DATA["ibm_z"]


def _simple(name: str) -> str:
    return name.lower().replace("-", " ").removeprefix("arm ")


# Names that no rule makes: those of the tables, which are their own, and what else they are called.
_NAMES = {
    _simple(name): name
    for names in (*_ARM.values(), *CHIPS.values(), {k: f"IBM {v}" for k, v in _IBM_Z.items()})
    for name in names.values()
} | {_simple(said): name for said, name in _DATA["names"].items()}


def _any(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_HYPERVISOR_MODEL = _any(_DATA["hypervisor_models"])
_NOISE = _any(_DATA["noise"])
_TAIL = _any(_DATA["tails"])
_MARKS = re.compile(r"\((?:r|tm|c)\)|[®™©]", re.IGNORECASE)
_CLOCK = re.compile(
    r"(?:@ ?)?\b(\d{1,2}\.\d{1,3}) ?ghz\b|(?:@ ?)?\b(\d{3,5}) ?mhz\b", re.IGNORECASE
)
_IMPLEMENTER = re.compile(r"implementer (0x[0-9a-f]{2}) part (0x[0-9a-f]{3})", re.IGNORECASE)
_POWER = re.compile(r"(?:ibm )?power ?(\d{1,2}[a-z+]{0,3})(?![a-z0-9]).*", re.IGNORECASE)
_MACHINE = re.compile(r"\bmachine ?[=:]? ?(\d{4})\b", re.IGNORECASE)
_FAMILY = re.compile(r"i[3579](?:LM|QM|UM|[KMSX])?|e[357]", re.IGNORECASE)
_FAMILY_NUMBER = re.compile(r"\d{3,5}[a-z]{0,3}\d?", re.IGNORECASE)
_XEON_E = re.compile(r"e[357]-\d{4}[a-z]{0,2}")
_VERSION = re.compile(r"(e[357]-\d{4}[a-z]{0,2})(v\d)")


@lru_cache(maxsize=4096)
def canonical(model: str | None, provider: str | None = None) -> str | None:
    """`Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz` → `Intel Xeon E5-2670`. `provider` tells what chip
    a licensed core is part of: a Neoverse N1 at AWS is a Graviton2.
    """
    text = " ".join(_MARKS.sub("", model or "").split())
    if not text:
        return None
    name = _by_table(text) or (text if _HYPERVISOR_MODEL.search(text) else _by_words(text))
    return CHIPS.get(provider or "", {}).get(name, name)


def _by_table(text: str) -> str | None:
    """Names that are no words of the maker's: ARM's numbers, POWER, IBM's machines."""
    found = _IMPLEMENTER.search(text)
    if found:
        return _ARM.get(found[1].lower(), {}).get(found[2].lower(), text)
    power = _POWER.fullmatch(text)
    if power:
        return f"IBM POWER{power[1].upper()}"
    machine = _MACHINE.search(text) if "ibm" in text.lower() else None
    if machine:
        return f"IBM {_IBM_Z.get(machine[1], 'machine ' + machine[1])}"
    return _NAMES.get(_simple(text))


def _by_words(text: str) -> str:
    """The maker's own words without what is no part of the name; a text of no known maker stays."""
    clock = _CLOCK.search(text)
    named = _NOISE.sub(" ", " ".join(_CLOCK.sub(" ", text).replace("@", " ").split()))
    named = _TAIL.sub("", " ".join(named.split()))
    words = _joined(named.replace(",", " ").split())
    maker = _maker(words)
    if maker is None:
        return text
    name = [maker, *(_cased(word) for word in words if word.lower() != maker.lower())]
    if clock and not any(_is_number(word) for word in name):
        name.append(_ghz(clock))
    return " ".join(name)


def _joined(words: list[str]) -> list[str]:
    """With the parts of a number put together: `E5 2670v2` → `E5-2670 v2`, `i7 M 620` →
    `i7-620M`, `Core2` → `Core 2`; and without the 0 behind a number of the first generation.
    """
    found: list[str] = []
    rest = deque(part for word in words for part in _split(word))
    while rest:
        word = rest.popleft()
        suffix = _MOBILE.get(rest[0].lower(), "") if len(rest) > 1 else ""
        number = rest[1 if suffix else 0] if rest else ""
        if _FAMILY.fullmatch(word + suffix) and _FAMILY_NUMBER.fullmatch(number):
            word = f"{word}-{number}{suffix}"
            for _ in range(2 if suffix else 1):
                rest.popleft()
        if word != "0" or not found or not _is_number(found[-1]):
            found.extend(_split(word))
    if found and re.match(r"i[3579](-|$)", found[0].lower()):
        found.insert(0, "Core")
    if found and _XEON_E.fullmatch(found[0].lower()):
        found.insert(0, "Xeon")
    return found


def _split(word: str) -> list[str]:
    version = _VERSION.fullmatch(word.lower())
    if version:
        return [version[1], version[2]]
    if word.lower() == "core2":
        return ["Core", "2"]
    return word.split("-") if word.lower().startswith("neoverse-") else [word]


def _maker(words: list[str]) -> str | None:
    """The maker that is named, else the one whose family is."""
    lower = [word.lower() for word in words]
    makers = set(_MAKERS.values()) | {"Apple", "Hygon", "IBM"}
    named = [name for name in makers if name.lower() in lower]
    if named:
        return named[0]
    families = (word.partition("-")[0] for word in lower)
    return next((_MAKERS[family] for family in families if family in _MAKERS), None)


def _cased(word: str) -> str:
    """`XEON` → `Xeon`, `7r32` → `7R32`, `graviton2` → `Graviton2`, `i7-8565u` → `i7-8565U`."""
    lower = word.lower()
    if lower in _WORDS:
        return _WORDS[lower]
    stem = lower.rstrip("0123456789")
    if stem != lower and stem in _WORDS:
        return _WORDS[stem] + lower[len(stem) :]
    if lower.startswith("cortex-"):
        return "Cortex-" + word[7:].upper()
    if re.fullmatch(r"v\d", lower):
        return lower
    if re.match(r"i[3579](-|$)", lower):
        return "i" + word[1:].upper()
    return word.upper() if any(char.isdigit() for char in word) else word


def _is_number(word: str) -> bool:
    """Does the word name a model? Three digits do, or two with a letter; `64`, `4` and `0000` do
    not.
    """
    digits = [char for char in word if char.isdigit()]
    is_enough = len(digits) >= (3 if word.isdigit() else 2)
    return is_enough and any(digit != "0" for digit in digits)


def _ghz(clock: re.Match[str]) -> str:
    """`2.2 GHz` → `2.20GHz`, and `@` stays: `Xeon(TM) CPU 2.80GHz` is of 2003, `Xeon(R) CPU @
    2.80GHz` is how a cloud shows one of 2019.
    """
    whole, _, part = (clock[1] or f"{int(clock[2]) / 1000:.3f}").partition(".")
    return f"{'@ ' if '@' in clock[0] else ''}{int(whole)}.{part.rstrip('0'):0<2}GHz"
