"""What the client costs its host: the rate under it against netperf alone, its processor time, its
start, its memory, and the size of what people install.

The rate is a paired experiment of the client's own kind: blocks of ABBA or BAAB, a netserver for
each run, one stream on one CPU, the same number of transactions. A is netperf alone, without
interim results; B is the client's run with all it reads. Start and memory stand beside a Python
that does nothing. With --json one object on stdout.
"""

import argparse
import functools
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from crr_submit import cpus, measure, paired, plan, programs, tune  # noqa: E402
from crr_submit.host import Host  # noqa: E402
from tests.test_client_packages import WHEEL_LIMIT_BYTES  # noqa: E402

SETTLE_S = 0.5
CLIENT = (sys.executable, "-m", "crr_submit")
NOTHING = (sys.executable, "-c", "pass")
# A Python that imports nothing starts the command: of two, the kernel keeps the larger memory.
PEAK = (
    "import os, sys; pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n"
    "_, status, usage = os.wait4(pid, 0); print(usage.ru_maxrss); sys.exit(status != 0)"
)
Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=8, help="of four runs")
    parser.add_argument(
        "--seconds", type=float, default=paired.DEFAULT.run_s, help="for each run, about"
    )
    parser.add_argument("--starts", type=int, default=15, help="of each command")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder, "dist")
        make_packages(packages)
        found = {
            "observer": or_left_out(lambda: observer(asked.blocks, asked.seconds)),
            "start": start(asked.starts, packages),
            "memory": or_left_out(lambda: memory(folder)),
            "wheel": wheel(packages),
        }
    print(json.dumps(found, indent=2) if asked.json else "\n".join(lines(found)))


def or_left_out(work: Callable[[], Figures]) -> Figures:
    """What needs netperf, or why it is left out."""
    try:
        programs.find_programs(Host())
    except programs.CannotMeasure as error:
        return {"left_out": str(error)}
    return work()


@dataclass(frozen=True)
class Sample:
    """One run. `own_s` is the time that this process was at work within `wall_s`."""

    letter: str
    rate_per_s: float
    own_s: float
    wall_s: float


def observer(n_blocks: int, run_s: float) -> Figures:
    """Rates of both arms and their ratio, and the client's processor time by the wall time."""
    host, cpu = Host(), cpus.pin_choice(cpus.allowed())
    found = programs.find_programs(host)
    arms = {
        "A": functools.partial(alone, found, cpu),
        "B": functools.partial(under_client, found, cpu, host),
    }
    # Warms both, and says how many transactions take so long.
    warm = [sample(letter, work, plan.WARM_UP_TRANSACTIONS) for letter, work in arms.items()]
    transactions = round(run_s * statistics.mean(one.rate_per_s for one in warm))
    orders = paired.draw_orders(n_blocks, random.Random())
    samples = []
    for number, order in enumerate(orders):
        print(f"  block {number + 1} of {n_blocks}", file=sys.stderr)
        samples += [sample(letter, arms[letter], transactions) for letter in order]
    return {"n_transactions": transactions, "n_blocks": n_blocks, **compared(orders, samples)}


def sample(letter: str, work: Callable[[int], float], transactions: int) -> Sample:
    wall_s, own_s = time.perf_counter(), processor_s()
    rate_per_s = work(transactions)
    own_s, wall_s = processor_s() - own_s, time.perf_counter() - wall_s
    return Sample(letter, rate_per_s, own_s, wall_s - SETTLE_S)


def compared(orders: Sequence[str], samples: Sequence[Sample]) -> Figures:
    """The client over netperf alone; medians of what is no ratio."""
    effect = paired.effect(orders, [one.rate_per_s for one in samples])
    bare, ours = ([one for one in samples if one.letter == letter] for letter in "AB")
    return {
        "alone_per_s": statistics.median(one.rate_per_s for one in bare),
        "client_per_s": statistics.median(one.rate_per_s for one in ours),
        "ratio": effect.overall.value,
        "ci_low": effect.overall.low,
        "ci_high": effect.overall.high,
        "ci_level": 0.95,
        "smallest_visible_ratio": effect.smallest_visible,
        "alone_processor_ms": 1000 * statistics.median(one.own_s for one in bare),
        "client_processor_ms": 1000 * statistics.median(one.own_s for one in ours),
        "client_processor_percent": 100 * statistics.median(one.own_s / one.wall_s for one in ours),
    }


