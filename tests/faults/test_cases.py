"""The table of cases is whole, and every test that it names is there."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.cases import CASES, PRIORITY, Case
from tests.servers import ROOT

Named = ast.FunctionDef | ast.ClassDef


def named_in(path: str) -> dict[str, Named]:
    """The tests of a file and their classes."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Named)}


def is_left_to_make_faults(node: Named) -> bool:
    return any(ast.unparse(mark) == "pytest.mark.faults" for mark in node.decorator_list)


def test_no_case_is_missing() -> None:
    numbers = {int(re.sub(r"\D", "", case.number)) for case in CASES}
    assert numbers == set(range(1, 60))
    assert len({case.number for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_every_test_that_a_case_names_is_there(case: Case) -> None:
    tests = [name.split("::") for name in case.shown_by if "::" in name]
    assert [name for path, name in tests if name not in named_in(path)] == []
    targets = [name.removeprefix("make ") for name in case.shown_by if "::" not in name]
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if f"\n{target}: " not in makefile] == []


@pytest.mark.parametrize("number", PRIORITY)
def test_cases_of_priority_are_shown_by_the_suite(number: str) -> None:
    (case,) = (case for case in CASES if case.number == number)
    tests = [name.split("::") for name in case.shown_by if "::" in name]
    assert any(not is_left_to_make_faults(named_in(path)[name]) for path, name in tests)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_every_case_has_its_row(case: Case) -> None:
    page = (ROOT / "docs/reliability.md").read_text()
    assert f"| {case.number} | {case.fault} | {case.holds} | " in page


MADE = """
import unittest
class ManyTest(unittest.TestCase):
    pass
class OtherTest(unittest.TestCase):
    def test_other(self):
        self.fail()
    def test_named(self):
        pass
for number in range(3):
    setattr(ManyTest, f"test_{number}", lambda self, number=number: self.assertLess(number, 2))
"""
RUN = """
from tests.faults.__main__ import Case, _of_tests, _row
results = _of_tests({("test_made.py", "ManyTest"), ("test_made.py", "test_named")})
for names in (("test_named",), ("test_named", "ManyTest"), ("NoTest",)):
    case = Case("1", "", "", tuple(f"test_made.py::{name}" for name in names))
    print(_row(case, results))
"""


def test_a_class_means_the_tests_that_it_has_when_it_runs(tmp_path: Path) -> None:
    (tmp_path / "test_made.py").write_text(MADE)
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert [line for line in done.stdout.splitlines() if line.startswith("| 1 ")] == [
        "| 1 |  |  | 1 check |",
        "| 1 |  |  | **not shown**: test_made.py::ManyTest::test_2 failed |",
        "| 1 |  |  | **not shown**: test_made.py::NoTest |",
    ], done.stdout + done.stderr
    assert "1 failed, 3 passed" in done.stdout
