"""What netperf's omni output selectors mean: from their printed words to the fields of a result.

Keyval output names a selector, CSV and aligned columns its title. Called by `omni`.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional

from crr_submit.fields import RESULT, STREAM_UNIT, TRANSACTION_UNIT
from crr_submit.netperf import command, kinds, numbers

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
        test = command.options(words[1:]).test
        if test != kinds.OMNI:
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
    if kinds.kind_of(test) != kinds.RR and read.get("unit") != TRANSACTION_UNIT:
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
        and kinds.kind_of(test) == kinds.RR
        and (unit is None or is_bulk or "THROUGHPUT" not in values)
    ):
        return {"value": numbers.rate(transactions, numbers.TRANSACTIONS), "unit": TRANSACTION_UNIT}
    if unit is None or "THROUGHPUT" not in values:
        return {}
    if not is_bulk and kinds.kind_of(test) in (kinds.BULK, kinds.DATAGRAM):
        return {}
    rate = {"value": numbers.rate(values["THROUGHPUT"], unit), "unit": unit.name}
    if kinds.kind_of(test) == kinds.DATAGRAM:
        rate["sent_value"] = numbers.rate(values.get("LOCAL_SEND_THROUGHPUT", ""), unit)
        received = numbers.rate(values.get("REMOTE_RECV_THROUGHPUT", ""), unit)
        rate["value"] = rate["value"] if received is None else received
    return rate
