"""What the fuzzer starts from: real outputs of netperf, envelopes that hold them, and the words
that such texts are made of.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from crr_submit.fields import ENVELOPE, RESULT
from tests import reports

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("CORPUS_DIR") or ROOT.parent / "shared" / "corpus")
LONGEST = 4_096  # bytes; long seeds make every change slow

WORDS = """
MIGRATED OMNI TEST from to port AF_INET AF_INET6 AF_UNIX demo : conf. +/-2.500% @ 99%
TCP_CRR TCP_RR TCP_CC TCP_STREAM TCP_MAERTS TCP_SENDFILE UDP_RR UDP_STREAM SCTP_RR DCCP_STREAM
netperf -t -H -l -P -f -v -i -I -D -o -O -k -j -- $ # > | ``` \\ =20 =3D =\\x0a \\x1b[0m \\x0d\\x0a
Trans/s 10^6bits/s 10^6bits/sec MBytes/s KBytes/sec GBytes/s us/Tr us/KB per sec secs. usec
Bytes bytes # okay Errors % S U 0 1 -1 0.00 1.00 10.00 16384 131072 1e308 nan inf 999999999999999
host-1 address-1 127.0.0.1 192.0.2.1 2001:db8::1 fe80::1%eth0 00:16:3e:01:02:03 a@example.org
/home/user/ i-0123456789abcdef0 Linux hostname: ubuntu@ip-10-0-0-1:~$ 2.6.36.4 net.ipv4.tcp_rmem
""".split()
PHRASES = """
TCP Connect/Request/Response TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to localhost () port 0
TCP REQUEST/RESPONSE TEST
UDP UNIDIRECTIONAL SEND TEST
TCP STREAM TEST
Local /Remote
Socket Size   Request  Resp.   Elapsed  Trans.
bytes  Bytes  bytes    bytes   secs.    per sec
bytes  bytes   bytes    secs.    10^6bits/sec
Socket  Message  Elapsed      Messages
bytes   bytes    secs            #      #   10^6bits/sec
!!! Confidence intervals: Throughput      : 85.819%
!!! WARNING
Interim result: 15306.96 Trans/s over 0.250 seconds ending at 1795401959.713
16384  131072 1        1       1.00     16363.77
16384  131072
""".strip().split("\n")


def texts() -> Iterator[bytes]:
    """Our own captures, and the corpus of published reports where it is."""
    for folder in (ROOT / "tests" / "data" / "netperf", CORPUS):
        for path in sorted(folder.glob("*.txt")) if folder.is_dir() else ():
            yield path.read_bytes()[:LONGEST]


def bodies() -> Iterator[bytes]:
    """What is sent: the texts, and reports as the client makes them, around the same texts."""
    yield from texts()
    arms = [{"value": "4096", "runs": [0]}, {"value": "128", "runs": [1]}]
    experiment = {"factor": "net.core.somaxconn", "arms": arms}
    yield reports.as_bytes(reports.envelope(experiment=experiment, notes="two arms"))
    for text in texts():
        outputs = [text.decode("utf-8", "replace")]
        yield json.dumps(reports.envelope(reports.run(outputs=outputs))).encode()[:LONGEST]


def write(folder: Path, bodies: Iterable[bytes]) -> None:
    """Each body in a file of its own, as libFuzzer wants its seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(bodies):
        (folder / f"seed-{number:03}").write_bytes(body)


def write_dictionary(path: Path) -> None:
    """The words of netperf, of our fields and of what hides an address, in libFuzzer's format."""
    names = [f"{name}=" for field in RESULT for name in field.selectors]
    keys = [f'"{part}":' for field in ENVELOPE for part in field.path.replace("[]", "").split(".")]
    words = dict.fromkeys([*WORDS, *PHRASES, *names, *keys])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'"{_escaped(word)}"\n' for word in words), encoding="ascii")


def _escaped(word: str) -> str:
    """A word between quotation marks. A backslash before `x` is the format's own."""
    return word.replace("\\", "\\\\").replace("\\\\x", "\\x").replace('"', '\\"')
