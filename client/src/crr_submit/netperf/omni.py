"""Reads omni output, line by line: keyval lines, CSV, aligned columns; and what its selectors mean,
with their titles above columns: facts from the output of `netperf -t omni -- -o all` and `-k all`.
The registry's scrubber asks here for netperf's words.
"""

import re
from collections import Counter
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from crr_submit.fields import RESULT, STREAM_UNIT, TRANSACTION_UNIT
from crr_submit.netperf import tables
from crr_submit.netperf.findings import Context, Findings
from crr_submit.netperf.naming import Naming, options

# Titles that netperf 2.5 to 2.7 print above columns, with selectors that are not these in capitals.
_TITLES = """
    Throughput; Throughput Units; Elapsed Time (sec)=ELAPSED_TIME; Socket Type; Protocol; Direction;
    Request Size Bytes=REQUEST_SIZE; Response Size Bytes=RESPONSE_SIZE;
    Service Demand Units=SD_UNITS; Confidence Level Percent=CONFIDENCE_LEVEL;
    Confidence Width Target=CONFIDENCE_INTERVAL; Confidence Iterations Run=CONFIDENCE_ITERATION;
    Throughput Confidence Width (%)=THROUGHPUT_CONFID; Transaction Rate Tran/s=TRANSACTION_RATE;
    Round Trip Latency usec/tran=RT_LATENCY; Initial Burst Requests=BURST_SIZE;
    Transport MSS bytes=TRANSPORT_MSS; Minimum Latency Microseconds=MIN_LATENCY;
    Maximum Latency Microseconds=MAX_LATENCY; 50th Percentile Latency Microseconds=P50_LATENCY;
    90th Percentile Latency Microseconds=P90_LATENCY;
    99th Percentile Latency Microseconds=P99_LATENCY; Mean Latency Microseconds=MEAN_LATENCY;
    Stddev Latency Microseconds=STDDEV_LATENCY; Source Port; Source Address=SOURCE_ADDR;
    Source Family; Destination Port=DEST_PORT; Destination Address=DEST_ADDR;
    Destination Family=DEST_FAMILY; Result Tag=RESULT_BRAND; Test UUID=UUID; Command Line
"""
# Those that each side has, after "Local" and "Remote".
_OF_A_SIDE = """
    Send Size; Recv Size; CPU Util %=CPU_UTIL; CPU Util Method=CPU_METHOD; Service Demand=SD;
    CPU Confidence Width (%)=CPU_CONFID; Transport Retransmissions=TRANSPORT_RETRANS;
    Send Throughput; Recv Throughput; CPU User %=CPU_PERCENT_USER; CPU System %=CPU_PERCENT_SYSTEM;
    CPU I/O %=CPU_PERCENT_IOWAIT; CPU IRQ %=CPU_PERCENT_IRQ; CPU swintr %=CPU_PERCENT_SWINTR;
    CPU Bind; CPU Count; Peak Per CPU Util %=CPU_PEAK_UTIL; Peak Per CPU ID=CPU_PEAK_ID; CPU Model;
    CPU Frequency MHz=CPU_FREQUENCY; Send Calls; Recv Calls; Bytes Per Recv; Bytes Per Send;
    Bytes Sent; Bytes Received=BYTES_RECVD; Bytes Xferred=BYTES_XFERD; Send Offset; Recv Offset;
    Send Alignment=SEND_ALIGN; Recv Alignment=RECV_ALIGN; Send Width; Recv Width; Send Dirty Count;
    Recv Dirty Count; Recv Clean Count; NODELAY; Cork; Sysname; System Model; Release; Version;
    Machine; Interface Name; Interface Vendor; Interface Device; Interface Subvendor;
    Interface Subdevice; Driver Name; Driver Version; Driver Firmware; Driver Bus; Interface Slot;
    Interval Usecs; Interval Burst; OS Security Type ID=SECURITY_TYPE_ID;
    OS Security Type=SECURITY_TYPE; OS Security Enabled Num=SECURITY_ENABLED_NUM;
    OS Security Enabled=SECURITY_ENABLED; OS Security Specific=SECURITY_SPECIFIC;
    Socket Priority=SOCKET_PRIO; Socket TOS; Congestion Control Algorithm=CONG_CONTROL; Fill File
"""
_SOCKET_SIZES = {"Requested": "_REQ", "Initial": "", "Final": "_END"}


