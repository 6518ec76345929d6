"""What was found in a text. Whoever reads a format puts it into `Findings`; `ParsedReport` is what
the parser hands out, frozen.
"""

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from crr_submit.fields import RESULT
from crr_submit.netperf import tables

EXCERPT_LENGTH = 200
EXCERPTS = 100
_NOT_MET = "netperf: Desired confidence was not achieved within the specified iterations."
_ERROR = re.compile(
    r"(?:establish control: |establish_control could not|could not establish the control"
    r"|(?:send|recv)_(?:data|omni|request|response|tcp|udp|sctp|dccp)[a-z_]{0,20}: ?[a-z]"
    r"|(?:udp|sctp|dccp|dg)_send: "
    r"|netperf: ?(?:send_|recv_|remote |data |cannot |could not |invalid |unable |option )"
    r"|resolve_host: |Netperf could not resolve |(?:connect|create)_data_socket: "
    r"|netserver: (?:cannot |could not |unable )|The test you requested |Unable to start netserver)"
)
# What only this program prints, at the start of a line and anywhere.
_STARTS = (
    ("neper", ("num_transactions=", "invalid_secret_count=", "num_flows=", "throughput_Mbps=")),
    ("ab", ("This is ApacheBench", "Requests per second:", "Concurrency Level:")),
    ("qperf", ("tcp_bw:", "tcp_lat:", "udp_lat:", "udp_bw:", "qperf ")),
    ("sockperf", ("sockperf:", "sockperf ")),
    ("oha", ("Success rate:",)),  # before the lines that it has in common with hey
    ("hey", ("Slowest:", "Response time histogram:")),
    ("bombardier", ("Bombarding ",)),
    ("fortio", ("Fortio ", "fortio ", "Aggregated Function Time")),
    ("k6", ("http_req_", "k6 run ")),
    ("httperf", ("httperf ", "Total: connections ", "Connection rate: ")),
    ("wrk", ("Requests/sec:",)),
    ("siege", ("Transaction rate:", "Longest transaction:")),
    ("h2load", ("h2load ", "starting benchmark...")),
    ("iperf3", ("iperf3 ", "iperf3:", "Connecting to host ", 'sum_sent":', "iperf Done.")),
    ("ethr", ("Ethr ", "ethr ", "[  ID ]")),
    ("iperf", ("iperf ", "[SUM] ", "[ ID] Interval", "[  ", "Client connecting to ")),
    ("uperf", ("uperf ", "Completed handshake phase", "TX command [UPERF_")),
    ("flent", ("Started Flent ", "flent ", "Data file written to ", "Summary of ")),
    ("dperf", ("dperf ",)),
    ("NetPIPE", ("NPtcp ", "Now starting the main loop")),
    ("tcpkali", ("tcpkali ", "Aggregate bandwidth:", "Packet rate estimate:")),
    ("pgbench", ("pgbench ", "transaction type: ")),
    ("sysbench", ("sysbench ",)),
    ("stress-ng", ("stress-ng:", "stress-ng ")),
    ("speedtest", ("speedtest", "Speedtest by ")),
    ("hping3", ("hping3 ", "HPING ")),
    ("nuttcp", ("nuttcp",)),
    ("ttcp", ("ttcp-t:", "ttcp-r:")),
    ("fio", ("fio-",)),
    ("lmbench", ("TCP latency using ", "UDP latency using ", "TCP/IP connection cost to ")),
    ("lmbench", ("lat_tcp ", "lat_udp ", "lat_connect ", "bw_tcp ", "Socket bandwidth using ")),
    ("vegeta", ("Requests      [total",)),
    ("JMeter", ("summary =",)),
    ("redis-benchmark", ("redis-benchmark ",)),
)
_ANYWHERE = (
    ("neper", ("neper/",)),
    ("EchoServerTest", ("EchoServerTest",)),
    ("iperf3", (" iperf3 ", '"iperf 3')),
    ("autocannon", ("autocannon ",)),
    ("wrk", (" wrk -", " wrk2 -", " threads and ")),
    ("ntttcp", ("ntttcp", "NTTTCP")),
    ("ethr", ("/ethr ",)),
    ("uperf", (" uperf ", " running profile:")),
    ("perftest", ("#bytes     #iterations",)),
    ("locust", ("failures/s",)),
    ("dperf", ("/dperf ",)),
    ("flent", (" flent ",)),
    ("memtier_benchmark", ("memtier_benchmark", "ALL STATS")),
    ("nuttcp", (" %TX ", " nuttcp")),
    ("h2load", (" req/s, ",)),
    ("siege", (" SIEGE ",)),
    ("ping", (" icmp_seq=",)),
    ("redis-benchmark", (" parallel clients",)),
    ("speedtest", ("speedtest.net",)),
    ("secnetperf", ("secnetperf",)),
)
_TEST_NAME = re.compile(r"(?:TCP|UDP)_(?:CRR|RR|STREAM|MAERTS|CC|SENDFILE)(?![A-Za-z])")
_NAME_WITHIN = 6  # cells
_TOOL_WITHIN = 2000  # lines, each looked through for some 60 words
_NEPER_COMMANDS = frozenset(("tcp_rr", "tcp_crr", "tcp_stream", "udp_rr", "udp_stream"))


