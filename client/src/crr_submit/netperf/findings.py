"""What was found so far: results, warnings, lines left unread. Filled by whoever reads a format."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from crr_submit.netperf import numbers, traces
from crr_submit.netperf.context import Context
from crr_submit.netperf.model import ParsedReport, Result, Unrecognised, Warning_

EXCERPT_LENGTH = 200
EXCERPTS = 100
_NOT_MET = "netperf: Desired confidence was not achieved within the specified iterations."


class Findings:
    """Grows while a text is read; `report` closes it."""

    def __init__(self) -> None:
        self.saw_netperf = False
        self._results: List[Result] = []
        self._warnings: List[Warning_] = []
        self._unread: List[Unrecognised] = []
        self._errors: List[str] = []
        self._tools: List[str] = []
        self._width_percent: Optional[float] = None
        self._is_not_met = False

    def report(self) -> ParsedReport:
        is_netperf = self.saw_netperf or bool(self._results)
        return ParsedReport(
            results=tuple(sorted(self._results, key=lambda result: result.line)),
            warnings=tuple(sorted(self._warnings, key=lambda warning: warning.line)[:EXCERPTS]),
            unrecognised=tuple(sorted(self._unread, key=lambda line: line.line)[:EXCERPTS]),
            other_tool=None if is_netperf else next(iter(self._tools), None),
            errors=tuple(dict.fromkeys(self._errors))[:EXCERPTS],
        )

    def warn(self, line: int, message: str) -> None:
        self._warnings.append(Warning_(line, message))

    def leave(self, line: int, text: str, message: Optional[str] = None) -> None:
        """List a line that looks like netperf and gave no result."""
        self._unread.append(Unrecognised(line, text.strip()[:EXCERPT_LENGTH]))
        if message:
            self.warn(line, message)

    def add(self, line: int, named: Context, values: Dict[str, Any], test: str = "") -> None:
        """A result. `values` are its fields, `value` and `unit` among them."""
        width = values.pop("netperf_confidence_width_percent", None)
        level = values.pop("netperf_confidence_level", None)
        notes = list(values.pop("warnings", ()))
        self._results.append(
            Result(
                test=test or str(named.test),
                line=line,
                migrated=named.migrated,
                address_family=named.address_family,
                netperf_confidence_level=named.confidence_level if level is None else level,
                netperf_confidence_width_percent=self._width_percent if width is None else width,
                warnings=tuple(notes + [_NOT_MET] * self._is_not_met),
                **values,
            )
        )
        self.forget_confidence()

    def take_confidence(self, text: str) -> bool:
        """netperf's block of `!!!` lines, which stands before the result that it is about.

        `!!! Confidence intervals: Throughput      : 85.819%` gives the full width that was reached.
        """
        if not text.startswith("!!!"):
            return False
        self._is_not_met = self._is_not_met or "confidence was not achieved" in text
        if " Throughput " in text:
            # People write remarks behind it.
            width = text.rpartition(" Throughput ")[2].partition("%")[0]
            self._width_percent = numbers.measure(width.strip(" :"))
        return True

    def forget_confidence(self) -> None:
        self._width_percent = None
        self._is_not_met = False

    def take_trace(self, text: str) -> bool:
        """An error line of netperf. Lines of other programs are noted, and may still be read."""
        error = traces.error_in(text)
        if error:
            self._errors.append(error[:EXCERPT_LENGTH])
            self.saw_netperf = True
            return True
        tool = None if self.saw_netperf else traces.other_tool_in(text)
        if tool:
            self._tools.append(tool)
        return False
