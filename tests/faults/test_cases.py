"""The table of cases is whole, and every test that it names is there."""

import ast
import re

import pytest

from tests.faults.cases import CASES, PRIORITY, Case
from tests.servers import ROOT


def functions_of(path: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def is_left_to_make_faults(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(mark) == "pytest.mark.faults" for mark in function.decorator_list)


def test_no_case_is_missing() -> None:
    numbers = {int(re.sub(r"\D", "", case.number)) for case in CASES}
    assert numbers == set(range(1, 60))
    assert len({case.number for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_every_test_that_a_case_names_is_there(case: Case) -> None:
    tests = [name.split("::") for name in case.shown_by if "::" in name]
    assert [name for path, name in tests if name not in functions_of(path)] == []
    targets = [name.removeprefix("make ") for name in case.shown_by if "::" not in name]
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if f"\n{target}: " not in makefile] == []


@pytest.mark.parametrize("number", PRIORITY)
def test_cases_of_priority_are_shown_by_the_suite(number: str) -> None:
    (case,) = (case for case in CASES if case.number == number)
    tests = [name.split("::") for name in case.shown_by if "::" in name]
    assert any(not is_left_to_make_faults(functions_of(path)[name]) for path, name in tests)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_every_case_has_its_row(case: Case) -> None:
    page = (ROOT / "docs/reliability.md").read_text()
    assert f"| {case.number} | {case.fault} | {case.holds} | " in page