def _table(text: str) -> Dict[str, str]:
    entries = (entry.strip().partition("=") for entry in text.split(";"))
    return {title: name or title.upper().replace(" ", "_") for title, _, name in entries}


def _of_sides() -> Iterator[Tuple[str, str]]:
    for side in ("Local", "Remote"):
        for title, name in _table(_OF_A_SIDE).items():
            yield "%s %s" % (side, title), "%s_%s" % (side.upper(), name)
        for way in ("Send", "Recv"):
            for which, end in _SOCKET_SIZES.items():
                title = "%s %s Socket Size %s" % (side, way, which)
                yield title, "%sS%s_SIZE%s" % (side[0], way[0], end)


TITLES = {**_table(_TITLES), **dict(_of_sides())}
SELECTORS = frozenset(TITLES.values())

_PLACED = ("value", "unit", "sent_value", "message_size_bytes", "netperf_confidence_level")
_SIMPLE = tuple(
    (field.path, tables.size if field.type == "integer" else tables.measure, field.selectors)
    for field in RESULT
    if field.selectors and field.path not in _PLACED
)
# What omni calls the tests that have a name of their own: protocol, and who sends.
_DIRECTIONS = {
    (protocol, direction): "%s_%s" % (protocol, end)
    for protocol in ("TCP", "SCTP", "DCCP")
    for direction, end in (
        ("Connect|Send|Recv", "CRR"),
        ("Send|Recv", "RR"),
        ("Send", "STREAM"),
        ("Recv", "MAERTS"),
    )
}
_DIRECTIONS.update({("UDP", "Send|Recv"): "UDP_RR", ("UDP", "Send"): "UDP_STREAM"})

_KEYVAL = re.compile(r"([A-Z][A-Z0-9_]{2,40}) ?=(.*)")
_NEXT_KEY = re.compile(r"[ ;,](?=([A-Z][A-Z0-9_]{2,40})=)")
_AROUND = " ,;"
_QUOTING = re.compile(r"[\s>|\"'`]*")
_HEADING_LINES = 12  # at most

# Scripts put selectors above the rows.
_BY_TITLE = {selector.lower(): selector for selector in TITLES.values()}
_BY_TITLE.update((title.lower(), selector) for title, selector in TITLES.items())
_BY_TITLE["elapsed time"] = "ELAPSED_TIME"
_TITLE_WORDS = frozenset(("(bytes) " + " ".join(TITLES)).lower().split())
_TEST = "TEST"  # no selector: a test's name that a script put into the row
_SEPARATORS = ",;|"
_RULE = frozenset("-:| ")  # below the heading of a table in Markdown
_CELL = re.compile(r'(?:^|,)("[^"]*(?:"|$)|[^,"]*)')
_WORD = re.compile(r"\S+")


