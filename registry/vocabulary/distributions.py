"""Distributions and other systems: os-release's identifier and the version as far as it makes a
release of its own.
"""

import re
from functools import lru_cache
from typing import Any

from registry.vocabulary.data import load, spoken

_ENTRIES: dict[str, dict[str, Any]] = load("distributions")["distributions"]
_IDENTIFIER = spoken(_ENTRIES)
_CODENAMES = {
    codename: (identifier, version)
    for identifier, entry in _ENTRIES.items()
    for codename, version in entry.get("codenames", {}).items()
}
_MOST_WORDS = max(len(said.split()) for said in _IDENTIFIER)
_VERSION = re.compile(r"v?(\d{1,4}(?:\.\d{1,5}){0,3})(?:[-_+~.].{0,40})?", re.ASCII)
_SERVICE_PACK = re.compile(r"\bsp ?(\d)\b")


@lru_cache(maxsize=4096)
def canonical(os_id: str | None, version_id: str | None = None) -> str | None:
    """`centos`, `7` → `centos 7`; `CentOS Linux release 6.5 (Final)` → `centos 6.5`; `Debian
    squeeze` → `debian 6`. A system that nobody here knows stays as it is.
    """
    given = " ".join(part for part in (os_id, version_id) if part)
    words = given.lower().replace("(", " ").replace(")", " ").replace('"', " ").split()
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        identifier = _IDENTIFIER.get(" ".join(words[:count]))
        if identifier:
            version = _version(identifier, words[count:])
            return f"{identifier} {version}" if version else identifier
    if words and words[0] in _CODENAMES:
        return " ".join(_CODENAMES[words[0]])
    return " ".join(given.split()) or None


def _version(identifier: str, words: list[str]) -> str | None:
    entry = _ENTRIES[identifier]
    if "editions" in entry:
        return _edition(entry["editions"], words)
    for word in words:
        found = _VERSION.fullmatch(word)
        if found:
            pack = _SERVICE_PACK.search(" ".join(words)) if "." not in found[1] else None
            number = f"{found[1]}.{pack[1]}" if pack else found[1]
            return ".".join(number.split(".")[: entry["parts"]])
    codename = next((word for word in words if word in entry.get("codenames", {})), None)
    return entry["codenames"][codename] if codename else None


def _edition(editions: list[str], words: list[str]) -> str | None:
    """The longest edition that the words begin with: `server 2008 r2` before `server 2008`."""
    said = " ".join(words)
    fitting = [name for name in editions if f"{said} ".startswith(f"{name} ")]
    return max(fitting, key=len) if fitting else None


def display(name: str) -> str:
    """`centos 6.5` → `CentOS 6.5`."""
    identifier, _, version = name.partition(" ")
    entry = _ENTRIES.get(identifier)
    return f"{entry['name']} {version.title()}".strip() if entry else name
