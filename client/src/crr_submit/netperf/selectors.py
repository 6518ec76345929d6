"""What netperf's omni output selectors mean: from printed words to fields of a result; and the
titles above columns.

Keyval output names a selector, CSV and aligned columns its title: facts from the output of
`netperf -t omni -- -o all` and `-k all`. Called by `omni` and by the registry's scrubber, which
must know netperf's own words.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

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
    """The test that the output itself names, by its command line or by protocol and direction."""
    words = values.get("COMMAND_LINE", "").strip('"').split()
    if words and words[0].rsplit("/", 1)[-1] == "netperf":
        test = naming.options(words[1:]).test
        if test != tables.OMNI:
            return test
    return _DIRECTIONS.get((values.get("PROTOCOL", ""), values.get("DIRECTION", "")))


def fields(values: Mapping[str, str], test: str, assumed: Optional[numbers.Unit]) -> Dict[str, Any]:
    """Fields of a result from one output's selectors; `value` is missing when rate or unit are.

    `assumed` is the unit to take where the output prints none.
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
    # With -f, THROUGHPUT of a request/response test counts bits. Tests of other kinds print 1.000
    # as their transaction rate.
    if (
        transactions
        and tables.kind_of(test) == tables.RR
        and (unit is None or is_bulk or "THROUGHPUT" not in values)
    ):
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


