"""The regular expressions of the code base, and what could hurt them.

`endless` looks at an expression without running it; `attacks` writes the texts on which it would
have to try again and again. Called by the test of patterns and by the fuzzer, which has a clock.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants as codes
from re import _parser as parser
from typing import Any

PACKAGES = ("registry", "submissions", "charts", "crr_submit")
# What is started and not imported, or named in a text of its own.
_NOT_MODULES = ("__main__", "migrations")
_ALPHABET = [chr(code) for code in range(128)]
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)
_SPOILERS = ("", "\x00", "!", "\n")


def compiled() -> dict[str, re.Pattern[Any]]:
    """Every expression that a module of ours holds in a name of its own, or in a list."""
    found: dict[str, re.Pattern[Any]] = {}
    for name in _modules():
        for held, value in vars(importlib.import_module(name)).items():
            for number, pattern in enumerate(_patterns(value)):
                found[f"{name}.{held}[{number}]"] = pattern
    return {name: pattern for name, pattern in found.items() if "__" not in name}


def _modules() -> Iterator[str]:
    for package in PACKAGES:
        paths = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(paths, package + "."):
            if not any(part in module.name.split(".") for part in _NOT_MODULES):
                yield module.name


def _patterns(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _patterns(item)


def endless(pattern: re.Pattern[Any]) -> list[str]:
    """What is wrong with the repeats of an expression that have no bound.

    One set of characters may go on without end. A group may when it begins with a character that
    is none of those in it that go on without end: then a text can be cut in one way only. A
    possessive repeat never tries again.
    """
    return list(_endless(parser.parse(pattern.pattern, pattern.flags)))


def _endless(tree: Any) -> Iterator[str]:
    for operation, argument in tree:
        if operation in _REPEATS and argument[1] is codes.MAXREPEAT:
            yield from _wrong_group(argument[2])
        for part in _parts(operation, argument):
            yield from _endless(part)


def _wrong_group(body: Any) -> Iterator[str]:
    inner = [_characters(*item[2][0]) for item in _endless_repeats(body)]
    if not inner:
        return
    first = _characters(*body[0])
    if first is None or any(one is None or first & one for one in inner):
        yield f"an endless repeat inside of an endless repeat: {body}"


def _endless_repeats(tree: Any) -> Iterator[Any]:
    for operation, argument in tree:
        if operation in _REPEATS and argument[1] is codes.MAXREPEAT:
            yield argument
        for part in _parts(operation, argument):
            yield from _endless_repeats(part)


def _parts(operation: Any, argument: Any) -> list[Any]:
    """The expressions inside of one node."""
    if operation in (*_REPEATS, codes.POSSESSIVE_REPEAT):
        return [argument[2]]
    if operation is codes.SUBPATTERN:
        return [argument[3]]
    if operation is codes.BRANCH:
        return list(argument[1])
    if operation in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    return [argument] if operation is codes.ATOMIC_GROUP else []


def _characters(operation: Any, argument: Any) -> frozenset[str] | None:
    """The ASCII characters that one node takes; None for what takes more than one, or none."""
    if operation is codes.ANY:
        return frozenset(_ALPHABET)
    if operation is codes.LITERAL:
        return frozenset(chr(argument))
    if operation is codes.NOT_LITERAL:
        return frozenset(_ALPHABET) - {chr(argument)}
    if operation is not codes.IN:
        return None
    taken = frozenset().union(*(_members(*item) for item in argument))
    return frozenset(_ALPHABET) - taken if argument[0][0] is codes.NEGATE else taken


def _members(operation: Any, argument: Any) -> frozenset[str]:
    if operation is codes.RANGE:
        return frozenset(map(chr, range(argument[0], min(argument[1] + 1, 128))))
    if operation is codes.LITERAL:
        return frozenset(chr(argument))
    if operation is codes.CATEGORY:
        kinds = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
        name = str(argument).removeprefix("CATEGORY_UNI_").removeprefix("CATEGORY_")
        kind = kinds[name.removeprefix("NOT_")]
        same = frozenset(c for c in _ALPHABET if re.match(kind, c))
        return frozenset(_ALPHABET) - same if name.startswith("NOT_") else same
    return frozenset()


def attacks(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """(start, what to repeat, end) around each repeat of an expression: a text that goes far into
    it, goes round for long, and then fails.
    """
    for attack in dict.fromkeys(_attacks(parser.parse(pattern.pattern, pattern.flags), "")):
        if attack[1]:
            yield attack


def _attacks(tree: Any, start: str) -> Iterator[tuple[str, str, str]]:
    for operation, argument in tree:
        if operation in (*_REPEATS, codes.POSSESSIVE_REPEAT):
            for end in _SPOILERS:
                yield start, _sample(argument[2]), end
        for part in _parts(operation, argument):
            yield from _attacks(part, start)
        start += _sample([(operation, argument)])


def _sample(tree: Any) -> str:
    """A short text that an expression takes, as far as one node after another shows it."""
    text = ""
    for operation, argument in tree:
        one = _characters(operation, argument)
        if one:
            text += "a" if "a" in one else min(one)
        elif operation in (*_REPEATS, codes.POSSESSIVE_REPEAT):
            text += _sample(argument[2]) * max(argument[0], 1 if argument[1] else 0)
        elif operation in (codes.SUBPATTERN, codes.ATOMIC_GROUP, codes.BRANCH):
            text += _sample(_parts(operation, argument)[0])
    return text
