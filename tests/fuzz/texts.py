"""Texts as netperf prints them, made from numbers that are known: strategies of Hypothesis.

Each gives a `Printed`: the text, and the results that whoever reads it must find. The forms are
those of netperf 2.4 to 2.7 in tests/data/netperf; what mail and terminals do to them comes on top.
"""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.seeds import PHRASES, WORDS
from tests.reports import BANNER

_LONGEST_RATE = 10**9
_RR_TITLES = {
    "TCP_CRR": "TCP Connect/Request/Response",
    "TCP_RR": "TCP REQUEST/RESPONSE",
    "UDP_RR": "UDP REQUEST/RESPONSE",
}
_STREAM_TITLES = {"TCP_STREAM": "TCP STREAM", "TCP_MAERTS": "TCP MAERTS"}
_BITS = {"10^6bits/sec": 10**6, "10^3bits/sec": 10**3, "MBytes  /sec": 8 << 20}
_RR_HEADING = """\
Local /Remote
Socket Size   Request  Resp.   Elapsed  Trans.
Send   Recv   Size     Size    Time     Rate         
bytes  Bytes  bytes    bytes   secs.    per sec   

"""  # noqa: W291 - netperf prints the blanks
_RR_CPU_HEADING = """\
Local /Remote
Socket Size   Request Resp.  Elapsed Trans.   CPU    CPU    S.dem   S.dem
Send   Recv   Size    Size   Time    Rate     local  remote local   remote
bytes  bytes  bytes   bytes  secs.   per sec  % S    % S    us/Tr   us/Tr

"""
_STREAM_HEADING = """\
Recv   Send    Send                          
Socket Socket  Message  Elapsed              
Size   Size    Size     Time     Throughput  
bytes  bytes   bytes    secs.    {unit}  

"""  # noqa: W291
_DATAGRAM_HEADING = """\
Socket  Message  Elapsed      Messages                
Size    Size     Time         Okay Errors   Throughput
bytes   bytes    secs            #      #   10^6bits/sec

"""  # noqa: W291
_TITLES = {
    "value": "Throughput",
    "elapsed_time_s": "Elapsed Time (sec)",
    "request_size_bytes": "Request Size Bytes",
    "mean_latency_us": "Mean Latency Microseconds",
    "p99_latency_us": "99th Percentile Latency Microseconds",
    "local_cpu_percent": "Local CPU Util %",
}
_TITLES_STACKED = {
    "Throughput": ["Throughput"],
    "Elapsed Time (sec)": ["Elapsed", "Time", "(sec)"],
    "Request Size Bytes": ["Request", "Size", "Bytes"],
    "Mean Latency Microseconds": ["Mean", "Latency", "Microseconds"],
    "99th Percentile Latency Microseconds": ["99th", "Percentile", "Latency", "Microseconds"],
    "Local CPU Util %": ["Local", "CPU", "Util", "%"],
}
_KEYS = {
    "value": "THROUGHPUT",
    "elapsed_time_s": "ELAPSED_TIME",
    "request_size_bytes": "REQUEST_SIZE",
    "response_size_bytes": "RESPONSE_SIZE",
    "local_send_socket_bytes": "LSS_SIZE_END",
    "remote_recv_socket_bytes": "RSR_SIZE_END",
    "mean_latency_us": "MEAN_LATENCY",
    "p50_latency_us": "P50_LATENCY",
    "p99_latency_us": "P99_LATENCY",
    "local_cpu_percent": "LOCAL_CPU_UTIL",
}


@dataclass(frozen=True)
class Printed:
    """A text and its results, in the fields that the text gives."""

    text: str
    results: tuple[dict[str, Any], ...]


sizes = st.integers(0, 2**31)
_hundredths = st.integers(1, 100 * _LONGEST_RATE)
times = st.integers(1, 100_000)  # in hundredths of a second
percents = st.integers(0, 10_000)


def _decimal(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}"


def _banner(title: str) -> str:
    return BANNER.replace("TCP Connect/Request/Response", title)


