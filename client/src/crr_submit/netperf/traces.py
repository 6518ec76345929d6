"""Lines that are no results: netperf's own errors, and the output of other programs."""

from __future__ import annotations

import re
from typing import List, Optional

_ERROR = re.compile(
    r"(?:establish control: |establish_control could not|could not establish the control"
    r"|(?:send|recv)_(?:data|omni|request|response|tcp|udp|sctp|dccp)[a-z_]{0,20}: ?[a-z]"
    r"|(?:udp|sctp|dccp|dg)_send: "
    r"|netperf: ?(?:send_|recv_|remote |data |cannot |could not |invalid |unable |option )"
    r"|resolve_host: |Netperf could not resolve |(?:connect|create)_data_socket: "
    r"|netserver: (?:cannot |could not |unable )|The test you requested )"
)
# Words at the start of a line that only this program prints, and words anywhere.
_STARTS = (
    ("neper", ("num_transactions=", "invalid_secret_count=", "num_flows=", "throughput_Mbps=")),
    ("ab", ("This is ApacheBench", "Requests per second:", "Concurrency Level:")),
    ("qperf", ("tcp_bw:", "tcp_lat:", "udp_lat:", "udp_bw:", "qperf ")),
    ("sockperf", ("sockperf:", "sockperf ")),
    ("oha", ("Success rate:",)),  # before the lines that it has in common with hey
    ("hey", ("Slowest:", "Response time histogram:")),
    ("bombardier", ("Bombarding ",)),
    ("fortio", ("Fortio ", "fortio ")),
    ("k6", ("http_req_", "k6 run ")),
    ("httperf", ("httperf ", "Total: connections ", "Connection rate: ")),
    ("wrk", ("Requests/sec:",)),
    ("siege", ("** SIEGE", "Transaction rate:", "Longest transaction:")),
    ("h2load", ("h2load ", "starting benchmark...")),
    ("iperf3", ("iperf3 ", "iperf3:", "Connecting to host ", 'sum_sent":')),
    ("iperf", ("iperf ", "[SUM] ", "[ ID] Interval", "[  ", "Client connecting to ")),
    ("uperf", ("uperf ", "Completed handshake phase", "TX command [UPERF_")),
    ("ethr", ("Ethr ", "ethr ")),
    ("flent", ("Started Flent ", "flent ", "Data file written to ")),
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
    ("uperf", (" uperf ",)),
    ("dperf", ("/dperf ",)),
    ("flent", (" flent ",)),
    ("memtier_benchmark", ("memtier_benchmark",)),
    ("nuttcp", (" %TX ",)),
    ("h2load", (" req/s, ",)),
    ("ping", (" icmp_seq=",)),
)
_NEPER_COMMANDS = frozenset(("tcp_rr", "tcp_crr", "tcp_stream", "udp_rr", "udp_stream"))


def error_in(text: str) -> Optional[str]:
    """netperf's own error line, without what stands before it."""
    if ":" not in text and "could not" not in text and "requested" not in text:
        return None
    found = _ERROR.search(text)
    return text[found.start() :].rstrip('"`') if found else None


def other_tool_in(text: str) -> Optional[str]:
    """The program, other than netperf, whose output or command this line is."""
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
