"""What a banner says: test, generation, addresses, confidence. Called by `naming`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Optional

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
    context = Context(line, text, test, migrated, family)
    return with_details(context, words[found.end() :])


def with_details(context: Context, text: str) -> Context:
    """The context with what a banner's further words say of addresses and confidence."""
    words = text.split()
    families = [_FAMILIES[word] for word in words if word in _FAMILIES]
    family = context.address_family or (families[0] if families else None)
    level = _LEVEL.search(" ".join(words))
    return replace(
        context,
        address_family=family,
        confidence_level=float(level[1]) if level else context.confidence_level,
    )


def continues_banner(text: str) -> bool:
    """A line that mail or a terminal broke off a banner."""
    return any(word.startswith("AF_") or word in ("port", "conf.") for word in text.split())
