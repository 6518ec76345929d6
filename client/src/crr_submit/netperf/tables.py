"""What netperf prints, as facts from the sources of netperf 2.1 to 2.7: its tests, the titles of
their banners, the classic tables, numbers and units, exact to the printed digits; and what streams
that ran together gave, from their interim results (`-D` with `-k`).

Only the last line of a heading is needed: no two kinds share it.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Dict, List, Optional, Sequence, Tuple

from crr_submit.fields import STREAM_UNIT, TRANSACTION_UNIT, VALUE_LIMIT

# int() and float() would take other digits, "1_000", "nan" and any length.
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?")
_INTEGER = re.compile(r"[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,9}")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3}){1,4}(?:\.[0-9]{1,9})?")
_DECIMAL_BITS = re.compile(r"10\^([0-9]{1,2})bits")

# Capital letters of -f are powers of 1024 and count bytes; small ones powers of 10 and bits.
_BYTES = {"Bytes": 8, "KBytes": 8 << 10, "MBytes": 8 << 20, "GBytes": 8 << 30}
_LETTERS = {
    "g": "10^9bits/s",
    "m": "10^6bits/s",
    "k": "10^3bits/s",
    "G": "GBytes/s",
    "M": "MBytes/s",
    "K": "KBytes/s",
}
_TRANSACTIONS = {"Trans", "Tran", "trans"}


@dataclass(frozen=True)
class Unit:
    """A unit of results, and how many of it one printed unit is."""

    name: str
    factor: int


TRANSACTIONS = Unit(TRANSACTION_UNIT, 1)


def read_unit(word: str) -> Optional[Unit]:
    """Of `10^6bits/s`, `MBytes/sec`, `Trans/s`; None when netperf prints none such."""
    name, _, second = word.partition("/")
    if second not in ("s", "sec"):
        return None
    if name in _TRANSACTIONS:
        return TRANSACTIONS
    if name in _BYTES:
        return Unit(STREAM_UNIT, _BYTES[name])
    bits = _DECIMAL_BITS.fullmatch(name)
    return Unit(STREAM_UNIT, 10 ** int(bits[1])) if bits else None


def unit_of_letter(letter: str) -> Optional[Unit]:
    return read_unit(_LETTERS.get(letter, ""))


def is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None


def are_numbers(words: List[str]) -> bool:
    return bool(words) and all(is_number(word) for word in words)


def ungrouped(word: str) -> str:
    """12507.44 of 12,507.44."""
    return word.replace(",", "") if _GROUPED.fullmatch(word) else word


def is_integer(word: str) -> bool:
    return _INTEGER.fullmatch(word) is not None


def rate(word: str, unit: Unit) -> Optional[float]:
    """A printed rate in the result's unit; None when it is no possible one."""
    if not is_number(word):
        return None
    value = float(Decimal(word) * unit.factor)
    return value if 0 <= value < VALUE_LIMIT else None


def measure(word: str) -> Optional[float]:
    """None for netperf's -1, which stands for "not measured"."""
    if not is_number(word) or word.startswith("-"):
        return None
    return float(word)


def size(word: str) -> Optional[int]:
    return int(word) if is_integer(word) else None


OMNI = "OMNI"
RR, BULK, DATAGRAM = "request/response", "bulk", "datagram"

# What netperf takes after -t, before and after the first "_".
_TESTS = {
    "DCCP": ("STREAM", "MAERTS", "RR", "CRR", "CC"),
    "DG": ("STREAM", "RR"),
    "DLCL": ("STREAM", "RR"),
    "DLCO": ("STREAM", "RR"),
    "DNS": ("RR",),
    "EXS": ("TCP_STREAM",),
    "FORE": ("STREAM", "RR"),
    "HIPPI": ("STREAM", "RR"),
    "LOC": ("CPU",),
    "REM": ("CPU",),
    "SCTP": ("STREAM", "STREAM_MANY", "MAERTS", "RR", "RR_MANY", "CRR", "CC"),
    "SCTPIPV6": ("STREAM", "STREAM_MANY", "RR", "RR_MANY"),
    "SDP": ("STREAM", "MAERTS", "RR", "CRR"),
    "STREAM": ("STREAM", "RR"),
    "TCP": ("STREAM", "MAERTS", "SENDFILE", "MSS", "RR", "CRR", "CC", "TRR", "NBRR"),
    "TCPIPV6": ("STREAM", "MAERTS", "SENDFILE", "RR", "CRR", "CC", "TRR"),
    "UDP": ("STREAM", "MAERTS", "RR"),
    "UDPIPV6": ("STREAM", "RR"),
    "XTI": ("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR"),
}
TESTS = frozenset([OMNI] + ["%s_%s" % (a, b) for a, ends in _TESTS.items() for b in ends])

