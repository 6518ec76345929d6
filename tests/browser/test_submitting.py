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
    page.get_by_text("How it is read").wait_for()
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


def test_dropped_file_is_read_at_once(read: Read) -> None:
    page: Any = read().open("/submit/")
    drop(page, TEXT)
    page.get_by_text("✓ TCP_CRR 12,345.67 trans/s").wait_for()
    assert page.get_by_label("Report", exact=True).input_value() == TEXT


def test_dropped_file_that_is_too_large_says_so_and_leaves_the_form(read: Read) -> None:
    page: Any = read().open("/submit/")
    field = page.get_by_label("Report", exact=True)
    field.fill(TEXT)
    page.get_by_label("Notes").fill("in the lab")
    drop(page, "x" * 600_000)
    page.get_by_text("it has 600,000 bytes, and a report at most 524,288").wait_for()
    assert field.input_value() == TEXT
    assert page.get_by_label("Notes").input_value() == "in the lab"


def test_notes_outlive_text_that_cannot_be_read_meanwhile(read: Read) -> None:
    page: Any = read().open("/submit/")
    field = page.get_by_label("Report", exact=True)
    field.fill(TEXT)
    page.get_by_label("Notes").fill("in the lab")
    field.fill("half a line")
    page.get_by_role("alert").wait_for()
    field.fill(TEXT)
    page.get_by_text("✓ TCP_CRR 12,345.67 trans/s").wait_for()
    assert page.get_by_label("Notes").input_value() == "in the lab"


def test_largest_text_is_read_while_it_is_pasted(read: Read) -> None:
    """Mostly blanks, which three bytes each would make too large for a form."""
    reader = read()
    page: Any = reader.open("/submit/")
    page.get_by_label("Report", exact=True).evaluate(
        "(field, text) => { field.value = text; field.dispatchEvent(new Event('input')); }",
        TEXT + (" " * 998 + "y\n") * 500,
    )
    page.get_by_text("✓ TCP_CRR 12,345.67 trans/s").wait_for()
    assert reader.complaints == []


@pytest.mark.parametrize("with_scripts", [True, False])
def test_reason_of_an_unread_line_is_in_sight(read: Read, with_scripts: bool) -> None:
    page: Any = read(javascript=with_scripts).open("/submit/")
    banner = "MIGRATED TCP Connect/Request/Response TEST from 0.0.0.0 () port 0 AF_INET to host"
    page.get_by_label("Report", exact=True).fill(f"{TEXT}{banner}{'.example' * 20} () port 0\n")
    page.get_by_role("button", name="Read it").press("Enter")
    reason = page.locator(".unread .said-of").last
    reason.wait_for()
    box, frame = reason.bounding_box(), page.locator(".scroll").last.bounding_box()
    assert box["x"] + box["width"] <= frame["x"] + frame["width"]


def drop(page: Any, text: str) -> None:
    """A file of `text`, dropped on the field."""
    page.get_by_label("Report", exact=True).evaluate(
        """(field, text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], "netperf.txt"));
          field.dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
        }""",
        text,
    )
