"""Draws many varied specs, `python bench/render_many.py 10000`: any kind, any number of rows up to
`--rows`, hostile labels, figures from nothing to a million million. Any warning (a glyph that the
font lacks) ends it, as do a picture that is too large, a text that is too wide, and memory beyond
300 MB. A process is a worker's child that is never replaced; its memory is told as it goes.
"""

import argparse
import random
import re
import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from charts.build import build  # noqa: E402
from charts.found import FoundRow  # noqa: E402
from charts.kinds import KINDS  # noqa: E402
from charts.params import ChartParams  # noqa: E402
from charts.post import post  # noqa: E402
from charts.render_png_svg import render  # noqa: E402
from charts.render_text import WIDTH, render_text  # noqa: E402
from charts.spec import ChartSpec  # noqa: E402
from tests.charts.test_spec import HOSTILE, data, row, value  # noqa: E402

MOST_BYTES = 1_000_000
MOST_MEMORY_MB = 300


def main() -> None:
    warnings.simplefilter("error")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("--rows", type=int, default=60, help="at the most; 60 take 5 s to draw")
    asked = parser.parse_args()
    count = asked.count
    told_every = max(1, count // 10)
    memory_mb: list[float] = []
    started = time.perf_counter()
    for seed in range(count):
        try:
            check(varied(random.Random(seed), asked.rows))
        except Exception as error:
            raise SystemExit(f"seed {seed}: {error!r}") from error
        if (seed + 1) % told_every == 0:
            memory_mb.append(resident_mb())
            print(f"{seed + 1} of {count}, {memory_mb[-1]:.0f} MB", flush=True)
            if memory_mb[-1] > MOST_MEMORY_MB:
                raise SystemExit(f"render_many: more than {MOST_MEMORY_MB} MB")
    print(
        f"{count} specs drawn in {time.perf_counter() - started:.0f} s; memory at the end "
        f"{memory_mb[-1] / memory_mb[len(memory_mb) // 2]:.2f} x that of half way"
    )


def resident_mb() -> float:
    (line,) = re.findall(r"^VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(line) / 1024


def varied(dice: random.Random, most_rows: int) -> ChartSpec:
    kind = dice.choice(list(KINDS))
    asked = ChartParams(
        tests=("TCP_CRR", "TCP_RR", "UDP_RR"), group_by=("os",), limit=40, kind=kind
    )
    n_rows = dice.choice([n for n in (0, 1, 2, 3, 12, 40, 60) if n <= most_rows])
    rows = [some_row(dice, n) for n in range(n_rows)]
    return build(asked, data(*rows, title=label(dice), subtitle=label(dice) * dice.randint(1, 3)))


def some_row(dice: random.Random, number: int) -> FoundRow:
    tests = dice.sample(("TCP_CRR", "TCP_RR", "UDP_RR"), dice.randint(1, 3))
    values = {}
    for test in tests:
        rate, hosts = 10 ** dice.uniform(-6, 14.9), dice.choice((1, 2, 3, 20, 21, 300))
        values[test] = value(rate, hosts, bound=dice.choice(("exact", "at_most", "approximate")))
    return row(
        label(dice),
        number,
        recipe=label(dice),
        order=(number,),
        group=dice.choice(("", "a", label(dice))),
        family=dice.choice(("xen", "kvm", "none", "hot", "")),
        imported=dice.random() < 0.2,
        values=values,
    )


def label(dice: random.Random) -> str:
    letters = "".join(
        chr(dice.choice((dice.randint(1, 0x2FFF), dice.randint(32, 126))))
        for _ in range(dice.randint(0, 60))
    )
    return dice.choice((dice.choice(HOSTILE), letters, f"6.{dice.randint(0, 30)} KVM"))


def check(spec: ChartSpec) -> None:
    drawn = render(spec)
    assert len(drawn.png) < MOST_BYTES, len(drawn.png)
    for text in (render_text(spec), post(spec, spec.address, None)):
        assert text.isascii()
        assert all(line.isprintable() and len(line) <= WIDTH for line in text.splitlines())


if __name__ == "__main__":
    main()
