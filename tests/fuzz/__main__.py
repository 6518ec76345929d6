"""`make fuzz`: looks for input that breaks us, for FUZZ_SECONDS (10 minutes by default).

Regular expressions are timed on texts made against them. Then come two coverage-guided fuzzers,
side by side: the parser, and all of intake up to the database. Last the API on a
PostgreSQL of its own, with new examples in every round. Exits 1 and names the files when something
was found; they are in build/fuzz/findings.
"""

import importlib.util
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

from tests.fuzz import findings, growth, patterns, seeds
from tests.fuzz.findings import Broken

ROOT = findings.ROOT
FOLDER = ROOT / "build" / "fuzz"
DEFAULT_S = 600
GUIDED_SHARE = 0.7
TOLD_EVERY_S = 15
LONGEST_INPUT = 8_192  # bytes
HANGS_AFTER_S = 60
TARGETS = {"parse": seeds.texts, "intake": seeds.bodies}
API_TESTS = ("tests/test_api_contract.py", "tests/submissions/test_properties.py")
_STATUS = re.compile(r"#(\d+)\s.*cov: (\d+) .*exec/s: (\d+)")


def main() -> int:
    seconds = float(os.environ.get("FUZZ_SECONDS") or DEFAULT_S)
    findings.FOLDER.mkdir(parents=True, exist_ok=True)
    started, earlier = time.monotonic(), found()
    time_patterns()
    left_s = started + seconds - time.monotonic()
    failures = guided(max(1, int(left_s * GUIDED_SHARE)))
    api(started + seconds)
    new = sorted(found() - earlier)
    for path in new:
        print(f"fuzz: found {path.relative_to(ROOT)}; the .why beside it says what is wrong")
    for failure in failures:
        print(f"fuzz: {failure}")
    if new or failures:
        return 1
    print(f"fuzz: nothing found in {time.monotonic() - started:.0f} s")
    return 0


def found() -> set[Path]:
    return {path for path in findings.FOLDER.glob("*") if path.suffix != ".why"}


def time_patterns() -> None:
    """Each regular expression on the texts that it would read longest."""
    django.setup()
    compiled = patterns.compiled()
    print(f"fuzz: timing {len(compiled)} regular expressions", flush=True)
    for name, pattern in compiled.items():
        for start, unit, end in patterns.attacks(pattern):
            try:
                growth.check_pumped(name, _finder(pattern), start, unit, end)
            except Broken as broken:
                (findings.FOLDER / f"pattern-{name}.txt").write_text(f"{broken}\n")


def _finder(pattern: re.Pattern[Any]) -> Callable[[str], object]:
    """All its matches in a text."""
    if isinstance(pattern.pattern, bytes):
        return lambda text: pattern.findall(text.encode())
    return pattern.findall


def guided(seconds: int) -> list[str]:
    """Both coverage-guided fuzzers; what failed of them but by a finding of ours."""
    if importlib.util.find_spec("atheris") is None:
        print("fuzz: atheris has no wheel for this machine: nothing here is guided by coverage")
        return []
    seeds.write_dictionary(FOLDER / "words.dict")
    running = {target: _start(target, seconds) for target in TARGETS}
    while any(process.poll() is None for process in running.values()):
        _wait(running, TOLD_EVERY_S)
        print("fuzz: " + " · ".join(map(status, TARGETS)), flush=True)
    return [
        f"the fuzzer of {target} ended with {process.returncode}: see {log_of(target)}"
        for target, process in running.items()
        if process.returncode
    ]


def _start(target: str, seconds: int) -> subprocess.Popen[bytes]:
    corpus = FOLDER / "corpus" / target
    seeds.write(corpus, TARGETS[target]())
    options = {
        "dict": FOLDER / "words.dict",
        "max_total_time": seconds,
        "max_len": LONGEST_INPUT,
        "timeout": HANGS_AFTER_S,
        "artifact_prefix": f"{findings.FOLDER}/{target}-",
    }
    command = [sys.executable, "-m", "tests.fuzz.guided", target, str(corpus)]
    command += [f"-{name}={value}" for name, value in options.items()]
    with (ROOT / log_of(target)).open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)


def _wait(running: dict[str, subprocess.Popen[bytes]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for process in running.values():
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return


def log_of(target: str) -> str:
    return f"build/fuzz/{target}.log"


def status(target: str) -> str:
    """libFuzzer's last word: inputs tried, branches reached, inputs a second."""
    text = (ROOT / log_of(target)).read_text(encoding="utf-8", errors="replace")
    last = next(iter(_STATUS.findall(text)[-1:]), None)
    if last is None:
        return f"{target}: starting"
    return f"{target}: {int(last[0]):,} inputs, {last[1]} branches, {last[2]}/s"


def api(deadline: float) -> None:
    """Rounds of new examples against the API and the properties, until the time is over."""
    round_number = 0
    while time.monotonic() < deadline or round_number == 0:
        round_number += 1
        seed = secrets.randbelow(2**32)
        print(f"fuzz: API and properties, round {round_number}, seed {seed}", flush=True)
        command = [sys.executable, "-m", "tests.servers", "postgresql", sys.executable, "-m"]
        command += ["pytest", "--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}", *API_TESTS]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            path = findings.FOLDER / f"api-{seed}.txt"
            path.write_bytes(done.stdout)
            return


if __name__ == "__main__":
    sys.exit(main())
