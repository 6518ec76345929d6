"""No regular expression of ours can take ages: strangers write what it reads.

Nothing is timed here: how an expression is built tells. `make fuzz` times them on `attacks`.
"""

import re

import pytest

from tests.fuzz import patterns

COMPILED = patterns.compiled()


def test_the_rule_sees_the_expressions() -> None:
    assert any(name.startswith("submissions.privacy.") for name in COMPILED)
    assert any(name.startswith("crr_submit.netperf.") for name in COMPILED)


@pytest.mark.parametrize("expression", ["(a+)+", "(a*b?)*", "(?:x|[a-z]+)*y", r"(?:\w+\s?)*$"])
def test_the_rule_names_what_blows_up(expression: str) -> None:
    assert patterns.endless(re.compile(expression))


@pytest.mark.parametrize(
    "expression", ["a+b+", "(?:,[^,]*)*", "(?:[^x]++|y)*+", r"\s*(?:[:*](?=\s)\s*)*", "(a{1,9}){2}"]
)
def test_the_rule_lets_the_others_be(expression: str) -> None:
    assert not patterns.endless(re.compile(expression))


@pytest.mark.parametrize("name", COMPILED)
def test_no_expression_can_blow_up(name: str) -> None:
    assert not patterns.endless(COMPILED[name]), (
        f"{name}: bound one of the two repeats, or make the outer one possessive (Python 3.11)"
    )