# Selector of each title that netperf 2.5 to 2.7 print above a column.
TITLES = {
    "Throughput": "THROUGHPUT",
    "Throughput Units": "THROUGHPUT_UNITS",
    "Elapsed Time (sec)": "ELAPSED_TIME",
    "Socket Type": "SOCKET_TYPE",
    "Protocol": "PROTOCOL",
    "Direction": "DIRECTION",
    "Local Send Socket Size Requested": "LSS_SIZE_REQ",
    "Local Send Socket Size Initial": "LSS_SIZE",
    "Local Send Socket Size Final": "LSS_SIZE_END",
    "Local Recv Socket Size Requested": "LSR_SIZE_REQ",
    "Local Recv Socket Size Initial": "LSR_SIZE",
    "Local Recv Socket Size Final": "LSR_SIZE_END",
    "Remote Send Socket Size Requested": "RSS_SIZE_REQ",
    "Remote Send Socket Size Initial": "RSS_SIZE",
    "Remote Send Socket Size Final": "RSS_SIZE_END",
    "Remote Recv Socket Size Requested": "RSR_SIZE_REQ",
    "Remote Recv Socket Size Initial": "RSR_SIZE",
    "Remote Recv Socket Size Final": "RSR_SIZE_END",
    "Local Send Size": "LOCAL_SEND_SIZE",
    "Local Recv Size": "LOCAL_RECV_SIZE",
    "Remote Send Size": "REMOTE_SEND_SIZE",
    "Remote Recv Size": "REMOTE_RECV_SIZE",
    "Request Size Bytes": "REQUEST_SIZE",
    "Response Size Bytes": "RESPONSE_SIZE",
    "Local CPU Util %": "LOCAL_CPU_UTIL",
    "Remote CPU Util %": "REMOTE_CPU_UTIL",
    "Local CPU Util Method": "LOCAL_CPU_METHOD",
    "Remote CPU Util Method": "REMOTE_CPU_METHOD",
    "Local Service Demand": "LOCAL_SD",
    "Remote Service Demand": "REMOTE_SD",
    "Service Demand Units": "SD_UNITS",
    "Confidence Level Percent": "CONFIDENCE_LEVEL",
    "Confidence Width Target": "CONFIDENCE_INTERVAL",
    "Confidence Iterations Run": "CONFIDENCE_ITERATION",
    "Throughput Confidence Width (%)": "THROUGHPUT_CONFID",
    "Local CPU Confidence Width (%)": "LOCAL_CPU_CONFID",
    "Remote CPU Confidence Width (%)": "REMOTE_CPU_CONFID",
    "Transaction Rate Tran/s": "TRANSACTION_RATE",
    "Round Trip Latency usec/tran": "RT_LATENCY",
    "Initial Burst Requests": "BURST_SIZE",
    "Local Transport Retransmissions": "LOCAL_TRANSPORT_RETRANS",
    "Remote Transport Retransmissions": "REMOTE_TRANSPORT_RETRANS",
    "Transport MSS bytes": "TRANSPORT_MSS",
    "Local Send Throughput": "LOCAL_SEND_THROUGHPUT",
    "Local Recv Throughput": "LOCAL_RECV_THROUGHPUT",
    "Remote Send Throughput": "REMOTE_SEND_THROUGHPUT",
    "Remote Recv Throughput": "REMOTE_RECV_THROUGHPUT",
    "Minimum Latency Microseconds": "MIN_LATENCY",
    "Maximum Latency Microseconds": "MAX_LATENCY",
    "50th Percentile Latency Microseconds": "P50_LATENCY",
    "90th Percentile Latency Microseconds": "P90_LATENCY",
    "99th Percentile Latency Microseconds": "P99_LATENCY",
    "Mean Latency Microseconds": "MEAN_LATENCY",
    "Stddev Latency Microseconds": "STDDEV_LATENCY",
    "Source Port": "SOURCE_PORT",
    "Source Address": "SOURCE_ADDR",
    "Source Family": "SOURCE_FAMILY",
    "Destination Port": "DEST_PORT",
    "Destination Address": "DEST_ADDR",
    "Destination Family": "DEST_FAMILY",
    "Result Tag": "RESULT_BRAND",
    "Test UUID": "UUID",
    "Command Line": "COMMAND_LINE",
}
# Those that each side has, after "Local" and "Remote".
_BOTH_SIDES = {
    "CPU User %": "CPU_PERCENT_USER",
    "CPU System %": "CPU_PERCENT_SYSTEM",
    "CPU I/O %": "CPU_PERCENT_IOWAIT",
    "CPU IRQ %": "CPU_PERCENT_IRQ",
    "CPU swintr %": "CPU_PERCENT_SWINTR",
    "CPU Bind": "CPU_BIND",
    "CPU Count": "CPU_COUNT",
    "Peak Per CPU Util %": "CPU_PEAK_UTIL",
    "Peak Per CPU ID": "CPU_PEAK_ID",
    "CPU Model": "CPU_MODEL",
    "CPU Frequency MHz": "CPU_FREQUENCY",
    "Send Calls": "SEND_CALLS",
    "Recv Calls": "RECV_CALLS",
    "Bytes Per Recv": "BYTES_PER_RECV",
    "Bytes Per Send": "BYTES_PER_SEND",
    "Bytes Sent": "BYTES_SENT",
    "Bytes Received": "BYTES_RECVD",
    "Bytes Xferred": "BYTES_XFERD",
    "Send Offset": "SEND_OFFSET",
    "Recv Offset": "RECV_OFFSET",
    "Send Alignment": "SEND_ALIGN",
    "Recv Alignment": "RECV_ALIGN",
    "Send Width": "SEND_WIDTH",
    "Recv Width": "RECV_WIDTH",
    "Send Dirty Count": "SEND_DIRTY_COUNT",
    "Recv Dirty Count": "RECV_DIRTY_COUNT",
    "Recv Clean Count": "RECV_CLEAN_COUNT",
    "NODELAY": "NODELAY",
    "Cork": "CORK",
    "Sysname": "SYSNAME",
    "System Model": "SYSTEM_MODEL",
    "Release": "RELEASE",
    "Version": "VERSION",
    "Machine": "MACHINE",
    "Interface Name": "INTERFACE_NAME",
    "Interface Vendor": "INTERFACE_VENDOR",
    "Interface Device": "INTERFACE_DEVICE",
    "Interface Subvendor": "INTERFACE_SUBVENDOR",
    "Interface Subdevice": "INTERFACE_SUBDEVICE",
    "Driver Name": "DRIVER_NAME",
    "Driver Version": "DRIVER_VERSION",
    "Driver Firmware": "DRIVER_FIRMWARE",
    "Driver Bus": "DRIVER_BUS",
    "Interface Slot": "INTERFACE_SLOT",
    "Interval Usecs": "INTERVAL_USECS",
    "Interval Burst": "INTERVAL_BURST",
    "OS Security Type ID": "SECURITY_TYPE_ID",
    "OS Security Type": "SECURITY_TYPE",
    "OS Security Enabled Num": "SECURITY_ENABLED_NUM",
    "OS Security Enabled": "SECURITY_ENABLED",
    "OS Security Specific": "SECURITY_SPECIFIC",
    "Socket Priority": "SOCKET_PRIO",
    "Socket TOS": "SOCKET_TOS",
    "Congestion Control Algorithm": "CONG_CONTROL",
    "Fill File": "FILL_FILE",
}
for _title, _selector in _BOTH_SIDES.items():
    TITLES["Local " + _title] = "LOCAL_" + _selector
    TITLES["Remote " + _title] = "REMOTE_" + _selector

SELECTORS = frozenset(TITLES.values())
