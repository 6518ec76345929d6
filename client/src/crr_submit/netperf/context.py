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
_GLUED = re.compile(r"\S{0,80}(?<![=-])[$#%>]([\w./\\-]{0,120})")
_SIGNS = "$#%>\u279c\u276f"
_NO_PROMPT = re.compile(r"[=-]{1,9}>|[0-9.]{1,12}%")  # prose: an arrow, a share
# What starts a command for another program: no prompt need stand before these.
_LAUNCHERS = frozenset(
    "sudo doas time timeout taskset numactl chrt nice nohup ip nsenter env exec do for while docker"
    " podman kubectl oc ssh lxc-attach jexec chroot unshare cgexec ionice stdbuf watch".split()
)
_OPTION = re.compile(r"-[A-Za-z0-9]")
_NO_RUNS = ("-V", "-h")
_FLAGS = "46djN"  # without an argument, so they may stand before another in one word
_SEPARATOR = re.compile(r"(\|\|?|(?<!>)&(?!>)&?|;)")
_HARMLESS = frozenset("tee grep egrep head tail cat done wait".split())  # as netperf printed it
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}=\S*")
_BANNER = re.compile(
    r"(?P<migrated>MIGRATED )?(?:(?P<title>%s)|OMNI(?: (?P<direction>[A-Za-z|]{1,40}))?)"
    r" TEST(?= from | to | ?:| ?\.\.\.|$)" % tables.TITLE
)
_FOREIGN_BANNER = re.compile(r"\bTEST (?:from|to) ")
_HAND_MADE = re.compile(r"\b(?i:request/response|stream|maerts) T(?:EST|est)\b")
_FAMILIES = {"AF_INET6": "inet6", "AF_INET": "inet", "AF_UNIX": "unix", "AF_LOCAL": "unix"}
_LEVEL = re.compile(r"\+/-[0-9.]{1,12}% {1,8}(?:@ )?([0-9]{1,3}(?:\.[0-9]{1,6})?)% conf\.")


@dataclass(frozen=True)
class Context:
    """What is known of the output that follows. `test` None: a banner that is not read here, or
    commands of which it may be any; "": a title that looks written by a person.
    """

    line: int
    text: str
    test: Optional[str]
    migrated: Optional[bool] = None
    address_family: Optional[str] = None
    confidence_level: Optional[float] = None
    units_chosen: Optional[bool] = None  # whether -f was given; None where no command stands before
    direction: str = ""  # of an OMNI banner: who sends


def read_banner(line: int, text: str) -> Optional[Context]:
    """The banner in a line, wherever in it: prompts and quotation marks may be glued to it."""
    if "TEST" not in text and "est" not in text:
        return None
    words = " ".join(text.split())
    found = _BANNER.search(words)
    if found is None:
        if _FOREIGN_BANNER.search(words):
            return Context(line, text, None)
        return Context(line, text, "") if _HAND_MADE.search(words) else None
    title = found["title"]
    # An OMNI banner says nothing of a migration: there was no earlier code for that test.
    migrated = bool(found["migrated"]) if title else None
    test = tables.test_of_title(title) if title else OMNI
    family = "unix" if test and tables.is_unix(test) else None
    told_family, level = _details(words[found.end() :])
    found_direction = found["direction"] or ""
    return Context(
        line, text, test, migrated, family or told_family, level, direction=found_direction
    )


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

    `test` None: its line has commands for several; `units` is the letter of -f; `quiet`: -P 0, so
    no headings come; `verbosity`: that of -v; `has_cpu`: -c or -C; `has_brand`: -B, printed behind
    the row; `is_unknown`: the name of the test is none of netperf's, and OMNI stands for it;
    `is_repeated`: it stands in a loop; `is_altered`: another program prints what it makes of it,
    or something else meanwhile.
    """

    test: Optional[str]
    units: str = ""
    quiet: bool = False
    verbosity: int = 1
    has_cpu: bool = False
    has_brand: bool = False
    is_unknown: bool = False
    is_repeated: bool = False
    is_altered: bool = False

    @property
    def prints_rate_alone(self) -> bool:
        """-v 0; but with -c or -C, the service demand is printed instead."""
        return not (self.verbosity or self.has_cpu or self.is_altered or self.test is None)

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
    before = ""
    for position, word in enumerate(words):
        glued = _GLUED.fullmatch(word)
        is_called = glued and _is_program(glued[1])
        if not is_called and (has_prompt or is_launched or position == 0):
            is_called = _is_program(word)
        if is_called and _is_run(words[position + 1 : position + 3], "$" if glued else before):
            return _in_line(words, position)
        has_prompt = has_prompt or is_prompt(word) or word == "--"
        is_launched = is_launched or (position == 0 and _ASSIGNMENT.fullmatch(word) is not None)
        before = word
    return None


def _is_run(following: List[str], before: str) -> bool:
    """Options, or nothing but what a shell reads, tell a command from prose about netperf."""
    first = following[1:] if following[:1] == ["--"] else following
    if first and _OPTION.match(first[0]):
        return first[0] not in _NO_RUNS
    is_typed = before in _LAUNCHERS or is_prompt(before)
    return is_typed and (not following or following[0][0] in "$|;&>)#{")


def is_prompt(word: str) -> bool:
    return word != "" and word[-1] in _SIGNS and _NO_PROMPT.fullmatch(word) is None


def _is_program(word: str) -> bool:
    name = re.split(r"[/\\]", word.lstrip("$(`\"'"))[-1]
    return _PROGRAM.fullmatch(name) is not None


def _in_line(words: List[str], position: int) -> Command:
    """The command whose name stands there, by what else its line has."""
    first, *rest = _SEPARATOR.split(" ".join(words[position + 1 :]))
    command = options(first.split())
    for separator, part in zip(rest[::2], rest[1::2]):
        other = read_command("$ " + part)
        if other:
            is_same = other == options(first.split())
            command = replace(command, is_repeated=True, test=command.test if is_same else None)
        elif separator in ("|", "&") and not _HARMLESS.issuperset(part.split()[:1]):
            command = replace(command, is_altered=True)
    if not {"do", "while", "watch"}.isdisjoint(words):
        command = replace(command, is_repeated=True)
    return command


def options(words: List[str]) -> Command:
    """What netperf's global options say: `-t` (TCP_STREAM when absent), `-f`, `-P`, `-v`, `-c`."""
    is_hidden = bool(words) and words[0][0] in "${"  # options in a variable
    command = Command(OMNI if is_hidden else "TCP_STREAM", is_unknown=is_hidden)
    for position, word in enumerate(words):
        if word == "--":
            break
        word = word[:1] + word[1:].lstrip(_FLAGS)
        flag, value = word[:2], word[2:] or "".join(words[position + 1 : position + 2])
        value = value.strip(")`\"'")
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
        elif flag == "-B":
            command = replace(command, has_brand=True)
    return command
