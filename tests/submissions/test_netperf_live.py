"""Real netperf, option by option, through the parser and the API: every printed figure comes back.

What was printed is found again here without the parser, by the place of a word in the text.
"""

import csv
import re
import shlex
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from django.test import Client

from crr_submit import netperf
from crr_submit.programs import Netserver

# Test, options, and the form of what is printed. Where the test knows better than -l 1, it counts
# transactions or bytes instead: `-l -N`.
COMMANDS = """
    TCP_CRR     -l -300                                                 : table
    TCP_CRR     -l -300 -c                                              : table
    TCP_CRR     -l -300 -c -C                                           : table
    TCP_CRR     -l -300 -v 0                                            : lone
    TCP_CRR     -l -300 -v 2                                            : table
    TCP_CRR     -l -300 -P 0                                            : quiet
    TCP_CRR     -l -300 -P 0 -v 0                                       : lone
    TCP_CRR     -l -300 -- -r 64,128                                    : table
    TCP_CRR     -l -300 -- -s 32768 -S 65536                            : table
    TCP_CRR     -l 1 -D 0.25                                            : table
    TCP_CRR     -l -300 -j -- -k all                                    : keyval
    TCP_CRR     -l -300 -- -k                                           : keyval
    TCP_CRR     -l -300 -- -o all                                       : csv
    TCP_CRR     -l -300 -- -o                                           : csv
    TCP_CRR     -l -300 -- -O all                                       : columns
    TCP_CRR     -l -300 -- -O                                           : columns
    TCP_CRR     -l -300 -f m -- -k all                                  : keyval
    TCP_CRR     -l 1 -j -- -k THROUGHPUT,THROUGHPUT_UNITS,P50_LATENCY   : keyval
    TCP_RR      -l -300                                                 : table
    TCP_RR      -l -300 -4                                              : table
    TCP_RR      -l -300 -c -C -P 0                                      : quiet
    TCP_RR      -l -300 -f m                                            : table
    TCP_RR      -l -300 -f k -c -C                                      : table
    TCP_RR      -l -300 -v 2 -c                                         : table
    TCP_RR      -l -300 -- -r 1,1024 -D                                 : table
    TCP_RR      -l 1 -- -b 8                                            : table
    TCP_RR      -l -300 -P 0 -- -k                                      : keyval
    TCP_RR      -l -300 -c -C -- -o                                     : csv
    TCP_RR      -l -300 -B brand                                        : table
    TCP_RR      -l 1 -i 3,2 -I 99,1                                     : table
    TCP_CC      -l -300                                                 : table
    TCP_CC      -l -300 -c -C                                           : table
    UDP_RR      -l 1                                                    : table
    UDP_RR      -l 1 -c -C                                              : table
    UDP_RR      -l 1 -j -- -k all                                       : keyval
    TCP_STREAM  -l -9000000                                             : table
    TCP_STREAM  -l -9000000 -f g                                        : table
    TCP_STREAM  -l -9000000 -f k                                        : table
    TCP_STREAM  -l -9000000 -f K                                        : table
    TCP_STREAM  -l -9000000 -f M -c -C                                  : table
    TCP_STREAM  -l -9000000 -f G -P 0                                   : quiet
    TCP_STREAM  -l -9000000 -P 0 -c                                     : quiet
    TCP_STREAM  -l -9000000 -v 2                                        : table
    TCP_STREAM  -l -9000000 -v 0                                        : lone
    TCP_STREAM  -l -9000000 -- -m 1024 -s 65536                         : table
    TCP_STREAM  -l -9000000 -- -o all                                   : csv
    TCP_STREAM  -l 1 -D 0.25 -- -k                                      : keyval
    TCP_MAERTS  -l 1                                                    : table
    TCP_MAERTS  -l 1 -c -C                                              : table
    TCP_MAERTS  -l 1 -- -O                                              : columns
    TCP_SENDFILE -l 1                                                   : table
    TCP_SENDFILE -l 1 -c                                                : table
    UDP_STREAM  -l 1 -- -m 1024                                         : datagram
    UDP_STREAM  -l 1 -c -C -- -m 1024                                   : datagram
    UDP_STREAM  -l 1 -P 0 -- -m 1024                                    : datagram
    UDP_STREAM  -l 1 -f k -- -k all                                     : keyval
    OMNI        -l 1 -- -T tcp -d send                                  : columns
    OMNI        -l 1 -P 0 -- -T udp -d rr -k all                        : keyval
"""
TOGETHER = 4  # netperfs at a time
FACTORS = {"g": 10**9, "m": 10**6, "k": 10**3, "G": 8 << 30, "M": 8 << 20, "K": 8 << 10}
NAMED_FACTORS = {
    "Trans/s": 1,
    **{f"10^{power}bits/s": 10**power for power in (0, 3, 6, 9)},
}
OMNI_TESTS = {"-T tcp -d send": "TCP_STREAM", "-T udp -d rr": "UDP_RR"}