@st.composite
def _request_response(draw: st.DrawFn) -> Printed:
    """The classic table, with and without the columns of CPU use. Rate times time is a whole number
    of transactions, as it always is.
    """
    test = draw(st.sampled_from(sorted(_RR_TITLES)))
    seconds, rate = draw(st.integers(1, 1000)), draw(st.integers(1, _LONGEST_RATE))
    size = [draw(sizes) for _ in range(6)]
    has_cpu = draw(st.booleans())
    row = "".join(f"{n:<8} " for n in size[:4]) + f"{seconds}.00     {rate}.00"
    result: dict[str, Any] = {
        "test": test,
        "value": float(rate),
        "unit": "trans/s",
        "elapsed_time_s": float(seconds),
        "local_send_socket_bytes": size[0],
        "local_recv_socket_bytes": size[1],
        "request_size_bytes": size[2],
        "response_size_bytes": size[3],
        "remote_send_socket_bytes": size[4],
        "remote_recv_socket_bytes": size[5],
    }
    if has_cpu:
        names = [f"{side}_cpu_percent" for side in ("local", "remote")]
        names += [f"{side}_service_demand_us" for side in ("local", "remote")]
        used = [_decimal(draw(percents)) for _ in names]
        row += "".join(f"   {word}" for word in used)
        result |= {name: float(word) for name, word in zip(names, used, strict=True)}
    heading = _RR_CPU_HEADING if has_cpu else _RR_HEADING
    text = _banner(_RR_TITLES[test]) + heading + f"{row}\n{size[4]:<6} {size[5]}\n"
    return Printed(text, (result,))


@st.composite
def _stream(draw: st.DrawFn) -> Printed:
    test, unit = draw(st.sampled_from(sorted(_STREAM_TITLES))), draw(st.sampled_from(sorted(_BITS)))
    receiver, sender, message = draw(sizes), draw(sizes), draw(sizes)
    time, rate = _decimal(draw(times)), draw(st.integers(0, 10**6))
    near, far = ("local_recv", "remote_send"), ("remote_recv", "local_send")
    sides = near if test == "TCP_MAERTS" else far
    result = {
        "test": test,
        "value": float(rate * _BITS[unit]),
        "unit": "bit/s",
        "elapsed_time_s": float(time),
        "message_size_bytes": message,
        f"{sides[0]}_socket_bytes": receiver,
        f"{sides[1]}_socket_bytes": sender,
    }
    row = f"{receiver:>6} {sender:>6} {message:>6}    {time}    {rate}.00   \n"
    heading = _STREAM_HEADING.format(unit=unit)
    return Printed(_banner(_STREAM_TITLES[test]) + heading + row, (result,))


@st.composite
def _datagrams(draw: st.DrawFn) -> Printed:
    """UDP_STREAM: what was sent, and in the second row what arrived, which is the result."""
    socket, message, far_socket = draw(sizes), draw(sizes), draw(sizes)
    time = _decimal(draw(times))
    sent, received = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    counts = [draw(sizes) for _ in range(3)]
    rows = f"{socket:>6}  {message:>6}   {time}    {counts[0]:>8} {counts[1]:>6}    {sent}.00\n"
    rows += f"{far_socket:>6}           {time}    {counts[2]:>8}           {received}.00\n\n"
    result = {
        "test": "UDP_STREAM",
        "value": float(received * 10**6),
        "sent_value": float(sent * 10**6),
        "unit": "bit/s",
        "elapsed_time_s": float(time),
        "message_size_bytes": message,
        "local_send_socket_bytes": socket,
        "remote_recv_socket_bytes": far_socket,
    }
    return Printed(_banner("UDP STREAM") + _DATAGRAM_HEADING + rows, (result,))


@st.composite
def columns(draw: st.DrawFn) -> Printed:
    """Aligned columns below titles whose words stand on top of each other."""
    words, values = draw(_figures(_TITLES))
    titles = [["Throughput", "Units"], *(_TITLES_STACKED[title] for title in words)]
    cells = ["Trans/s", *words.values()]
    widths = [max(map(len, [*title, cell])) + 1 for title, cell in zip(titles, cells, strict=True)]
    lines = [
        "".join(f"{(title + [''] * 5)[i]:<{w}}" for title, w in zip(titles, widths, strict=True))
        for i in range(max(map(len, titles)))
    ]
    row = "".join(f"{cell:<{w}}" for cell, w in zip(cells, widths, strict=True))
    text = _banner(_RR_TITLES["TCP_CRR"]) + "\n".join([*lines, row]) + "\n"
    return Printed(text, ({"test": "TCP_CRR", "unit": "trans/s", **values},))


