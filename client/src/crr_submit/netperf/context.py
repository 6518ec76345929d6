"""What is said before an output: netperf's command, which tells the test it runs and how it prints,
and the banner, which tells test, generation, addresses and confidence. Called by `naming`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import List, Optional, Tuple

from crr_submit.netperf import tables
from crr_submit.netperf.tables import OMNI, TESTS

_PROGRAM = re.compile(r"netperf(?:[-_]?v?[0-9][0-9.a-z]{0,12})?(?:\.exe)?")
_GLUED = re.compile(r"\S{0,80}[$#%>]([\w./\\-]{0,120})")
_SIGNS = "$#%>"
# What starts a command for another program: no prompt need stand before these.
_LAUNCHERS = frozenset(
    "sudo doas time timeout taskset numactl chrt nice nohup ip nsenter env exec do for while docker"
    " podman kubectl oc ssh lxc-attach jexec chroot unshare cgexec ionice stdbuf watch".split()
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}=\S*")
_BANNER = re.compile(
    r"(?P<migrated>MIGRATED )?(?:(?P<title>%s)|OMNI(?: [A-Za-z|]{1,40})?)"
    r" TEST(?= from | to | ?:| ?\.\.\.|$)" % tables.TITLE
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
    test = tables.test_of_title(title) if title else OMNI
    family = "unix" if test and tables.is_unix(test) else None
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


@dataclass(frozen=True)
class Command:
    """A netperf command line.

    `units` is the letter of -f; `quiet`: -P 0, so no headings come; `verbosity`: that of -v;
    `has_cpu`: -c or -C; `is_unknown`: -t names no test of netperf, and OMNI stands for it;
    `is_repeated`: it stands in a loop; `is_piped`: another program prints what it makes of it.
    """

    test: str
    units: str = ""
    quiet: bool = False
    verbosity: int = 1
    has_cpu: bool = False
    is_unknown: bool = False
    is_repeated: bool = False
    is_piped: bool = False

    @property
    def prints_rate_alone(self) -> bool:
        """-v 0; but with -c or -C, the service demand is printed instead."""
        return self.verbosity == 0 and not self.has_cpu and not self.is_piped

    @property
    def units_chosen(self) -> bool:
        return bool(self.units)


def read_command(text: str) -> Optional[Command]:
    """The netperf command in a line: after what ends like a prompt, what starts commands, or hands
    one on (`--`), or first in the line and with options.
    """
    words = text.split()
    is_launched = bool(words) and words[0] in _LAUNCHERS
    has_prompt = bool(words) and words[0].strip("+") == ""
    for position, word in enumerate(words):
        following = words[position + 1 :]
        glued = _GLUED.fullmatch(word)
        if glued and _is_program(glued[1]):
            return _in_line(words, following)
        is_bare = (position == 0 or is_launched) and bool(following) and following[0][0] == "-"
        if (has_prompt or is_bare) and _is_program(word):
            return _in_line(words, following)
        has_prompt = has_prompt or word[-1] in _SIGNS or word == "--"
        is_launched = is_launched or (position == 0 and _ASSIGNMENT.fullmatch(word) is not None)
    return None


def _is_program(word: str) -> bool:
    name = re.split(r"[/\\]", word.lstrip("$(`\"'"))[-1]
    return _PROGRAM.fullmatch(name) is not None


def _in_line(words: List[str], following: List[str]) -> Command:
    command = replace(options(following), is_piped="|" in " ".join(words))
    if "do" in words or "while" in words or "watch" in words:
        command = replace(command, is_repeated=True)
    return command


def options(words: List[str]) -> Command:
    """What netperf's global options say: `-t` (TCP_STREAM when absent), `-f`, `-P`, `-v`, `-c`."""
    command = Command("TCP_STREAM")
    for position, word in enumerate(words):
        if word == "--" or word in (";", "|", "&&", "&", ">", ">>"):
            break
        flag, value = word[:2], word[2:] or "".join(words[position + 1 : position + 2])
        value = value.rstrip(";|&)`\"'").lstrip("\"'")
        if flag == "-t":
            test = value.upper()
            known = test in TESTS
            command = replace(command, test=test if known else OMNI, is_unknown=not known)
        elif flag == "-f":
            command = replace(command, units=value[:1] or "?")
        elif flag == "-P":
            command = replace(command, quiet=value == "0")
        elif flag == "-v":
            command = replace(command, verbosity=int(value) if value in ("0", "1", "2", "3") else 1)
        elif flag in ("-c", "-C"):
            command = replace(command, has_cpu=True)
    return command