class _Output:
    """The selectors of one run, which netperf may print in several blocks: `-o "a,b;c,d"`."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings, self._naming = findings, naming
        self._line, self._text = 0, ""
        self._named: Optional[Context] = None
        self._values: Dict[str, str] = {}

    @property
    def is_open(self) -> bool:
        return bool(self._values)

    @property
    def is_whole(self) -> bool:
        return "THROUGHPUT" in self._values and "THROUGHPUT_UNITS" in self._values

    def take(self, line: int, text: str, values: Dict[str, str], is_next_row: bool) -> None:
        """Values of this run, or of the next one where one of them was there before: of the same
        test where `is_next_row` under the same heading.
        """
        named = self._named
        if not self._values.keys().isdisjoint(values):
            self.finish()
            self._named = named if is_next_row else None
        if not self._values:
            self._line, self._text = line, text
            self._named = self._named or self._naming.claim()
        self._values.update(values)

    def take_untitled(self, line: int, text: str, cells: List[str]) -> bool:
        """A row below -P 0: the command has the titles."""
        names = self._naming.titles
        values = dict(zip(names, cells))
        is_row = len(names) == len(cells) > 1 and len(values) == len(names)
        if not is_row or not SELECTORS.issuperset(names) or not _has_rate(values):
            return False
        self.finish()
        self.take(line, text, values, is_next_row=False)
        return True

    def finish(self) -> None:
        if self._values:
            self._add(self._named)
        self._named, self._values = None, {}

    def _add(self, named: Optional[Context]) -> None:
        if named is None or named.test is None:
            self._findings.leave(self._line, self._text, "output whose test is in doubt")
            return
        test, own = named.test, self._values.pop(_TEST, named.test)
        if test == tables.OMNI:
            test = own
        elif own != test:
            self._findings.leave(self._line, self._text, "a row that names another test")
            return
        if named.direction:
            self._values.setdefault("DIRECTION", named.direction)
        if test == tables.OMNI:
            test = _test_name(self._values) or test
        assumed = tables.default_unit(test) if named.units_chosen is False else None
        read = _fields(self._values, test, assumed)
        if read.get("value") is None:
            self._findings.leave(self._line, self._text, "output without a rate and its unit")
        else:
            self._findings.add(self._line, named, read, test)


class KeyValues:
    """Lines of `KEY=value`, one key or several. A key that comes again starts the next run."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._output = _Output(findings, naming)

    def finish(self) -> None:
        self._output.finish()

    @property
    def is_open(self) -> bool:
        return self._output.is_open

    def take(self, number: int, text: str) -> bool:
        values = _pairs(text)
        if not values:
            return values is not None and self.is_open
        self._output.take(number, text, values, is_next_row=True)
        return True

    def end_block(self) -> None:
        """Another line came: what follows it is another run."""
        if self._output.is_whole:
            self.finish()


def _pairs(text: str) -> Optional[Dict[str, str]]:
    first = _KEYVAL.fullmatch(text)
    if first is None:
        return None
    if text.count("=") == 1:
        return {first[1]: first[2].strip(_AROUND)} if first[1] in SELECTORS else {}
    ends = [found for found in _NEXT_KEY.finditer(text) if found[1] in SELECTORS]
    starts = [0] + [found.end() for found in ends]
    stops = [found.start() for found in ends] + [len(text)]
    pairs = [text[start:stop].split("=", 1) for start, stop in zip(starts, stops)]
    return {key: value.strip(_AROUND) for key, value in pairs if key in SELECTORS}