@st.composite
def _figures(draw: st.DrawFn, names: dict[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """(name → word, field → value) of some of `names`, the rate among them."""
    chosen = ["value", *draw(st.lists(st.sampled_from(sorted(names)[:-1]), unique=True))]
    chosen = list(dict.fromkeys(chosen))
    words, values = {}, {}
    for name in chosen:
        is_whole = name.endswith("_bytes")
        word = str(draw(sizes)) if is_whole else _decimal(draw(_hundredths))
        words[names[name]] = word
        values[name] = int(word) if is_whole else float(word)
    return words, values


@st.composite
def _keyval(draw: st.DrawFn) -> Printed:
    words, values = draw(_figures(_KEYS))
    lines = "".join(f"{name}={word}\n" for name, word in words.items())
    text = _banner(_RR_TITLES["TCP_CRR"]) + "THROUGHPUT_UNITS=Trans/s\n" + lines
    return Printed(text, ({"test": "TCP_CRR", "unit": "trans/s", **values},))


@st.composite
def _csv(draw: st.DrawFn) -> Printed:
    words, values = draw(_figures(_TITLES))
    titles = ",".join([*words, "Throughput Units"])
    row = ",".join([*words.values(), "Trans/s"])
    text = f"{_banner(_RR_TITLES['TCP_CRR'])}{titles}\n{row}\n"
    return Printed(text, ({"test": "TCP_CRR", "unit": "trans/s", **values},))


printed = st.one_of(_request_response(), _stream(), _datagrams(), _keyval(), _csv())


@st.composite
def several(draw: st.DrawFn) -> Printed:
    """Some outputs in one text, with prompts, commands or prose between."""
    between = st.sampled_from(["", "\n", "and the next one:\n\n", "$ netperf -t TCP_RR -H host\n"])
    parts = draw(st.lists(printed, min_size=1, max_size=3))
    text = "".join(draw(between) + part.text for part in parts)
    return Printed(text, tuple(result for part in parts for result in part.results))


def _quoted(text: str) -> str:
    return "".join(f"> {line}\n" for line in text.splitlines())


def _fenced(text: str) -> str:
    return f"```\n{text}```\n"


def _wrapped(text: str) -> str:
    """As mail breaks a banner, which alone is longer than 76 characters."""
    lines = []
    for line in text.splitlines():
        cut = line.rfind(" ", 0, 76) if " TEST " in line and len(line) > 76 else -1
        lines += [line[:cut], line[cut + 1 :]] if cut > 0 else [line]
    return "\n".join(lines) + "\n"


MANGLED = {
    "as printed": lambda text: text,
    "line ends of DOS": lambda text: text.replace("\n", "\r\n"),
    "indented": lambda text: "".join(f"    {line}\n" for line in text.splitlines()),
    "blanks gone at the ends": lambda text: "\n".join(map(str.rstrip, text.split("\n"))),
    "quoted": _quoted,
    "quoted twice": lambda text: _quoted(_quoted(text)),
    "in a fence": _fenced,
    "wrapped": _wrapped,
    "wrapped and quoted": lambda text: _quoted(_wrapped(text)),
}
mangled = st.sampled_from(sorted(MANGLED))
unquoted = st.sampled_from(sorted(way for way in MANGLED if "quoted" not in way))
quoted = st.sampled_from(sorted(way for way in MANGLED if "quoted" in way))

_words = st.sampled_from(WORDS)
_numbers = st.one_of(
    sizes.map(str), _hundredths.map(_decimal), st.sampled_from(["-1", "1e9", "nan"])
)
_gaps = st.sampled_from([" ", "  ", "\n", "\n\n", "\t", ",", "=", "\r\n> ", ""])
_pieces = st.one_of(_words, _numbers, st.sampled_from(PHRASES), st.text(max_size=8))
# Nearly netperf's: its lines and words in any order, with any numbers between.
nearly = st.lists(st.tuples(_pieces, _gaps), max_size=40).map(
    lambda parts: "".join(piece + gap for piece, gap in parts)
)


@st.composite
def broken(draw: st.DrawFn) -> str:
    """An output with a piece left out, doubled or replaced."""
    text = draw(several()).text
    start, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    return text[:start] + draw(st.one_of(nearly, st.just(text[start:end] * 2))) + text[end:]
