"""The tests of the client from its wheel alone, on each CPython that it promises to run on.

`make test-client` calls it with the folder of the packages. Every interpreter gets a virtual
environment that holds nothing but the wheel, and a process of its own for each module of
tests/client, several at once since most of them wait for netperf; the tests of the command line run
once more with crr-submit.pyz. Prints what failed and a line for each interpreter.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.8", "3.11", "3.13")  # the oldest, Debian's, the newest
AT_ONCE = 8
REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"  # then nothing may be missing or skipped
LIMIT_S = 900  # a machine that others use too is slow
# They take longest, so they come first.
SLOW = ("test_tune_ended", "test_measure", "test_tune", "test_netperf")
OF_THE_COMMAND = ("test_cli", "test_post")


@dataclass(frozen=True)
class Task:
    """One module of tests on one interpreter; `single` is the .pyz where that is tested."""

    version: str
    python: Path
    module: str
    single: Path | None = None

    @property
    def name(self) -> str:
        return f"CPython {self.version}, {self.module}" + (", .pyz" if self.single else "")


@dataclass(frozen=True)
class Done:
    task: Task
    has_passed: bool
    output: str

    def count(self, word: str) -> int:
        """`Ran 12 tests` → 12 for `Ran`, `skipped=3` → 3 for `skipped`."""
        found = re.search(rf"\b{word}[ =](\d+)", self.output)
        return int(found[1]) if found else 0


def main(packages: Path) -> int:
    pythons = {version: find(version) for version in VERSIONS}
    missing = [version for version, path in pythons.items() if path is None]
    if missing:
        print("client tests: no CPython", " and no ".join(missing), file=sys.stderr)
        if REQUIRED or len(missing) == len(VERSIONS):
            return 1
    with tempfile.TemporaryDirectory() as folder:
        (wheel,) = packages.resolve().glob("*.whl")
        single = Path(shutil.copy(packages / "crr-submit.pyz", folder))
        found = {version: path for version, path in pythons.items() if path is not None}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            made = pool.map(lambda version: install(wheel, found[version], folder, version), found)
            installed = dict(zip(found, made, strict=True))
            results = list(pool.map(run, tasks(installed, single)))
    for version in installed:
        report(version, [done for done in results if done.task.version == version])
    is_skipped = REQUIRED and any(done.count("skipped") for done in results)
    return 0 if all(done.has_passed for done in results) and not is_skipped else 1


def find(version: str) -> str | None:
    """An interpreter that can make virtual environments, from PATH or as pyenv keeps them."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    paths = sorted(map(str, kept.glob(f"{version}.*/bin/python{version}")), reverse=True)
    for path in (f"python{version}", *paths):
        # A shim of pyenv is there for versions that are not chosen, and then does nothing.
        probe = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
        if shutil.which(path):
            asked = subprocess.run([path, "-c", probe], capture_output=True, text=True, check=False)
            if asked.stdout.strip() == version:
                return path
    return None


def install(wheel: Path, python: str, folder: str, version: str) -> Path:
    """The interpreter of a new virtual environment with the wheel in it."""
    subprocess.run([python, "-m", "venv", version], cwd=folder, check=True)
    made = Path(folder, version, "bin/python")
    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check", "install")
    subprocess.run([str(made), *pip, "--no-index", "--no-deps", str(wheel)], check=True)
    return made


def tasks(installed: dict[str, Path], single: Path) -> Iterator[Task]:
    found = sorted(path.stem for path in (ROOT / "tests/client").glob("test_*.py"))
    for module in (*SLOW, *(name for name in found if name not in SLOW)):
        for version, python in installed.items():
            yield Task(version, python, module)
    for module in OF_THE_COMMAND:
        for version, python in installed.items():
            yield Task(version, python, module, single)


def run(task: Task) -> Done:
    environment = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    if task.single is not None:
        environment["CRR_SUBMIT"] = str(task.single)
    try:
        done = subprocess.run(
            [str(task.python), "-m", "unittest", f"tests.client.{task.module}"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        # What the others found is not lost with it.
        said = (error.stdout or b"").decode("utf-8", "replace")
        return Done(task, False, f"{said}\nerrors=1: it did not end within {LIMIT_S} s")
    return Done(task, done.returncode == 0, done.stdout)


def report(version: str, results: list[Done]) -> None:
    for done in results:
        if not done.has_passed:
            print(f"== {done.task.name}\n{done.output}")
    n_run = sum(done.count("Ran") for done in results)
    n_skipped = sum(done.count("skipped") for done in results)
    n_failed = sum(done.count("failures") + done.count("errors") for done in results)
    numbers = f"{n_run - n_skipped - n_failed} passed, {n_failed} failed, {n_skipped} skipped"
    print(f"crr-submit on CPython {version}: {numbers}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