_DATAGRAMS = ("UDP", "XTI_UDP", "DG_", "DLCL_")
_RR_ENDS = ("_RR", "_NBRR", "_CRR", "_TRR", "_CC", "_RR_MANY")
_BULK_ENDS = ("_STREAM", "_MAERTS", "_SENDFILE", "_STREAM_MANY")

# The words of a banner after the protocol, and the end of the test's name.
_TITLE_ENDS = {
    "1-TO-MANY STREAM": "STREAM_MANY",
    "1-TO-MANY REQUEST/RESPONSE": "RR_MANY",
    "STREAM": "STREAM",
    "UNIDIRECTIONAL SEND": "STREAM",
    "MAERTS": "MAERTS",
    "SENDFILE": "SENDFILE",
    "REQUEST/RESPONSE": "RR",
    "Non-Blocking REQUEST/RESPONSE": "NBRR",
    "Connect/Request/Response": "CRR",
    "Connect/Close": "CC",
    "Transactional/Request/Response": "TRR",
}
_PROTOCOLS = r"(?:XTI )?(?:TCP|UDP)|(?:TCP|UDP)IPV6|SCTP|DCCP|SDP|\bSTREAM|\bDG"
TITLE = r"(?:%s) (?:%s)" % (_PROTOCOLS, "|".join(_TITLE_ENDS))

# The columns of sizes: of a bulk test the receiver's first, which is netperf's with MAERTS.
_SIZES = {
    RR: (
        "local_send_socket_bytes",
        "local_recv_socket_bytes",
        "request_size_bytes",
        "response_size_bytes",
    ),
    BULK: ("remote_recv_socket_bytes", "local_send_socket_bytes", "message_size_bytes"),
    DATAGRAM: ("local_send_socket_bytes", "message_size_bytes"),
}
_OF_MAERTS = ("local_recv_socket_bytes", "remote_send_socket_bytes", "message_size_bytes")
_SECONDS = ("secs.", "secs")
_DEMAND = ("us/Tr", "us/KB")
# A column of CPU use is headed by how it was measured: "% S", "%", "% SU".
_METHODS_LENGTH = 2
_REMARK = re.compile(r"[(\[#]|//|<|-{1,9}>|\u2190|\u2192")


# Of the lines above the last one of a heading.
HEADING_WORDS = frozenset(
    "recv send socket message elapsed size time throughput utilization service demand local remote"
    " /remote request resp. trans. rate cpu s.dem messages okay errors util".split()
)


@dataclass(frozen=True)
class Heading:
    kind: str
    unit: Unit
    has_cpu: bool = False

    def admits(self, test: Optional[str]) -> bool:
        return kind_of(test) == self.kind


def is_units_line(words: List[str]) -> bool:
    """The last line of a heading, or its start where mail broke it."""
    return len(words) > 1 and words[0].lower() == "bytes" == words[1].lower()


def has_seconds(words: List[str]) -> bool:
    """The time column is there, so this is netperf's and no other "bytes bytes"."""
    return any(word in _SECONDS for word in words)


def read_heading(words: List[str], above: str = "") -> Optional[Heading]:
    """The heading whose last line this is, perhaps with a person's remark behind it, or None. With
    -f and -c, the line `above` it has the unit of a request/response rate.
    """
    n_sizes = 0
    while n_sizes < len(words) and words[n_sizes].lower() == "bytes":
        n_sizes += 1
    kind = next((kind for kind, names in _SIZES.items() if len(names) == n_sizes), None)
    if kind is None or n_sizes == len(words) or words[n_sizes] not in _SECONDS:
        return None
    rest = words[n_sizes + 1 :]
    if kind == DATAGRAM:
        if rest[:2] != ["#", "#"]:
            return None
        rest = rest[2:]
    end = next((n for n, word in enumerate(rest) if _REMARK.match(word)), len(rest))
    return _with_unit(kind, rest[:end], above.split())


