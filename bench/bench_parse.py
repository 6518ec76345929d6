"""What reading a report costs on one core: reports a second, against splitting the same text.

A typical report is one that people paste (a classic table or two) or the client's envelope with its
runs as keys and values. The floor is the least that any reader does: each line split into words,
and float() of those that are numbers. Below it, texts made to be slow, at two lengths: the time of
the longer must be longer by the ratio of the lengths, and not by its square.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from crr_submit import netperf  # noqa: E402

CAPTURES = ROOT / "tests" / "data" / "netperf"
PASTED = ("crr", "crr-cpu", "stream", "udp", "maerts-cpu", "crr6", "stream-i", "crr-oplain")
ENVELOPE_RUNS = 8
SHORT, LONG = 50_000, 500_000
HOSTILE = (
    *("\\n", "\\\\", '"\\n', "=\n", "=3D=\n", "<a ", "<br", "&gt;", "\x1b[", "\x1b]", "\b", "[0"),
    *("secs bytes bytes ", "bytes bytes secs 1 ", "1 ", "1.0 ", "MIGRATED ", "TEST from ", "$ "),
    *("THROUGHPUT=", "THROUGHPUT=1 ", "a,", "Throughput,", '"a', "Local ", "{code:", "[/", " "),
    *("netperf -t ", "bytes bytes bytes secs. 10^6bits/sec\n", "2020-01-01 ", "1 2 3 4 5\n"),
    *("Throughput,Throughput Units\n1,2,\n", "TCP STREAM TEST from \n", "Local Send\n1 2\n"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement")
    asked = parser.parse_args()
    texts = [(CAPTURES / f"{name}.txt").read_text(encoding="utf-8") for name in PASTED]
    keyval = (CAPTURES / "crr-Dk.txt").read_text(encoding="utf-8")
    reports: dict[str, list[Sequence[str]]] = {
        "pasted text": [[text] for text in texts],
        f"client's envelope, {ENVELOPE_RUNS} runs": [[keyval] * ENVELOPE_RUNS],
        "all selectors": [[(CAPTURES / "crr-kall.txt").read_text(encoding="utf-8")]],
    }
    for name, batch in reports.items():
        compare(name, batch, asked.rounds, asked.seconds)
    ratios = {piece: growth(piece) for piece in HOSTILE}
    worst = max(ratios, key=lambda piece: ratios[piece])
    print(f"hostile texts {LONG // SHORT} times as long: at most {ratios[worst]:.1f} times as slow")
    print(f"  by repeating {worst!r}")


def compare(name: str, batch: list[Sequence[str]], rounds: int, duration_s: float) -> None:
    ours, floor = [], []
    for _ in range(rounds):
        floor.append(rate(split, batch, duration_s))
        ours.append(rate(netperf.parse, batch, duration_s))
    middle = statistics.median(ours)
    size = sum(len(text) for report in batch for text in report) / len(batch)
    print(
        f"{name}: {middle:.0f} reports/s ({min(ours):.0f} to {max(ours):.0f}) of {size:.0f} "
        f"characters, {middle / statistics.median(floor):.3f} of the floor"
    )


def rate(read: Callable[[str], object], batch: list[Sequence[str]], duration_s: float) -> float:
    """Reports a second of processor time, so that neighbours on the machine do not count."""
    started, n_reports = time.process_time(), 0
    while time.process_time() - started < duration_s:
        for report in batch:
            for text in report:
                read(text)
        n_reports += len(batch)
    return n_reports / (time.process_time() - started)


def split(text: str) -> list[float]:
    numbers = []
    for line in text.split("\n"):
        for word in line.split():
            try:
                numbers.append(float(word))
            except ValueError:
                continue
    return numbers


def growth(piece: str) -> float:
    """How many times as long the longer text takes."""
    short, long = (seconds(piece * (size // len(piece))) for size in (SHORT, LONG))
    return long / short


def seconds(text: str) -> float:
    started = time.process_time()
    netperf.parse(text)
    return time.process_time() - started


if __name__ == "__main__":
    main()
