"""What an import costs: reports a second, summaries included, against bare parsing of its texts.

Both with a process on every processor, on the same texts in the same run, in a database of its own
(SQLite, or `--postgresql`). A quarter of them is imported first into another, so that the peak
memory of the two shows whether it grows. `--reports 100000` is the size that is promised.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from crr_submit import netperf  # noqa: E402
from tests import reports, servers  # noqa: E402

KEY = "a key for the bench alone, as long as a real one: 0123456789"
ENVELOPE_RUNS = 8  # as in bench_parse.py
FOLDER_SIZE = 1_000
SEED_OF_RATES = 15_485_863
CAPTURES = ROOT / "tests/data/netperf"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=5_000)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--imported", metavar="PATH", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.imported:
        measure(asked.imported)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), asked)


def compare(folder: Path, asked: argparse.Namespace) -> None:
    processes = len(os.sched_getaffinity(0))
    print(f"{asked.reports} reports, {processes} processes")
    for form in ("texts", "envelopes"):
        sources = [
            written(folder / f"{form}-{n}", form, n) for n in (asked.reports // 4, asked.reports)
        ]
        bare_per_s = bare(sources[1], form, processes)
        quarter, full = (imported(folder, source, asked.postgresql) for source in sources)
        print(
            f"{form}: bare parsing {bare_per_s:.0f}/s, import {full['rate_per_s']:.0f}/s, "
            f"ratio {full['rate_per_s'] / bare_per_s:.2f}; "
            f"peak memory of a process {quarter['peak_mb']:.0f} MB for a quarter, "
            f"{full['peak_mb']:.0f} MB for all"
        )


def written(path: Path, form: str, count: int) -> Path:
    """A directory of texts (real captures, each numbered), or a file of the client's envelopes."""
    if form == "envelopes":
        keyval = (CAPTURES / "crr-Dk.txt").read_text()
        with path.open("wb") as file:
            for machine, rate in enumerate(rates(count)):
                outputs = [with_rate(keyval, rate + number) for number in range(ENVELOPE_RUNS)]
                runs = [reports.run(outputs=[output]) for output in outputs]
                envelope = reports.envelope(*runs, machine_id=f"{machine:032x}")
                file.write(reports.as_bytes(envelope) + b"\n")
        return path
    captures = [file.read_text() for file in sorted(CAPTURES.glob("*.txt"))]
    for number, rate in enumerate(rates(count)):
        folder = path / f"{number // FOLDER_SIZE:04}"
        folder.mkdir(parents=True, exist_ok=True)
        capture = captures[number % len(captures)]
        (folder / f"{number:06}.txt").write_text(f"# host {number}, {rate:.1f}\n{capture}")
    return path


def with_rate(keyval: str, rate: float) -> str:
    return re.sub(r"(?m)^THROUGHPUT=.*$", f"THROUGHPUT={rate:.2f}", keyval)


def rates(count: int) -> Iterator[float]:
    """Distinct rates, each of a whole number of transactions."""
    return (10_000 + number * SEED_OF_RATES % 100_000_007 / 10 for number in range(count))


def texts_of(path: Path, form: str) -> list[list[str]]:
    """The outputs of each report."""
    if form == "texts":
        return [[file.read_text()] for file in sorted(path.rglob("*.txt"))]
    envelopes = map(json.loads, path.read_bytes().splitlines())
    return [[text for run in each["runs"] for text in run["outputs"]] for each in envelopes]


def bare(path: Path, form: str, processes: int) -> float:
    """Reports a second that `netperf.parse` reads in all processes together."""
    with ProcessPoolExecutor(processes) as executor:
        jobs = [executor.submit(parsing, path, form, part, processes) for part in range(processes)]
        return sum(job.result() for job in jobs)


def parsing(path: Path, form: str, part: int, parts: int) -> float:
    reports_of_part = texts_of(path, form)[part::parts]
    started_s = time.perf_counter()
    for texts in reports_of_part:
        for text in texts:
            netperf.parse(text)
    return len(reports_of_part) / (time.perf_counter() - started_s)


def imported(folder: Path, source: Path, postgresql: bool) -> dict[str, float]:
    """What `measure` says, from a process of its own."""
    if postgresql:
        with servers.postgresql(durable=True) as url:
            return in_database(url, folder, source)
    return in_database(f"sqlite:///{folder}/{source.name}.sqlite3", folder, source)


def in_database(url: str, folder: Path, source: Path) -> dict[str, float]:
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": KEY,
        "DJANGO_SETTINGS_MODULE": "registry.settings",
    }
    command = [sys.executable, __file__, "--imported", str(source)]
    answer = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def measure(path: str) -> None:
    """Import `path` into an empty database; print the rate and the peak of the largest process."""
    import django

    django.setup()
    from django.core.management import call_command

    from submissions.importers.run import bring_up_to_date, import_reports

    call_command("migrate", verbosity=0)
    started_s = time.perf_counter()
    stored = sum(note.outcome == "stored" for note in import_reports([path]))
    stored_s = time.perf_counter()
    bring_up_to_date()
    taken_s = time.perf_counter() - started_s
    kib = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"stored in {stored_s - started_s:.1f} s of {taken_s:.1f} s", file=sys.stderr)
    print(json.dumps({"rate_per_s": stored / taken_s, "peak_mb": kib / 1024}))


if __name__ == "__main__":
    main()