def _with_unit(kind: str, words: List[str], above: List[str]) -> Optional[Heading]:
    """`per sec`, `10^6bits/sec`, or `MBytes /s` as netperf pads it, then perhaps CPU columns."""
    if kind == RR and words[:2] == ["per", "sec"]:
        unit, rest = TRANSACTIONS, words[2:]
        if rest[-2:] == ["us/KB", "us/KB"]:
            found = read_unit(above[5] + "/s") if len(above) == 10 else None
            return Heading(RR, found, has_cpu=True) if found and _is_cpu(kind, rest) else None
    else:
        is_padded = words[1:2] in (["/s"], ["/sec"])
        rest = words[2:] if is_padded else words[1:]
        found = read_unit("".join(words[:2] if is_padded else words[:1]))
        if found is None:
            return None
        unit = found
    if not rest:
        return Heading(kind, unit)
    return Heading(kind, unit, has_cpu=True) if _is_cpu(kind, rest) else None


def _is_cpu(kind: str, words: List[str]) -> bool:
    sides = 1 if kind == DATAGRAM else 2
    methods = [word for word in words if word != "%" and word not in _DEMAND]
    return (
        words.count("%") == sides
        and words[-sides:]
        in ([demand] * sides for demand in (_DEMAND if kind == RR else _DEMAND[1:]))
        and all(
            word == "?" or (word.isalpha() and len(word) <= _METHODS_LENGTH) for word in methods
        )
    )


# A socket's size that netperf could not learn is -1; it once counted datagrams in 32 bits, with a
# sign. Every rate, time and percentage has decimals.
_COLUMNS = {
    "s": re.compile("-1|" + _INTEGER.pattern),
    "i": _INTEGER,
    "c": re.compile("-?" + _INTEGER.pattern),
    "n": _DECIMAL,
}


def is_first_row(heading: Heading, words: List[str]) -> bool:
    return _fits(first_shape(heading), words)


def is_second_row(heading: Heading, words: List[str]) -> bool:
    shape = second_shape(heading)
    return shape != "" and _fits(shape, words)


def is_start_of_row(heading: Heading, words: List[str], is_second: bool) -> bool:
    """A row without its end: its sizes at least."""
    shapes = [first_shape(heading)]
    if is_second:
        shapes.append(second_shape(heading))
    n_words = len(words)
    return n_words >= len(_SIZES[heading.kind]) and any(
        n_words < len(shape) and _fits(shape[:n_words], words) for shape in shapes
    )


def first_shape(heading: Heading) -> str:
    """A letter a column of `_COLUMNS`."""
    if heading.kind == DATAGRAM:
        return "sincin" + ("nn" if heading.has_cpu else "")
    sizes = "ssii" if heading.kind == RR else "ssi"
    return sizes + "nn" + ("nnnn" if heading.has_cpu else "")


def second_shape(heading: Heading) -> str:
    if heading.kind == RR:
        return "ss"
    if heading.kind == DATAGRAM:
        return "sncn" + ("nn" if heading.has_cpu else "")
    return ""


def _fits(shape: str, words: List[str]) -> bool:
    return len(shape) == len(words) and all(
        _COLUMNS[letter].fullmatch(word) for letter, word in zip(shape, words)
    )


def first_row(heading: Heading, test: str, words: List[str]) -> Dict[str, Any]:
    """Fields of a first row; `value` is missing when the printed rate is impossible."""
    is_datagram = heading.kind == DATAGRAM
    names = _OF_MAERTS if test.endswith("MAERTS") else _SIZES[heading.kind]
    at = len(names) + (3 if is_datagram else 1)
    return {
        **dict(zip(names, map(size, words))),
        "elapsed_time_s": measure(words[len(names)]),
        "sent_value" if is_datagram else "value": rate(words[at], heading.unit),
        **_cpu(_BOTH_SIDES[::2] if is_datagram else _BOTH_SIDES, words[at + 1 :]),
    }


