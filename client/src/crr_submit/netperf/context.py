"""What a banner says: test, generation, addresses, confidence. Called by `naming`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Optional, Tuple

from crr_submit.netperf import kinds
from crr_submit.netperf.kinds import OMNI

_BANNER = re.compile(
    r"(?P<migrated>MIGRATED )?(?:(?P<title>%s)|OMNI(?: [A-Za-z|]{1,40})?)"
    r" TEST(?= from | to | ?:| ?\.\.\.|$)" % kinds.TITLE
)
_FOREIGN_BANNER = re.compile(
    r"\b(?:TEST (?:from|to) |(?i:request/response|stream|maerts) (?i:test)\b)"
)
_FAMILIES = {"AF_INET6": "inet6", "AF_INET": "inet", "AF_UNIX": "unix", "AF_LOCAL": "unix"}
_LEVEL = re.compile(r"\+/-[0-9.]{1,12}% {1,8}(?:@ )?([0-9]{1,3}(?:\.[0-9]{1,6})?)% conf\.")


@dataclass(frozen=True)
class Context:
    """What is known of the output that follows. `test` None: a banner that is not read here."""

    line: int
    text: str
    test: Optional[str]
    migrated: Optional[bool] = None
    address_family: Optional[str] = None
    confidence_level: Optional[float] = None
    units_chosen: Optional[bool] = None  # whether -f was given; None where no command stands before


def read_banner(line: int, text: str) -> Optional[Context]:
    """The banner in a line, wherever in it: prompts and quotation marks may be glued to it."""
    if "TEST" not in text and "est" not in text:
        return None
    words = " ".join(text.split())
    found = _BANNER.search(words)
    if found is None:
        if _FOREIGN_BANNER.search(words) is None:
            return None
        return Context(line, text, None)
    title = found["title"]
    # An OMNI banner says nothing of a migration: there was no earlier code for that test.
    migrated = bool(found["migrated"]) if title else None
    test = kinds.test_of_title(title) if title else OMNI
    family = "unix" if test and kinds.is_unix(test) else None
    told_family, level = _details(words[found.end() :])
    return Context(line, text, test, migrated, family or told_family, level)


def with_details(context: Context, text: str) -> Context:
    """The context with what a banner's further words say of addresses and confidence."""
    family, level = _details(text)
    if level is None:
        level = context.confidence_level
    return replace(context, address_family=context.address_family or family, confidence_level=level)


def _details(text: str) -> Tuple[Optional[str], Optional[float]]:
    """The first address family, and the level of confidence."""
    words = text.split()
    family = next((_FAMILIES[word] for word in words if word in _FAMILIES), None)
    level = _LEVEL.search(" ".join(words)) if "conf." in words else None
    return family, float(level[1]) if level else None


def continues_banner(text: str) -> bool:
    """A line that mail or a terminal broke off a banner."""
    return any(word.startswith("AF_") or word in ("port", "conf.") for word in text.split())