class Csv:
    """A heading of titles, perhaps broken over lines, and rows below it."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings = findings
        self._output = _Output(findings, naming)
        self._close()

    def _close(self) -> None:
        self._line = 0
        self._heading: List[str] = []
        self._names: List[Optional[str]] = []
        self._separator = ""
        self._has_rows = False

    def end_heading(self) -> None:
        if self._heading and not self._has_rows:
            self._findings.leave(self._line, self._heading[0])
        self._close()

    def finish(self) -> None:
        self.end_heading()
        self._output.finish()

    def take_start(self, number: int, text: str) -> bool:
        """Titles with signs between, two of them known, so that no prose is taken for them."""
        if " -" in text:  # a command's options
            return False
        separator = next((sign for sign in _SEPARATORS if _are_titles(text, sign)), "")
        if not separator or not (self._has_rows or not self._goes_on(text)):
            return False
        self.end_heading()
        self._line, self._heading, self._separator = number, [text], separator
        return True

    def _goes_on(self, text: str) -> bool:
        """A line broken off a heading, within a title."""
        if not self._heading:
            return False
        last = _cells(self._heading[-1], self._separator)[-1]
        first = _cells(text, self._separator)[0]
        return last.lower() not in _BY_TITLE or first.lower() not in _BY_TITLE

    def take(self, number: int, text: str) -> bool:
        if not self._heading:
            return self._output.take_untitled(number, text, _cells(text, ","))
        if _RULE.issuperset(text):
            return True
        cells = _cells(text, self._separator)
        if len(cells) < 2 or not any(map(tables.is_number, cells)):
            self._heading.append(text)
            if self._has_rows or len(self._heading) > _HEADING_LINES:
                self.end_heading()
            return False
        if not self._has_rows:
            self._names = _names(_cells(" ".join(self._heading), self._separator))
        if len(self._names) != len(cells):
            self._findings.leave(number, text, "a row that does not fit the titles above it")
            self._has_rows = True
            self.end_heading()
            return True
        values = {name: cell for name, cell in zip(self._names, cells) if name}
        for name, cell in zip(self._names, cells):
            if name is None and cell.upper() in tables.TESTS:
                values[_TEST] = cell.upper()
        self._output.take(number, text, values, is_next_row=self._has_rows)
        self._has_rows = True
        return True


def _aligned(line: str) -> str:
    """A line whose quoting is spaces, as many, since columns are told by their places."""
    line = line.expandtabs()
    quoting = _QUOTING.match(line)
    start = quoting.end() if quoting else 0
    return " " * start + line[start:].rstrip(" ,|}]\"'`\\")


class Columns:
    """Lines of stacked words, a title each column, and aligned rows."""

    def __init__(self, findings: Findings, naming: Naming) -> None:
        self._findings = findings
        self._output = _Output(findings, naming)
        self.end_heading()

    def end_heading(self) -> None:
        self._heading: List[str] = []
        self._has_rows = False

    def finish(self) -> None:
        self.end_heading()
        self._output.finish()

    @property
    def is_open(self) -> bool:
        return bool(self._heading)

    def take(self, number: int, words: List[str], line: str) -> bool:
        aligned = _aligned(line)
        if _is_stacked_heading(words):
            if self._has_rows or len(self._heading) >= _HEADING_LINES:
                self.end_heading()
            self._heading.append(aligned)
            return True
        if not self._heading:
            return self._output.take_untitled(number, line, words)
        has_number = any(map(tables.is_number, words))
        values = _read_columns(self._heading, aligned) or _read_words(self._heading, words)
        if values is None or not has_number:
            if has_number:
                self._findings.leave(number, line)
            self.end_heading()
            return False
        self._output.take(number, line, values, is_next_row=self._has_rows)
        self._has_rows = True
        return True


def _are_titles(text: str, separator: str) -> bool:
    if separator not in text:
        return False
    return sum(cell.lower() in _BY_TITLE for cell in _cells(text, separator)) > 1


def _names(titles: List[str]) -> List[Optional[str]]:
    """netperf has one title for two selectors: which is which, is not said."""
    names = [_BY_TITLE.get(title.lower()) for title in titles]
    times = Counter(names)
    return [name if times[name] == 1 else None for name in names]


def _cells(text: str, separator: str) -> List[str]:
    cells = text.split(separator)
    if '"' in text and separator == ",":
        # The quotation mark at the start is gone with what else surrounds a line.
        cells = _CELL.findall('"' + text if cells[0].count('"') == 1 else text)
    return [" ".join(cell.strip('"').split()) for cell in cells]


def _is_stacked_heading(words: List[str]) -> bool:
    return bool(words) and all(word.lower() in _TITLE_WORDS for word in words)


def _read_columns(heading: List[str], row: str) -> Optional[Dict[str, str]]:
    """Selectors of an aligned row; None unless titles are known and all cells in their places. The
    first line of a heading has one word a column, so it tells where columns start.
    """
    starts = [found.start() for found in _WORD.finditer(heading[0])]
    if not starts or len(starts) > len(TITLES):
        return None
    lines = [_cut(line, starts) for line in heading]
    cells, words = _cut(row, starts), row.split()
    if cells is None and len(words) == len(starts):
        cells = words  # another word is in a cell, or spaces are out
    if None in lines or cells is None:
        return None
    stacks = zip(*(line for line in lines if line is not None))
    titles = [" ".join(" ".join(stack).split()) for stack in stacks]
    names = _names(titles)
    is_known = all(title.lower() in _BY_TITLE for title in titles)
    if not (is_known or "THROUGHPUT" in names):
        return None
    return {name: cell.strip() for name, cell in zip(names, cells) if name and cell.strip()}


def _read_words(heading: List[str], cells: List[str]) -> Optional[Dict[str, str]]:
    """As above, where spaces were lost: a column has the longest title whose words come next."""
    lines = [line.lower().split() for line in heading]
    values = {}
    for cell in cells if len(cells) == len(lines[0]) else ():
        stack = [line[0] if line else "" for line in lines]
        fits = [n for n in range(1, len(stack) + 1) if " ".join(stack[:n]) in _BY_TITLE]
        if fits and tables.is_number(cell) and stack[1:2] == ["units"]:
            fits.remove(2)
        if not fits:
            return None
        name = _BY_TITLE[" ".join(stack[: fits[-1]])]
        if name in values:
            return None
        values[name] = cell
        for line in lines[: fits[-1]]:
            del line[0]
    return None if any(lines) else values


def _cut(line: str, starts: List[int]) -> Optional[List[str]]:
    ends = [*starts[1:], max(len(line), starts[-1])]
    cells = [line[start:end] for start, end in zip(starts, ends)]
    is_aligned = not line[: starts[0]].strip() and all(
        (line[start - 1 : start] in ("", " ") and not cell[:1].isspace()) or not cell.strip()
        for start, cell in zip(starts, cells)
    )
    return cells if is_aligned else None


def _test_name(values: Mapping[str, str]) -> Optional[str]:
    """The test that the output names by its command line or by protocol and direction."""
    words = values.get("COMMAND_LINE", "").strip('"').split()
    if words and words[0].rsplit("/", 1)[-1] == "netperf":
        test = options(words[1:]).test
        if test != tables.OMNI:
            return test
    return _DIRECTIONS.get((values.get("PROTOCOL", ""), values.get("DIRECTION", "")))


def _fields(values: Mapping[str, str], test: str, assumed: Optional[tables.Unit]) -> Dict[str, Any]:
    """Fields of a result; `value` is missing when rate or unit are. `assumed` is the unit where the
    output prints none.
    """
    read: Dict[str, Any] = {}
    for path, convert, names in _SIMPLE:
        for name in names:
            reading = convert(values[name]) if name in values else None
            if reading is not None:
                read[path] = reading
                break
    read.update(_rate(values, test, assumed))
    # Omni prints a size of 0 for the direction that does not send.
    is_reversed = test.endswith("MAERTS")
    sent = values.get("REMOTE_SEND_SIZE" if is_reversed else "LOCAL_SEND_SIZE", "")
    if tables.kind_of(test) != tables.RR and read.get("unit") != TRANSACTION_UNIT:
        read["message_size_bytes"] = tables.size(sent) or None
    # And a level of 0 when no confidence was asked for.
    read["netperf_confidence_level"] = tables.measure(values.get("CONFIDENCE_LEVEL", "")) or None
    return read


def _has_rate(values: Mapping[str, str]) -> bool:
    """Of a row without titles: a rate and its unit, or figures alone."""
    if "THROUGHPUT_UNITS" in values:
        is_figure = tables.read_unit(values["THROUGHPUT_UNITS"]) is not None
        return is_figure and tables.is_number(values.get("THROUGHPUT", ""))
    return "THROUGHPUT" in values and tables.are_numbers(list(values.values()))


def _rate(values: Mapping[str, str], test: str, assumed: Optional[tables.Unit]) -> Dict[str, Any]:
    unit = tables.read_unit(values.get("THROUGHPUT_UNITS", "")) or assumed
    if "THROUGHPUT_UNITS" in values and tables.read_unit(values["THROUGHPUT_UNITS"]) is None:
        unit = None
    is_bulk = unit is not None and unit.name == STREAM_UNIT
    transactions = values.get("TRANSACTION_RATE")
    # With -f, THROUGHPUT of an answered test counts bits; others print 1.000 as TRANSACTION_RATE.
    is_answered = tables.kind_of(test) == tables.RR or "|" in values.get("DIRECTION", "")
    if transactions and is_answered and (unit is None or is_bulk or "THROUGHPUT" not in values):
        return {"value": tables.rate(transactions, tables.TRANSACTIONS), "unit": TRANSACTION_UNIT}
    if unit is None or "THROUGHPUT" not in values:
        return {}
    if not is_bulk and tables.kind_of(test) in (tables.BULK, tables.DATAGRAM):
        return {}
    rate = {"value": tables.rate(values["THROUGHPUT"], unit), "unit": unit.name}
    if tables.kind_of(test) == tables.DATAGRAM:
        rate["sent_value"] = tables.rate(values.get("LOCAL_SEND_THROUGHPUT", ""), unit)
        received = tables.rate(values.get("REMOTE_RECV_THROUGHPUT", ""), unit)
        rate["value"] = rate["value"] if received is None else received
    return rate
