"""What is said before an output: banners and netperf's command, and which of them name the output
that follows.
"""

import re
from dataclasses import dataclass, replace
from typing import List, Optional, Tuple

from crr_submit.netperf import tables
from crr_submit.netperf.findings import Context, Findings
from crr_submit.netperf.tables import OMNI, TESTS, Heading

_PROGRAM = re.compile(r"netperf(?:[-_]?v?[0-9][0-9.a-z]{0,12})?(?:\.exe)?")
_GLUED = re.compile(r"([$#%>])(?=[\w./\\-]{0,120}netperf)")  # to a prompt
_SIGNS = "$#%>\u279c\u276f"
_NO_PROMPT = re.compile(r"[=-]{1,9}>|[0-9.]{1,12}%")  # prose: an arrow, a share
# These start another program's command: no prompt need stand before them.
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
_TITLED = re.compile(
    r"(?i)\W{0,9}(?:[0-9]{1,2}[.)]\W{1,3})?(?:netperf\W{1,3})?([a-z0-9]{2,8}_[a-z_]{2,20})"
    r"\W{0,3}(?:(?:tests?|results?|output|throughput)\W{0,3})?(?:\([^()_]{1,20}\))?\W{0,9}"
)
_FAMILIES = {"AF_INET6": "inet6", "AF_INET": "inet", "AF_UNIX": "unix", "AF_LOCAL": "unix"}
_LEVEL = re.compile(r"\+/-[0-9.]{1,12}% {1,8}(?:@ )?([0-9]{1,3}(?:\.[0-9]{1,6})?)% conf\.")

STARTED_TOGETHER = 256  # banners that wait at most
COMMAND_LINES = 6  # a command is broken into no more lines


