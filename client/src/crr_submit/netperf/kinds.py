"""netperf's tests: their names, what kind of output each prints, the titles of their banners.

Facts from the sources of netperf 2.1 to 2.7 (netsh.c and nettest_*.c). Called all over here.
"""

from __future__ import annotations

from typing import Optional

OMNI = "OMNI"
RR, BULK, DATAGRAM = "request/response", "bulk", "datagram"

# What a netperf takes after -t, before and after the first "_". Some only when it was built with
# them.
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
    "TCP": ("STREAM", "MAERTS", "SENDFILE", "MSS", "RR", "CRR", "CC", "TRR"),
    "TCPIPV6": ("STREAM", "MAERTS", "SENDFILE", "RR", "CRR", "CC", "TRR"),
    "UDP": ("STREAM", "MAERTS", "RR"),
    "UDPIPV6": ("STREAM", "RR"),
    "XTI": ("TCP_STREAM", "TCP_RR", "UDP_STREAM", "UDP_RR"),
}
TESTS = frozenset([OMNI] + ["%s_%s" % (a, b) for a, ends in _TESTS.items() for b in ends])

_DATAGRAMS = ("UDP_STREAM", "UDPIPV6_STREAM", "XTI_UDP_STREAM", "DG_STREAM", "DLCL_STREAM")
_RR_ENDS = ("_RR", "_CRR", "_TRR", "_CC", "_RR_MANY")
_BULK_ENDS = ("_STREAM", "_MAERTS", "_SENDFILE", "_STREAM_MANY")
_UNIX = ("STREAM_STREAM", "STREAM_RR", "DG_STREAM", "DG_RR")

# The words of a banner after the protocol, and what of the test's name they stand for.
_TITLE_ENDS = {
    "1-TO-MANY STREAM": "STREAM_MANY",
    "1-TO-MANY REQUEST/RESPONSE": "RR_MANY",
    "STREAM": "STREAM",
    "UNIDIRECTIONAL SEND": "STREAM",
    "MAERTS": "MAERTS",
    "SENDFILE": "SENDFILE",
    "REQUEST/RESPONSE": "RR",
    "Connect/Request/Response": "CRR",
    "Connect/Close": "CC",
    "Transactional/Request/Response": "TRR",
}
# A pattern without groups.
TITLE = r"(?:TCP|UDP|SCTP|DCCP|SDP|\bSTREAM|\bDG) (?:%s)" % "|".join(_TITLE_ENDS)


def test_of_title(title: str) -> Optional[str]:
    """`TCP Connect/Request/Response`: the test whose banner begins so, if netperf has one."""
    protocol, _, end = title.partition(" ")
    name = "%s_%s" % (protocol, _TITLE_ENDS.get(end))
    return name if name in TESTS else None


def kind_of(test: Optional[str]) -> Optional[str]:
    """Which of the three classic tables netperf prints for a test; None for any other."""
    if test is None or test not in TESTS:
        return None
    if test in _DATAGRAMS:
        return DATAGRAM
    if test.endswith(_RR_ENDS):
        return RR
    return BULK if test.endswith(_BULK_ENDS) else None


def is_unix(test: str) -> bool:
    """A test of UNIX-domain sockets, whose banner names no address family."""
    return test in _UNIX