class ParseError(ValueError):
    """The argument is not text."""


@dataclass(frozen=True)
class Context:
    """What is known of the output that follows. `test` None: a banner not read here, or several
    commands; "": a title that looks written by a person.
    """

    line: int
    text: str
    test: Optional[str]
    migrated: Optional[bool] = None
    address_family: Optional[str] = None
    confidence_level: Optional[float] = None
    units_chosen: Optional[bool] = None  # whether -f was given; None without a command
    direction: str = ""  # of an OMNI banner: who sends


@dataclass(frozen=True)
class Result:
    """The fields of `crr_submit.fields.RESULT`, None where the output gives none. `line` is the
    first of the row of numbers, from 1.
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
        shape = {field.path: getattr(self, field.path) for field in RESULT}
        shape["warnings"] = list(self.warnings)
        shape["line"] = self.line
        return shape


@dataclass(frozen=True)
class Warning_:
    line: int
    message: str

    def as_dict(self) -> Dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Unrecognised:
    """A line that looks like output of netperf and gave no result."""

    line: int
    text: str

    def as_dict(self) -> Dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class ParsedReport:
    """`errors` are netperf's own, `other_tool` whose output it is instead."""

    results: Tuple[Result, ...] = ()
    warnings: Tuple[Warning_, ...] = ()
    unrecognised: Tuple[Unrecognised, ...] = ()
    other_tool: Optional[str] = None
    errors: Tuple[str, ...] = ()


class Findings:
    def __init__(self) -> None:
        self.saw_netperf = False
        self._results: List[Result] = []
        self._warnings: List[Warning_] = []
        self._unread: List[Unrecognised] = []
        self._errors: List[str] = []
        self._tools: List[str] = []
        self._n_looked_at = 0
        self._width_percent: Optional[float] = None
        self._is_not_met = False

    def report(self) -> ParsedReport:
        is_netperf = self.saw_netperf or bool(self._results)
        return ParsedReport(
            results=tuple(sorted(self._results, key=lambda result: result.line)),
            warnings=tuple(sorted(self._warnings, key=lambda warning: warning.line)[:EXCERPTS]),
            unrecognised=tuple(sorted(self._unread, key=lambda line: line.line)[:EXCERPTS]),
            other_tool=None if is_netperf else self._tool(),
            errors=tuple(dict.fromkeys(self._errors))[:EXCERPTS],
        )

    def _tool(self) -> Optional[str]:
        first = next(iter(self._tools), None)
        return "iperf3" if first == "iperf" and "iperf3" in self._tools else first

    def warn(self, line: int, message: str) -> None:
        self._warnings.append(Warning_(line, message))

    def leave(self, line: int, text: str, message: Optional[str] = None) -> None:
        self._unread.append(Unrecognised(line, text.strip()[:EXCERPT_LENGTH]))
        if message:
            self.warn(line, message)

    def add(self, line: int, named: Context, values: Dict[str, Any], test: str = "") -> None:
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
        """netperf's `!!!` lines, before the result that they are about."""
        if not text.startswith("!!!"):
            return False
        self._is_not_met = self._is_not_met or "confidence was not achieved" in text
        if " Throughput " in text:
            # People write remarks behind it.
            width = text.rpartition(" Throughput ")[2].partition("%")[0]
            self._width_percent = tables.measure(width.strip(" :"))
        return True

    def forget_confidence(self) -> None:
        self._width_percent = None
        self._is_not_met = False

    def take_trace(self, text: str) -> bool:
        error = error_in(text)
        if error:
            self._errors.append(error[:EXCERPT_LENGTH])
            self.saw_netperf = True
            return True
        self.saw_netperf = self.saw_netperf or ("netperf" in text and names_a_test(text))
        if not self.saw_netperf and self._n_looked_at < _TOOL_WITHIN:
            self._n_looked_at += 1
            tool = other_tool_in(text)
            if tool:
                self._tools.append(tool)
        return False


def names_a_test(text: str) -> bool:
    """In a row of another program's table, not in a command."""
    cells = text.replace("|", " ").replace(",", " ").split()
    return "-t" not in cells and any(map(_TEST_NAME.match, cells[:_NAME_WITHIN]))


def error_in(text: str) -> Optional[str]:
    found = _ERROR.search(text)
    return text[found.start() :].rstrip('"`') if found else None


def other_tool_in(text: str) -> Optional[str]:
    for name, starts in _STARTS:
        if text.startswith(starts):
            return name
    for name, words in _ANYWHERE:
        if any(word in text for word in words):
            return name
    return "neper" if _is_neper_command(text.split()) else None


def _is_neper_command(words: List[str]) -> bool:
    for position, word in enumerate(words):
        is_command = position == 0 or words[position - 1][-1] in "$#>"
        if is_command and word.rsplit("/", 1)[-1] in _NEPER_COMMANDS:
            return words[position + 1 : position + 2] != [] and words[position + 1].startswith("-")
    return False
