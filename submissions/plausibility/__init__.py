"""Rules that look at one report and say what is odd about it. No Django.

A rule never drops anything. It gets the report as it was parsed and normalised and yields sentences
that say what is wrong, where, and what to do. Its mode says what follows: `log` a line in the log,
`flag` a flag that is shown, `hold` a report that is shown and not counted until somebody looked,
`refuse` a refusal. Every rule starts as a flag (decisions.md 15: what is malformed, negative or not
finite was refused before). Called by `submissions.read`; docs/plausibility.md lists the rules.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from submissions.normalise import Normalised
from submissions.parsing import Parsed
from submissions.plausibility import costs, rates, repeats, runs, times
from submissions.plausibility.subject import Subject

log = logging.getLogger(__name__)

MODES = ("log", "flag", "hold", "refuse")
MESSAGES_SHOWN = 10  # of one rule: a report may hold thousands of runs, all wrong alike


@dataclass(frozen=True)
class Rule:
    name: str
    check: Callable[[Subject], Iterator[str]]
    mode: str = "flag"


RULES = (
    Rule("impossible_rate", rates.impossible_rate),
    Rule("payload_rate", rates.payload_rate),
    Rule("latency_and_rate", rates.latency_and_rate),
    Rule("latency_order", rates.latency_order),
    Rule("round_trip", rates.round_trip),
    Rule("cpu_percent", costs.cpu_percent),
    Rule("service_demand", costs.service_demand),
    Rule("elapsed_time", times.elapsed_time),
    Rule("transaction_count", times.transaction_count),
    Rule("wall_clock", times.wall_clock),
    Rule("time_wait", times.time_wait),
    Rule("streams_and_outputs", runs.streams_and_outputs),
    Rule("placement", runs.placement),
    Rule("connection_count", runs.connection_count),
    Rule("tool_version", runs.tool_version),
    Rule("received_and_sent", runs.received_and_sent),
    Rule("confidence_width", runs.confidence_width),
    Rule("duplicated_runs", repeats.duplicated_runs),
    Rule("unlike_its_repeats", repeats.unlike_its_repeats),
    Rule("faster_than_request_response", repeats.faster_than_request_response),
)
_modes: dict[str, str] = {}


def configure(modes: Mapping[str, str]) -> None:
    """Set the modes of the rules that are named, for this process; once, at its start."""
    _modes.clear()
    _modes.update(modes)


def check(
    parsed: Parsed, normalised: Normalised, envelope: Mapping[str, Any] | None
) -> list[dict[str, str]]:
    """Flags: {"rule", "mode", "message"}."""
    subject = Subject(parsed, normalised, envelope)
    return [flag for rule in RULES for flag in flags(rule.name, rule.check(subject), rule.mode)]


def flags(rule: str, messages: Iterable[str], mode: str = "flag") -> Iterator[dict[str, str]]:
    """What a rule found, as a reading keeps it; a rule that only logs leaves nothing else."""
    found, mode = list(messages), _modes.get(rule, mode)
    if mode == "log":
        for message in found[:MESSAGES_SHOWN]:
            log.info("plausibility rule %s: %s", rule, message)
        return
    for message in found[:MESSAGES_SHOWN]:
        yield {"rule": rule, "mode": mode, "message": message}
    if len(found) > MESSAGES_SHOWN:
        more = f"and {len(found) - MESSAGES_SHOWN:,} more like these"
        yield {"rule": rule, "mode": mode, "message": more}
