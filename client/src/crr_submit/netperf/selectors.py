"""What netperf's omni output selectors mean, and their titles above columns: facts from the output
of `netperf -t omni -- -o all` and `-k all`. The registry's scrubber asks here for netperf's words.
"""

from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from crr_submit.fields import RESULT, STREAM_UNIT, TRANSACTION_UNIT
from crr_submit.netperf import naming, numbers, tables

_PLACED = ("value", "unit", "sent_value", "message_size_bytes", "netperf_confidence_level")
_SIMPLE = tuple(
    (field.path, numbers.size if field.type == "integer" else numbers.measure, field.selectors)
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


def test_name(values: Mapping[str, str]) -> Optional[str]:
    """The test that the output names by its command line or by protocol and direction."""
    words = values.get("COMMAND_LINE", "").strip('"').split()
    if words and words[0].rsplit("/", 1)[-1] == "netperf":
        test = naming.options(words[1:]).test
        if test != tables.OMNI:
            return test
    return _DIRECTIONS.get((values.get("PROTOCOL", ""), values.get("DIRECTION", "")))


def fields(values: Mapping[str, str], test: str, assumed: Optional[numbers.Unit]) -> Dict[str, Any]:
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
        read["message_size_bytes"] = numbers.size(sent) or None
    # And a level of 0 when no confidence was asked for.
    read["netperf_confidence_level"] = numbers.measure(values.get("CONFIDENCE_LEVEL", "")) or None
    return read


def _rate(values: Mapping[str, str], test: str, assumed: Optional[numbers.Unit]) -> Dict[str, Any]:
    unit = numbers.read_unit(values.get("THROUGHPUT_UNITS", "")) or assumed
    if "THROUGHPUT_UNITS" in values and numbers.read_unit(values["THROUGHPUT_UNITS"]) is None:
        unit = None
    is_bulk = unit is not None and unit.name == STREAM_UNIT
    transactions = values.get("TRANSACTION_RATE")
    # With -f, THROUGHPUT of an answered test counts bits; others print 1.000 as TRANSACTION_RATE.
    is_answered = tables.kind_of(test) == tables.RR or "|" in values.get("DIRECTION", "")
    if transactions and is_answered and (unit is None or is_bulk or "THROUGHPUT" not in values):
        return {"value": numbers.rate(transactions, numbers.TRANSACTIONS), "unit": TRANSACTION_UNIT}
    if unit is None or "THROUGHPUT" not in values:
        return {}
    if not is_bulk and tables.kind_of(test) in (tables.BULK, tables.DATAGRAM):
        return {}
    rate = {"value": numbers.rate(values["THROUGHPUT"], unit), "unit": unit.name}
    if tables.kind_of(test) == tables.DATAGRAM:
        rate["sent_value"] = numbers.rate(values.get("LOCAL_SEND_THROUGHPUT", ""), unit)
        received = numbers.rate(values.get("REMOTE_RECV_THROUGHPUT", ""), unit)
        rate["value"] = rate["value"] if received is None else received
    return rate


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
