"""Documentation that is held to the code: every setting has its line."""

import re
from pathlib import Path

import pytest
from django.urls import is_valid_path

from crr_submit import app_output
from submissions.peers import NAMES
from submissions.plausibility import MODES, RULES

ROOT = Path(__file__).resolve().parent.parent


def test_every_setting_has_its_line() -> None:
    source = (ROOT / "registry/settings.py").read_text() + (ROOT / "registry/env.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source)) | set(
        re.findall(r' text\("([A-Z_]+)"\)', source)
    )
    documented = set(
        re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    )
    assert len(read) > 10
    assert read <= documented, f"no line in docs/settings.md for {read - documented}"
    assert documented - {"PORT", "CRR_BIND", "CRR_QUEUES"} <= read, (
        f"docs/settings.md names {documented - read}, which nothing reads"
    )


def test_every_plausibility_rule_has_its_line() -> None:
    text = (ROOT / "docs/plausibility.md").read_text()
    documented = re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)
    rules = [*MODES, *(rule.name for rule in RULES), *NAMES]
    assert documented == rules


def test_the_readme_shows_a_chart_that_can_go_into_a_post() -> None:
    readme = (ROOT / "README.md").read_text()
    chart = readme.partition("```text\n")[2].partition("```")[0]
    assert "TCP_CRR, trans/s" in chart
    assert chart.isascii()
    assert max(len(line) for line in chart.splitlines()) <= 72


DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_a_document_names_is_there(document: Path) -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_address_a_document_names_is_one_of_the_site(document: Path) -> None:
    """Those that hold no part to be filled in; what is behind it is another test's."""
    for address in re.findall(r"`(/[a-z][a-z0-9/._-]*/)(?:\?[^`]*)?`", document.read_text()):
        assert is_valid_path(address) or address == "/static/", address


def test_the_glossary_is_in_its_order_and_says_each_word_once() -> None:
    text = (ROOT / "docs/glossary.md").read_text()
    words = re.findall(r"^\| ([^|]+?) \| \S", text, re.MULTILINE)[1:]
    assert words == sorted(set(words), key=str.casefold)


def test_the_format_of_the_application_test_is_the_one_that_is_read() -> None:
    page = (ROOT / "docs/app_format.md").read_text()
    lines = [line[4:] for line in page.splitlines() if re.match(r"    [A-Z_]+=", line)]
    block = "\n".join(lines) + "\n"
    example = app_output.read(block)
    assert example is not None
    assert app_output.write(example) == block
    keys = [line.partition("=")[0] for line in lines if line != app_output.LAST_LINE]
    assert re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE) == keys