def alone(found: programs.Programs, cpu: int, transactions: int) -> float:
    """Transactions a second of a bare netperf; nobody looks at it before it ends."""
    with programs.Netserver(found.netserver) as netserver:
        address = ["-H", netserver.address, "-p", str(netserver.port)]
        command = [found.netperf, "-t", "TCP_CRR", *address, "-l", str(-transactions)]
        command += ["-T", f"{cpu},{cpu}", "--", "-k", measure.SELECTORS]
        time.sleep(SETTLE_S)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return tune.rate_of({"outputs": [done.stdout]})


def under_client(found: programs.Programs, cpu: int, host: Host, transactions: int) -> float:
    """Transactions a second of the client's run."""
    step = plan.Step(
        "TCP_CRR",
        1,
        "same_cpu",
        None,
        transactions=transactions,
        counted_s=paired.DEFAULT.run_s,
        settle_s=SETTLE_S,
    )
    done = measure.carry_out([step], found, host, cpu, lambda left_s, label: None)
    if not done.has_results:
        raise SystemExit(f"bench_client: {done.failure or done.left_out}")
    return tune.rate_of(done.runs[0])


def processor_s() -> float:
    """Of this process alone, without netperf and netserver, which it waits for."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def start(n_starts: int, packages: Path) -> Figures:
    """Milliseconds until `--version` has ended, installed and as the single file, in turns."""
    (single,) = packages.glob("*.pyz")
    commands = {
        "python_ms": NOTHING,
        "client_ms": (*CLIENT, "--version"),
        "single_file_ms": (sys.executable, str(single), "--version"),
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(n_starts + 1):
        for name, command in commands.items():
            started_s = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            if number:  # the first warms
                times[name].append((time.perf_counter() - started_s) * 1000)
    found: Figures = {name: statistics.median(every) for name, every in times.items()}
    found["client_range_ms"] = [min(times["client_ms"]), max(times["client_ms"])]
    found["ratio"] = found["client_ms"] / found["python_ms"]
    return found


def memory(folder: str) -> Figures:
    """The most memory that a whole `run --quick` had at once, in MB."""
    print("  a whole run --quick", file=sys.stderr)
    quick = (*CLIENT, "run", "--quick", "--no-cloud", "-o", str(Path(folder, "report.json")))
    python, client = peak_mb(NOTHING), peak_mb(quick)
    return {"python_mb": python, "client_mb": client, "ratio": client / python}


def peak_mb(command: Sequence[str]) -> float:
    watched = [sys.executable, "-c", PEAK, *command]
    done = subprocess.run(
        watched, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return int(done.stdout.split()[-1]) * 1024 / 1e6


def make_packages(target: Path) -> None:
    subprocess.run(
        [sys.executable, str(ROOT / "client" / "package.py"), str(target)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def wheel(packages: Path) -> Figures:
    (made,) = packages.glob("*.whl")
    n_bytes = made.stat().st_size
    return {
        "bytes": n_bytes,
        "limit_bytes": WHEEL_LIMIT_BYTES,
        "of_limit": n_bytes / WHEEL_LIMIT_BYTES,
    }


def lines(found: dict[str, Figures]) -> list[str]:
    """For people: a figure a line, each with its ratio."""
    texts = {
        "observer": "TCP_CRR on one CPU, {n_transactions} transactions a run, {n_blocks} blocks: "
        "alone {alone_per_s:.0f}/s, under the client {client_per_s:.0f}/s, "
        "ratio {ratio:.4f} (95 % interval {ci_low:.4f} to {ci_high:.4f}; "
        "smallest to be seen {smallest_visible_ratio:.4f})\n"
        "processor time of the process beside netperf: {alone_processor_ms:.1f} ms a run alone, "
        "{client_processor_ms:.1f} ms the client's, {client_processor_percent:.2f} % of its time",
        "start": "start: Python alone {python_ms:.1f} ms, --version {client_ms:.1f} ms "
        "({client_range_ms[0]:.1f} to {client_range_ms[1]:.1f}), ratio {ratio:.1f}; "
        "the single file {single_file_ms:.1f} ms",
        "memory": "peak memory: Python alone {python_mb:.1f} MB, run --quick {client_mb:.1f} MB, "
        "ratio {ratio:.2f}",
        "wheel": "wheel: {bytes} bytes, {of_limit:.4f} of the limit",
    }
    return [
        f"{name} left out: {figures['left_out']}"
        if "left_out" in figures
        else texts[name].format(**figures)
        for name, figures in found.items()
    ]


if __name__ == "__main__":
    main()