@dataclass(frozen=True)
class Run:
    """One netperf: how it was called, what form was asked for, what it printed."""

    test: str
    options: str
    form: str
    text: str

    @property
    def is_rate_of_transactions(self) -> bool:
        return self.test.endswith(("RR", "CC")) and " -f " not in f" {self.options}"

    @property
    def factor(self) -> int:
        """Of the unit that -f asks for."""
        chosen = re.search(r"-f (\w)", self.options)
        return 1 if self.is_rate_of_transactions else FACTORS[chosen[1] if chosen else "m"]

    @property
    def rows(self) -> list[list[str]]:
        """Lines of numbers, which a brand may follow."""
        split = [line.removesuffix("brand ").split() for line in self.text.splitlines()]
        return [words for words in split if words and all(map(is_number, words))]

    @property
    def selectors(self) -> dict[str, str]:
        lines = [line for line in self.text.splitlines() if line]
        if self.form == "keyval":
            return dict(line.split("=", 1) for line in lines if re.match("[A-Z0-9_]+=", line))
        titles, values = list(csv.reader(lines[-2:]))
        return dict(zip(titles, values, strict=True))


def is_number(word: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", word) is not None


@pytest.fixture(scope="module")
def runs(netperf_path: str) -> Iterator[list[Run]]:
    netserver = str(Path(netperf_path).with_name("netserver"))
    lines = [line.split(":") for line in COMMANDS.strip().splitlines()]
    with Netserver(netserver) as server, ThreadPoolExecutor(TOGETHER) as pool:
        yield list(pool.map(lambda line: run(netperf_path, server, *line), lines))


def run(path: str, server: Netserver, command: str, form: str) -> Run:
    test, options = command.strip().split(maxsplit=1)
    words = [path, "-H", server.address, "-p", str(server.port), "-t", test, *shlex.split(options)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return Run(test, options.strip(), form.strip(), done.stdout)


def as_pasted(one: Run) -> str:
    """With the command above it, which -P 0 and -v 0 need to be understood."""
    return f"$ netperf -t {one.test} {one.options}\n{one.text}"


def printed_rate(one: Run) -> Decimal:
    """The rate in the result's unit, from its place in the text."""
    if one.form == "lone":
        return Decimal(one.rows[-1][0]) * one.factor
    if one.form in ("table", "quiet"):
        place = 5 if one.test.endswith(("RR", "CC")) else 4
        return Decimal(one.rows[0][place]) * one.factor
    if one.form == "datagram":
        return Decimal(one.rows[1][3]) * one.factor
    if one.form == "columns":
        words = one.text.split()
        place = next(n for n, word in enumerate(words) if word in NAMED_FACTORS)
        return Decimal(words[place - 1]) * NAMED_FACTORS[words[place]]
    names = ("THROUGHPUT", "THROUGHPUT_UNITS", "TRANSACTION_RATE")
    if one.form == "csv":
        names = ("Throughput", "Throughput Units", "Transaction Rate Tran/s")
    rate, unit, transactions = (one.selectors.get(name, "") for name in names)
    if one.test.endswith("RR") and unit != "Trans/s":
        return Decimal(transactions)
    if one.test == "UDP_STREAM":
        rate = one.selectors["REMOTE_RECV_THROUGHPUT"]
    return Decimal(rate) * NAMED_FACTORS[unit]


def test_each_of_the_forms_gives_the_printed_rate_and_no_more(runs: list[Run]) -> None:
    assert len(runs) >= 40
    for one in runs:
        report = netperf.parse(as_pasted(one))
        test = next((name for key, name in OMNI_TESTS.items() if key in one.options), one.test)
        if test == "TCP_STREAM" and one.form == "columns":
            test = "OMNI"  # its default columns tell neither protocol nor direction
        assert [(found.test, found.value) for found in report.results] == [
            (test, float(printed_rate(one)))
        ], (one, report)
        is_transactions = one.test.endswith(("RR", "CC")) or test.endswith("RR")
        has_bits = one.form == "table" and "-f" in one.options
        assert report.results[0].unit == (
            "trans/s" if is_transactions and not has_bits else "bit/s"
        ), one
        assert report.errors == (), one
        # The detail of -v 2 goes on for some lines below the table.
        assert report.unrecognised == () or "-v 2" in one.options, (one, report)


def test_times_sizes_and_cpu_are_those_of_the_table(runs: list[Run]) -> None:
    for one in (one for one in runs if one.form in ("table", "quiet")):
        result = netperf.parse(as_pasted(one)).results[0]
        row = one.rows[0]
        is_rr = one.test.endswith(("RR", "CC"))
        assert result.elapsed_time_s == float(row[4 if is_rr else 3]), one
        if is_rr:
            sizes = [result.local_send_socket_bytes, result.local_recv_socket_bytes]
            assert sizes == [int(row[0]), int(row[1])], one
            sizes = [result.request_size_bytes, result.response_size_bytes]
            assert sizes == [int(row[2]), int(row[3])], one
            sizes = [result.remote_send_socket_bytes, result.remote_recv_socket_bytes]
            assert sizes == [int(word) for word in one.rows[1]], one
        else:
            assert result.message_size_bytes == int(row[2]), one
        shown = [float(word) for word in row[6 if is_rr else 5 :]]
        cpu = [
            result.local_cpu_percent,
            result.remote_cpu_percent,
            result.local_service_demand_us,
            result.remote_service_demand_us,
        ]
        assert cpu == ([None if value < 0 else value for value in shown] or [None] * 4), one


def test_what_was_asked_for_is_in_the_result(runs: list[Run]) -> None:
    by_options = {one.options.strip(): netperf.parse(as_pasted(one)).results[0] for one in runs}
    sized = by_options["-l -300 -- -r 64,128"]
    assert (sized.request_size_bytes, sized.response_size_bytes) == (64, 128)
    latencies = by_options["-l -300 -j -- -k all"]
    assert latencies.p50_latency_us
    assert latencies.p99_latency_us
    assert latencies.mean_latency_us
    asked = by_options["-l 1 -i 3,2 -I 99,1"]
    assert asked.netperf_confidence_level == 99
    message = by_options["-l -9000000 -- -m 1024 -s 65536"]
    assert message.message_size_bytes == 1024


@pytest.mark.django_db
def test_the_api_answers_with_the_same_results(runs: list[Run], client: Client) -> None:
    for one in runs:
        text = as_pasted(one)
        answer = client.post("/api/v1/parse/", text, content_type="text/plain")
        expected = [result.as_dict() for result in netperf.parse(text).results]
        for result in expected:
            result.pop("line")
        found = answer.json()["results"]
        for result in found:
            result.pop("line", None)
        assert (answer.status_code, found) == (200, expected), one
