"""What names a test: the words of netperf's banners and command lines. Called by `naming`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import List, Optional

from crr_submit.netperf.numbers import is_number

# The words of a banner, as netperf 2.4 to 2.7 print them, and the test each stands for.
_TITLES = {
    "TCP Connect/Request/Response": "TCP_CRR",
    "TCP Connect/Close": "TCP_CC",
    "TCP REQUEST/RESPONSE": "TCP_RR",
    "TCP STREAM": "TCP_STREAM",
    "TCP MAERTS": "TCP_MAERTS",
    "TCP SENDFILE": "TCP_SENDFILE",
    "UDP REQUEST/RESPONSE": "UDP_RR",
    "UDP STREAM": "UDP_STREAM",
    "UDP UNIDIRECTIONAL SEND": "UDP_STREAM",
}
_BANNER = re.compile(
    r"(?P<migrated>MIGRATED )?(?:(?P<title>%s)|OMNI(?: [A-Za-z|]{1,40})?)"
    r" TEST(?= from | to |:| ?\.\.\.|$)" % "|".join(map(re.escape, _TITLES))
)
_FOREIGN_BANNER = re.compile(
    r"\b(?:TEST (?:from|to) |(?i:request/response|stream|maerts) (?i:test)\b)"
)
_FAMILIES = {"AF_INET6": "inet6", "AF_INET": "inet", "AF_UNIX": "unix", "AF_LOCAL": "unix"}
_LEVEL = re.compile(r"\+/-[0-9.]{1,12}% {1,8}(?:@ )?([0-9]{1,3}(?:\.[0-9]{1,6})?)% conf\.")

REQUEST_RESPONSE = ("TCP_RR", "TCP_CRR", "TCP_CC", "UDP_RR")
BULK = ("TCP_STREAM", "TCP_MAERTS", "TCP_SENDFILE")
OMNI = "OMNI"
# What a netperf takes after -t, before and after the first "_". Some only when it was built with
# them.
_TESTS = {
    "DCCP": ("STREAM", "MAERTS", "RR", "CRR", "CC"),
    "DG": ("STREAM", "RR"),
    "DLCL": ("STREAM", "RR"),
    "DLCO": ("STREAM", "RR"),
    "DNS": ("RR",),
    "EXS": ("TCP_STREAM",),
    "FORE": ("STREAM", "RR"),
    "HIPPI": ("STREAM", "RR"),
    "LOC": ("CPU",),
    "REM": ("CPU",),
    "SCTP": ("STREAM", "STREAM_MANY", "MAERTS", "RR", "RR_MANY", "CRR", "CC"),
    "SCTPIPV6": ("STREAM", "STREAM_MANY", "RR", "RR_MANY"),
    "SDP": ("STREAM", "MAERTS", "RR", "CRR"),
    "STREAM": ("STREAM", "RR"),
    "TCP": ("STREAM", "MAERTS", "SENDFILE", "MSS", "RR", "CRR", "CC", "TRR"),
    "TCPIPV6": ("STREAM", "MAERTS", "SENDFILE", "RR", "CRR", "CC", "TRR"),
    "UDP": ("STREAM", "MAERTS", "RR"),
    "UDPIPV6": ("STREAM", "RR"),
    "XTI": ("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR"),
}
TESTS = frozenset([OMNI] + ["%s_%s" % (a, b) for a, ends in _TESTS.items() for b in ends])


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


@dataclass(frozen=True)
class Command:
    """A netperf command line. `units_chosen`: it has -f; `quiet`: -P 0, so no headings come;
    `is_unknown`: -t names no test of netperf, and OMNI stands for it.
    """

    test: str
    units_chosen: bool = False
    quiet: bool = False
    is_unknown: bool = False


def read_banner(line: int, text: str) -> Optional[Context]:
    """The banner in a line, wherever in it: prompts and quotation marks may be glued to it."""
    words = " ".join(text.split())
    found = _BANNER.search(words)
    if found is None:
        if _FOREIGN_BANNER.search(words) is None:
            return None
        return Context(line, text, None)
    title = found["title"]
    # An OMNI banner says nothing of a migration: there was no earlier code for that test.
    migrated = bool(found["migrated"]) if title else None
    context = Context(line, text, _TITLES[title] if title else OMNI, migrated)
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


def read_command(text: str) -> Optional[Command]:
    """The netperf command in a line: after what ends like a prompt or hands on a command (`--`),
    or first in the line and with options.
    """
    words = text.split()
    has_prompt = False
    for position, word in enumerate(words):
        name = word.rsplit("/", 1)[-1]
        following = words[position + 1 :]
        if name in ("$netperf", "#netperf", "%netperf"):
            return options(following)
        if name == "netperf" and (has_prompt or (position == 0 and _is_option(following))):
            return options(following)
        has_prompt = has_prompt or word[-1] in "$#%>" or word == "--"
    return None


def _is_option(words: List[str]) -> bool:
    return bool(words) and words[0].startswith("-")


def options(words: List[str]) -> Command:
    """What netperf's global options say: `-t` (TCP_STREAM when absent), `-f`, `-P 0`."""
    command = Command("TCP_STREAM")
    for position, word in enumerate(words):
        if word == "--":
            break
        flag, value = word[:2], word[2:] or "".join(words[position + 1 : position + 2])
        if flag == "-t":
            test = value.strip("\"'").upper()
            known = test in TESTS
            command = replace(command, test=test if known else OMNI, is_unknown=not known)
        elif flag == "-f":
            command = replace(command, units_chosen=True)
        elif flag == "-P":
            command = replace(command, quiet=value == "0")
    return command


def is_row(words: List[str]) -> bool:
    """All words are numbers."""
    return bool(words) and all(is_number(word) for word in words)