class Naming:
    """Banners wait for output to claim them. Without a banner, the last command names the test;
    without both, a title right above the table.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.banners: List[Context] = []
        self.command: Optional[Command] = None  # None again when a banner came after it
        self._only_banners = False  # nothing else came since the first that waits
        self._is_broken = False  # the banner may go on in the next line
        self.last_command: Optional[Command] = None  # also when banners came after it
        self.lone: Optional[Command] = None  # the last one, while its only figure may come
        self._command_text = ""
        self._command_lines = 0
        self._command_number = 0
        self._earlier: Optional[Command] = None  # one before it, whose output may yet come
        self._is_answered = False  # output came since the last command
        self._title: Optional[str] = None  # the test that the line above a heading names

    def take_banner(self, found: Context) -> None:
        if found.test == "":
            self.drop_banners()
            self.command = self.lone = None
            return
        if not self._only_banners or len(self.banners) >= STARTED_TOGETHER:
            self.drop_banners()
            self._findings.forget_confidence()
        if self.last_command and self.last_command.units_chosen:
            found = replace(found, units_chosen=True)
        elif self.command:
            found = replace(found, units_chosen=False)
        self.banners.append(found)
        self._only_banners = self._is_broken = self._findings.saw_netperf = True
        self.command = None

    def take_rest_of_banner(self, text: str) -> bool:
        if self._is_broken and continues_banner(text):
            self.banners[-1] = with_details(self.banners[-1], text)
            return True
        self._is_broken = False
        return False

    @property
    def has_open_command(self) -> bool:
        return bool(self._command_text)

    def take_command(self, text: str, line: str, number: int = 0) -> bool:
        before, self._command_text = self._command_text, ""
        is_rest = before != "" and (before.endswith("\\") or text.startswith("-"))
        whole = before.rstrip("\\") + " " + text if is_rest else text
        found = read_command(whole)
        if found is None:
            return False
        self._command_lines = self._command_lines + 1 if is_rest else 1
        if self._command_lines < COMMAND_LINES:
            self._command_text = whole + ("\\" if line.rstrip().endswith("\\") else "")
        self.drop_banners()
        self._findings.forget_confidence()
        if not is_rest:
            self._earlier = None if self._is_answered else self.command
            self._is_answered = False
        if self._earlier and self._earlier.test != found.test:
            found = found.among(self._earlier)
        self.command = self.last_command = found
        self.lone = found if found.prints_rate_alone else None
        self._command_number = number
        self._findings.saw_netperf = True
        return True

    @property
    def doubt(self) -> Optional[str]:
        if self.command and self.command.test is None:
            return "commands for several tests stand above this"
        is_altered = self.command and self.command.is_altered
        return "the command above this hands its output to another program" if is_altered else None

    @property
    def titles(self) -> Tuple[str, ...]:
        """The selectors of a row that -P 0 prints without titles, while it may come."""
        command = self.command
        if command is None or not command.quiet or command.is_altered:
            return ()
        return command.selectors if command.is_repeated or not self._is_answered else ()

    def take_title(self, text: str, words: List[str]) -> None:
        """A line that only names a test, and stands right above the heading of a table."""
        if self._title is None and "_" not in text:
            return
        if tables.is_units_line(words) or tables.HEADING_WORDS.issuperset(text.lower().split()):
            return
        found = _TITLED.fullmatch(text)
        test = found[1].upper() if found else ""
        if test not in TESTS:
            self._title = None
        elif self._title != test:
            self._title = test if self._title is None else ""  # a list of tests names none

    def answer(self) -> None:
        """Output came: the next command is not one of several that wait for theirs."""
        self._is_answered = True

    def interrupt(self) -> None:
        """Other text came, so banners before and after it were not started together."""
        self._only_banners = self._is_broken = False
        self._command_text = ""

    def drop_banners(self) -> None:
        for banner in self.banners:
            message = "no numbers that can be read follow this banner"
            self._findings.leave(banner.line, banner.text, message)
        self.banners = []
        self._only_banners = self._is_broken = False

    def claim(self, heading: Optional[Heading] = None) -> Optional[Context]:
        """The context of output that starts here; None in doubt: banners in a row are of runs
        started together, so all must name one test.
        """
        self._only_banners = False
        self.answer()
        if self.banners:
            return self._claim_banner(heading)
        if self.command:
            self._warn_of_unknown()
            fits = [test for test in self.command.tests if heading is None or heading.admits(test)]
            test = fits[0] if len(fits) == 1 else None
            named = Context(0, "", test, units_chosen=self.command.units_chosen)
            return named if heading is None or test else None
        if heading is None:
            return Context(0, "", OMNI)
        if heading.admits(self._title):
            return Context(0, "", self._title)
        # The other tests with this table are rare.
        return Context(0, "", "UDP_STREAM") if heading.kind == tables.DATAGRAM else None

    def claim_lone(self) -> Optional[Context]:
        lone = self.lone
        if lone is None:
            return None
        if not lone.is_repeated:
            self.lone = self.command = None
        if not self.banners:
            return Context(0, "", lone.test, units_chosen=lone.units_chosen)
        self._only_banners = False
        is_its_own = len(self.banners) == 1 and self.banners[0].test == lone.test
        return self.banners.pop() if is_its_own else None

    def _warn_of_unknown(self) -> None:
        if self.command and self.command.is_unknown:
            message = "netperf has no test of the name in this command: read as OMNI"
            self._findings.warn(self._command_number, message)
            self.command = replace(self.command, is_unknown=False)

    def _claim_banner(self, heading: Optional[Heading]) -> Optional[Context]:
        fits = [banner for banner in self.banners if heading is None or heading.admits(banner.test)]
        if len({banner.test for banner in fits}) != 1 or fits[0].test is None:
            return None
        self.banners.remove(fits[0])
        return fits[0]


def read_banner(line: int, text: str) -> Optional[Context]:
    if "TEST" not in text and "Test" not in text:
        return None
    words = " ".join(text.split())
    found = _BANNER.search(words)
    if found is None:
        if _FOREIGN_BANNER.search(words):
            return Context(line, text, None)
        return Context(line, text, "") if _HAND_MADE.search(words) else None
    title = found["title"]
    # OMNI had no earlier code to migrate from.
    migrated = bool(found["migrated"]) if title else None
    test = tables.test_of_title(title) if title else OMNI
    family = tables.family_of(test) if test else None
    told_family, level = _details(words[found.end() :])
    way = found["direction"] or ""
    return Context(line, text, test, migrated, family or told_family, level, direction=way)


def with_details(context: Context, text: str) -> Context:
    family, level = _details(text)
    if level is None:
        level = context.confidence_level
    return replace(context, address_family=context.address_family or family, confidence_level=level)


def _details(text: str) -> Tuple[Optional[str], Optional[float]]:
    words = text.split()
    family = next((_FAMILIES[word] for word in words if word in _FAMILIES), None)
    level = _LEVEL.search(" ".join(words)) if "conf." in words else None
    return family, float(level[1]) if level else None


def continues_banner(text: str) -> bool:
    return any(word.startswith("AF_") or word in ("port", "conf.") for word in text.split())


@dataclass(frozen=True)
class Command:
    """`test` None: one of `others`; `units`: -f; `quiet`: -P 0; `is_terse`: -v 0; `has_brand`: -B,
    printed behind the row; `is_unknown`: OMNI stands for a test that netperf has not; `is_altered`:
    another program prints what it makes of it, or meanwhile; `selectors`: of -o or -O.
    """

    test: Optional[str]
    units: str = ""
    quiet: bool = False
    is_terse: bool = False
    has_cpu: bool = False
    has_brand: bool = False
    is_unknown: bool = False
    is_repeated: bool = False
    is_altered: bool = False
    selectors: Tuple[str, ...] = ()
    others: Tuple[str, ...] = ()

    @property
    def prints_rate_alone(self) -> bool:
        return self.is_terse and not (self.has_cpu or self.is_altered or self.test is None)

    @property
    def units_chosen(self) -> bool:
        return bool(self.units)

    @property
    def tests(self) -> Tuple[str, ...]:
        return self.others if self.test is None else (self.test,)

    def among(self, other: "Command") -> "Command":
        """Either may have printed what follows."""
        others = tuple({*self.tests, *other.tests})
        return replace(self, test=None, others=others, units=self.units or other.units)


def read_command(text: str) -> Optional[Command]:
    """The command in a line: after a prompt, a launcher or `--`, or first and with options."""
    words = _GLUED.sub(r"\1 ", text).split()
    is_launched = bool(words) and words[0] in _LAUNCHERS
    has_prompt = bool(words) and words[0].strip("+") == ""
    before = ""
    for position, word in enumerate(words):
        may_start = has_prompt or is_launched or position == 0
        if may_start and _is_program(word) and _is_run(words[position + 1 : position + 3], before):
            return _in_line(words, position)
        has_prompt = has_prompt or is_prompt(word) or word == "--"
        is_launched = is_launched or (position == 0 and _ASSIGNMENT.fullmatch(word) is not None)
        before = word
    return None


def _is_run(following: List[str], before: str) -> bool:
    """No prose about netperf."""
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
    first, *rest = _SEPARATOR.split(" ".join(words[position + 1 :]))
    command = options(first.split())
    for separator, part in zip(rest[::2], rest[1::2]):
        other = read_command("$ " + part)
        if other:
            command = replace(command, is_repeated=True)
            if other != options(first.split()):
                command = command.among(other)
        elif separator in ("|", "&") and not _HARMLESS.issuperset(part.split()[:1]):
            command = replace(command, is_altered=True)
    if not {"do", "while", "watch"}.isdisjoint(words):
        command = replace(command, is_repeated=True)
    return command


def _selectors(words: List[str]) -> Tuple[str, ...]:
    """Of -o or -O behind the test's "--"."""
    for position, word in enumerate(words):
        if word[:2] in ("-o", "-O"):
            value = word[2:] or "".join(words[position + 1 : position + 2])
            return tuple(value.strip(")`\"'").upper().split(","))
    return ()


def options(words: List[str]) -> Command:
    is_hidden = bool(words) and words[0][0] in "${"  # options in a variable
    command = Command(OMNI if is_hidden else "TCP_STREAM", is_unknown=is_hidden)
    for position, word in enumerate(words):
        if word in ("--", "-"):  # or the dash that a text processor made of it
            return replace(command, selectors=_selectors(words[position + 1 :]))
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
            command = replace(command, is_terse=value == "0")
        elif flag in ("-c", "-C"):
            command = replace(command, has_cpu=True)
        elif flag == "-B":
            command = replace(command, has_brand=True)
    return command
