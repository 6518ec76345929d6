"""What the parser hands out: results, warnings, lines it could not read. Frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from crr_submit.fields import RESULT


class ParseError(ValueError):
    """The argument is not text. No text is refused: what cannot be read is listed."""


@dataclass(frozen=True)
class Result:
    """One result: the fields of `crr_submit.fields.RESULT`, None where the output gives none.

    `line` is the first line of the row of numbers, counted from 1.
    """

    test: str
    value: float
    unit: str
    line: int
    elapsed_time_s: Optional[float] = None
    request_size_bytes: Optional[int] = None
    response_size_bytes: Optional[int] = None
    message_size_bytes: Optional[int] = None
    local_send_socket_bytes: Optional[int] = None
    local_recv_socket_bytes: Optional[int] = None
    remote_send_socket_bytes: Optional[int] = None
    remote_recv_socket_bytes: Optional[int] = None
    sent_value: Optional[float] = None
    local_cpu_percent: Optional[float] = None
    remote_cpu_percent: Optional[float] = None
    local_service_demand_us: Optional[float] = None
    remote_service_demand_us: Optional[float] = None
    mean_latency_us: Optional[float] = None
    min_latency_us: Optional[float] = None
    max_latency_us: Optional[float] = None
    p50_latency_us: Optional[float] = None
    p90_latency_us: Optional[float] = None
    p99_latency_us: Optional[float] = None
    stddev_latency_us: Optional[float] = None
    netperf_confidence_level: Optional[float] = None
    netperf_confidence_width_percent: Optional[float] = None
    migrated: Optional[bool] = None
    address_family: Optional[str] = None
    warnings: Tuple[str, ...] = ()

    def as_dict(self) -> Dict[str, Any]:
        """The contract's JSON shape, and `line`."""
        shape = {field.path: getattr(self, field.path) for field in RESULT}
        shape["warnings"] = list(self.warnings)
        shape["line"] = self.line
        return shape


@dataclass(frozen=True)
class Warning_:
    """What the reader of a report should know, and where it stands."""

    line: int
    message: str

    def as_dict(self) -> Dict[str, Any]:
        return {"line": self.line, "message": self.message}


@dataclass(frozen=True)
class Unrecognised:
    """A line that looks like output of netperf and gave no result."""

    line: int
    text: str

    def as_dict(self) -> Dict[str, Any]:
        return {"line": self.line, "text": self.text}


@dataclass(frozen=True)
class ParsedReport:
    """All that a text says. `errors` are netperf's own, `other_tool` whose output it is instead."""

    results: Tuple[Result, ...] = ()
    warnings: Tuple[Warning_, ...] = ()
    unrecognised: Tuple[Unrecognised, ...] = ()
    other_tool: Optional[str] = None
    errors: Tuple[str, ...] = ()