def second_row(heading: Heading, words: List[str]) -> Dict[str, Any]:
    """Of the other side. The rate of a datagram test is what arrived there."""
    if heading.kind == RR:
        names = ("remote_send_socket_bytes", "remote_recv_socket_bytes")
        return dict(zip(names, map(size, words)))
    return {
        "remote_recv_socket_bytes": size(words[0]),
        "value": rate(words[3], heading.unit),
        **_cpu(("remote_cpu_percent", "remote_service_demand_us"), words[4:]),
    }


_BOTH_SIDES = (
    "local_cpu_percent",
    "remote_cpu_percent",
    "local_service_demand_us",
    "remote_service_demand_us",
)


def _cpu(names: Any, words: List[str]) -> Dict[str, Any]:
    """A side without a service demand was not measured, whatever its use says."""
    demands = words[len(words) // 2 :]
    return {
        name: None if demand.startswith("-") else measure(word)
        for name, word, demand in zip(names, words, demands * 2)
    }


def test_of_title(title: str) -> Optional[str]:
    protocol, _, end = title.replace("XTI ", "XTI_").partition(" ")
    name = "%s_%s" % (protocol, _TITLE_ENDS.get(end))
    return name if name in TESTS else None


def kind_of(test: Optional[str]) -> Optional[str]:
    """Which classic table netperf prints for a test; None for any other."""
    if test is None or test not in TESTS:
        return None
    if test.startswith(_DATAGRAMS) and test.endswith("_STREAM"):
        return DATAGRAM
    if test.endswith(_RR_ENDS):
        return RR
    return BULK if test.endswith(_BULK_ENDS) else None


def default_unit(test: Optional[str]) -> Optional[Unit]:
    """Of a rate that netperf prints without -f."""
    kind = kind_of(test)
    return TRANSACTIONS if kind == RR else unit_of_letter("m") if kind else None


def family_of(test: str) -> Optional[str]:
    """The address family that a test's name tells."""
    if test.startswith(("STREAM_", "DG_")):
        return "unix"
    return "inet6" if "IPV6_" in test else None


# Of the longest stream's time: what ran together for less is no measurement of so many.
LEAST_SHARE = 0.8
_INTERIM_UNIT = "NETPERF_UNITS[0]=Trans/s"
_INTERIM = re.compile(
    r"^NETPERF_(INTERIM_RESULT|INTERVAL|ENDING)\[([0-9]{1,6})\]=([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*$",
    re.MULTILINE,
)
_Span = Tuple[float, float, float]  # from, until (seconds since the epoch), transactions a second


@dataclass(frozen=True)
class Together:
    """Transactions a second in the common time, which is `share` of the longest stream's."""

    rate: float
    share: float


def together(outputs: Sequence[str]) -> Optional[Together]:
    """None for a single stream, and where one of them has no interim results."""
    streams = [_spans(output) for output in outputs]
    if len(streams) < 2 or not all(streams):
        return None
    begin = max(min(row[0] for row in rows) for rows in streams)
    end = min(max(row[1] for row in rows) for rows in streams)
    longest = max(max(row[1] for row in rows) - min(row[0] for row in rows) for rows in streams)
    if end <= begin or longest <= 0:
        return Together(0.0, 0.0)
    spans = [row for rows in streams for row in rows]
    count = sum(rate * max(0.0, min(end, till) - max(begin, since)) for since, till, rate in spans)
    return Together(count / (end - begin), (end - begin) / longest)


def _spans(output: str) -> List[_Span]:
    if _INTERIM_UNIT not in output:
        return []
    rows: Dict[str, Dict[str, float]] = {}
    for name, number, value in _INTERIM.findall(output):
        rows.setdefault(number, {})[name] = float(value)
    return [
        (row["ENDING"] - row["INTERVAL"], row["ENDING"], row["INTERIM_RESULT"])
        for row in rows.values()
        if len(row) == 3
    ]
