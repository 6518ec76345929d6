"""`python -m tests.faults [CASE...]`: runs what shows each case, whole, and writes the table of
docs/reliability.md. Exit code 1 when a case is not shown. Called by `make faults`.

`--database-only FILE NAME...` runs tests that touch the database, and writes what became of them.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from tests.faults import WHOLE
from tests.faults.cases import CASES, Case
from tests.servers import ROOT

PAGE = ROOT / "docs/reliability.md"
HEAD = "| case | fault | what holds | shown by `make faults` |\n|---|---|---|---|\n"
Name = tuple[str, str]  # path of the file, name of a test or of a class of tests


@dataclass
class Result:
    """What became of the tests that one name means."""

    passed: int = 0
    others: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        self.passed += other.passed
        self.others += other.others
        self.figures += other.figures


class Collector:
    """A plugin of pytest that keeps the tests that are named, and what became of them."""

    def __init__(self, wanted: set[Name]) -> None:
        self._wanted = wanted
        self.results: dict[Name, Result] = defaultdict(Result)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if self._wanted & _names_in(item.nodeid)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name in self._wanted & _names_in(report.nodeid):
            result = self.results[name]
            if report.when == "call" and report.passed:
                result.passed += 1
                result.figures += [str(text) for _, text in report.user_properties]
            elif not report.passed:
                result.others.append(f"{report.nodeid} {report.outcome}")


def _names_in(node: str) -> set[Name]:
    """By which a case may name a test with whatever parameters: its own, and its class's."""
    path, _, rest = node.partition("::")
    return {(path, name) for name in rest.partition("[")[0].split("::")}


def _name_of(given: str) -> Name:
    path, _, name = given.partition("::")
    return path, name


def main(numbers: list[str]) -> int:
    cases = [case for case in CASES if not numbers or case.number in numbers]
    shown = {name for case in cases for name in case.shown_by}
    results = _of_tests({_name_of(name) for name in shown if "::" in name})
    results |= {(name, ""): _of_target(name) for name in shown if "::" not in name}
    again = {name for case in cases if case.on_both for name in case.shown_by} if WHOLE else set()
    for name, result in _on_postgresql(again).items():
        results.setdefault(name, Result()).add(result)
    rows = {case.number: _row(case, results) for case in cases}
    PAGE.write_text(_with_rows(PAGE.read_text(), rows))
    failed = [number for number, row in rows.items() if "**" in row]
    print(f"{len(cases) - len(failed)} of {len(cases)} cases hold", *failed)
    return int(bool(failed))


def _of_tests(names: set[Name], *options: str) -> dict[Name, Result]:
    collector = Collector(names)
    pytest.main([*options, *sorted({path for path, _ in names})], plugins=[collector])
    return dict(collector.results)


def _on_postgresql(names: set[str]) -> dict[Name, Result]:
    """What became of those that touch the database, on a PostgreSQL of their own: in another
    process, since one has one database.
    """
    if not names:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "results.json")
        server = [sys.executable, "-m", "tests.servers", "postgresql"]
        command = [*server, sys.executable, "-m", "tests.faults", "--database-only", str(file)]
        subprocess.run([*command, *sorted(names)], cwd=ROOT)
        if not file.exists():
            return {_name_of(name): Result(others=["not run on PostgreSQL"]) for name in names}
        told = json.loads(file.read_text())
    return {_name_of(name): Result(**result) for name, result in told.items()}


def write_results(file: str, *names: str) -> int:
    results = _of_tests({_name_of(name) for name in names}, "--database-only")
    told = {"::".join(name): asdict(result) for name, result in results.items()}
    Path(file).write_text(json.dumps(told))
    return 0


def _of_target(command: str) -> Result:
    code = subprocess.run(command.split(), cwd=ROOT).returncode
    return Result(others=[f"{command} ended with {code}"]) if code else Result(passed=1)


def _row(case: Case, results: dict[Name, Result]) -> str:
    found = [results.get(_name_of(name), Result()) for name in case.shown_by]
    missing = [name for name, one in zip(case.shown_by, found, strict=True) if not one.passed]
    wrong = [other for one in found for other in one.others] + missing
    figures = [figure for one in found for figure in one.figures]
    said = "; ".join([_counted(sum(one.passed for one in found)), *figures])
    if wrong:
        said = f"**not shown**: {'; '.join(dict.fromkeys(wrong))}"
    return f"| {case.number} | {case.fault} | {case.holds} | {said} |"


def _counted(n: int) -> str:
    return "1 check" if n == 1 else f"{n:,} checks"


def _with_rows(page: str, rows: dict[str, str]) -> str:
    """The page with these rows in place of the old ones, in the order of the cases. The table is
    its end.
    """
    before, _, table = page.partition(HEAD)
    old = {row.split("|")[1].strip(): row for row in table.splitlines() if row.startswith("|")}
    every = old | rows
    return before + HEAD + "".join(f"{every[case.number]}\n" for case in CASES)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--database-only"]:
        sys.exit(write_results(*sys.argv[2:]))
    sys.exit(main(sys.argv[1:]))
