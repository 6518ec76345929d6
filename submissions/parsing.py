"""From a redacted document to what netperf says in it, run by run and output by output. No Django.

The parsers are the client's: `crr_submit.netperf`, and `crr_submit.app_output` for the block of
`crr-submit app`. This module only carries their findings with the places they came from.
"""

from dataclasses import dataclass
from typing import Any

from crr_submit import app_output, netperf
from registry.refusal import Refused
from submissions.decode import Document

PARSER_VERSION = 6
EXCERPTS_SHOWN = 100


@dataclass(frozen=True)
class ParsedRun:
    """The outputs of one run as the parser read them. `settings` is the envelope's run, {} for raw
    text.

    `texts` are the outputs as they were, for what they say of their own recipe.
    """

    settings: dict[str, Any]
    texts: tuple[str, ...]
    outputs: tuple[netperf.ParsedReport, ...]


@dataclass(frozen=True)
class Parsed:
    """A whole document as the parser read it."""

    runs: tuple[ParsedRun, ...]

    def results(self) -> list[dict[str, Any]]:
        """Every result in the order of the text, as the contract writes one."""
        return [
            result.as_dict()
            for run in self.runs
            for output in run.outputs
            for result in output.results
        ]

    def warnings(self) -> list[str]:
        return [
            f"{place}line {warning.line}: {warning.message}"
            for place, output in self._placed()
            for warning in output.warnings
        ] + [
            f"{place}netperf says: {error}"
            for place, output in self._placed()
            for error in output.errors
        ]

    def unrecognised(self) -> list[dict[str, Any]]:
        found = [
            {"line": line.line, "text": line.text, **({"output": place} if place else {})}
            for place, output in self._placed()
            for line in output.unrecognised
        ]
        return found[:EXCERPTS_SHOWN]

    def understood(self, warnings: list[str]) -> dict[str, Any]:
        """What the parse endpoint and command answer; `warnings` are what was said before."""
        tool = self.other_tool()
        if tool:
            warnings = [*warnings, f"this is output of {tool}, not of netperf"]
        return {
            "results": self.results(),
            "warnings": warnings + self.warnings(),
            "unrecognised": self.unrecognised(),
        }

    def other_tool(self) -> str | None:
        return next((out.other_tool for _, out in self._placed() if out.other_tool), None)

    def _placed(self) -> list[tuple[str, netperf.ParsedReport]]:
        raw = len(self.runs) == 1 and not self.runs[0].settings
        return [
            ("" if raw else f"runs[{i}].outputs[{j}] ", output)
            for i, run in enumerate(self.runs)
            for j, output in enumerate(run.outputs)
        ]


def parse(document: Document) -> Parsed:
    if document.envelope is None:
        return Parsed((_parse_run({}, [document.text or ""]),))
    return Parsed(tuple(_parse_run(run, run["outputs"]) for run in document.envelope["runs"]))


def _parse_run(settings: dict[str, Any], outputs: list[str]) -> ParsedRun:
    return ParsedRun(settings, tuple(outputs), tuple(_parse_output(text) for text in outputs))


def _parse_output(text: str) -> netperf.ParsedReport:
    return app_output.parse(text) or netperf.parse(text)


def require_results(parsed: Parsed) -> None:
    """Refuse with 422 what holds no figure of netperf, and say what was seen instead."""
    if parsed.results():
        return
    details = [{"path": "", "message": warning} for warning in parsed.warnings()]
    details += [
        {
            "path": f"{line.get('output', '')}line {line['line']}",
            "message": f"not read: {line['text']}",
        }
        for line in parsed.unrecognised()
    ]
    tool = parsed.other_tool()
    if tool:
        message = f"This is output of {tool}: the registry compares netperf's figures only."
        raise Refused(422, "other_tool", message, details)
    message = "No result of netperf was found: send its whole output, banner to row of numbers."
    raise Refused(422, "not_netperf", message, details)
