"""Which test the next output is of, by the banners and commands before it. Called by the reader."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional

from crr_submit.netperf import context, tables
from crr_submit.netperf.context import Command, Context
from crr_submit.netperf.findings import Findings
from crr_submit.netperf.tables import Heading

STARTED_TOGETHER = 256  # banners that wait at most
COMMAND_LINES = 6  # a command is broken into no more lines


class Naming:
    """Banners wait for output to claim them. Without a banner, the last command names the test."""

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
        if self._is_broken and context.continues_banner(text):
            self.banners[-1] = context.with_details(self.banners[-1], text)
            return True
        self._is_broken = False
        return False

    @property
    def has_open_command(self) -> bool:
        """The next line may be the rest of a command."""
        return bool(self._command_text)

    def take_command(self, text: str, line: str, number: int = 0) -> bool:
        before, self._command_text = self._command_text, ""
        is_rest = before != "" and (before.endswith("\\") or text.startswith("-"))
        whole = before.rstrip("\\") + " " + text if is_rest else text
        found = context.read_command(whole)
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
            found = replace(found, test=None)
        self.command = self.last_command = found
        self.lone = found if found.prints_rate_alone else None
        self._command_number = number
        self._findings.saw_netperf = True
        return True

    @property
    def doubt(self) -> Optional[str]:
        """Why the last command does not name the rows below it."""
        if self.command and self.command.test is None:
            return "commands for several tests stand above this"
        is_altered = self.command and self.command.is_altered
        return "the command above this hands its output to another program" if is_altered else None

    def answer(self) -> None:
        """Output came, read or not: the next command is not one of several that wait for theirs."""
        self._is_answered = True

    def interrupt(self) -> None:
        """Other text came: banners before and after it are not of runs started together."""
        self._only_banners = self._is_broken = False
        self._command_text = ""

    def drop_banners(self) -> None:
        for banner in self.banners:
            message = "no numbers that can be read follow this banner"
            self._findings.leave(banner.line, banner.text, message)
        self.banners = []
        self._only_banners = False

    def claim(self, heading: Optional[Heading] = None) -> Optional[Context]:
        """The context of output that starts here; None when it is in doubt.

        Banners in a row are of runs started together: only a test that all of them name is sure.
        """
        self._only_banners = False
        self.answer()
        if self.banners:
            return self._claim_banner(heading)
        if self.command:
            self._warn_of_unknown()
            named = Context(0, "", self.command.test, units_chosen=self.command.units_chosen)
            return named if heading is None or heading.admits(named.test) else None
        if heading is None:
            return Context(0, "", tables.OMNI)
        # The other tests with this table are rare: netperf must be built for them.
        return Context(0, "", "UDP_STREAM") if heading.kind == tables.DATAGRAM else None

    def claim_lone(self) -> Optional[Context]:
        """The context of a command's only figure, with the banner if that was printed."""
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
        """Once a command, and only when output is named by it."""
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
