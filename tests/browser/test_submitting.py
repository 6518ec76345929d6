"""`/submit/` as its user has it: on a phone and on a screen, light and dark, with and without
JavaScript, by keyboard.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.models import RawReport
from tests.browser.reader import FAINT, SIDEWAYS, Reader
from tests.submissions.test_submit_page import TEXT

Read = Callable[..., Reader]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("with_scripts", [True, False])
def test_paste_read_fill_in_send(read: Read, scheme: str, width: int, with_scripts: bool) -> None:
    reader = read(width=width, scheme=scheme, javascript=with_scripts)
    page = reader.open("/submit/")
    page.get_by_label("Report", exact=True).fill(TEXT)
    if with_scripts:
        page.get_by_text("✓ TCP_CRR 12,345.67 trans/s").wait_for()
    else:
        page.get_by_role("button", name="Read it").press("Enter")
    assert page.get_by_text("How it is read").is_visible()
    assert page.evaluate(SIDEWAYS) <= 0
    assert page.evaluate(FAINT) == []
    page.get_by_label("Kernel release").fill("6.1.0-18-amd64")
    page.get_by_label("Notes").fill(f"{scheme} {width} {with_scripts}")
    page.get_by_role("button", name="Send it").press("Enter")
    page.get_by_text("Keep this claim token").wait_for()
    assert page.evaluate(SIDEWAYS) <= 0
    assert RawReport.objects.get().notes == f"{scheme} {width} {with_scripts}"
    assert reader.complaints == []


def test_chosen_file_is_read_at_once(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "netperf.txt"
    file.write_text(TEXT)
    page = read().open("/submit/")
    page.set_input_files("#file", str(file))
    page.get_by_text("✓ TCP_CRR 12,345.67 trans/s").wait_for()
    assert page.get_by_label("Report", exact=True).input_value() == TEXT


def test_what_is_no_report_is_said_while_it_is_typed(read: Read) -> None:
    page: Any = read().open("/submit/")
    page.get_by_label("Report", exact=True).fill("nothing of netperf")
    page.get_by_role("alert").wait_for()
    assert not page.get_by_role("button", name="Send it").is_visible()
