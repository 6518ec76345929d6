"""A report as the text that `crr-submit send --text` prints, after a mail."""

import base64
import zlib
from collections.abc import Callable

import pytest
from django.test import Client

from crr_submit import report
from registry.refusal import Refused
from submissions import mail_block
from submissions.decode import decode
from tests import reports

REPORT = reports.envelope(reports.run(), notes="sent by mail " * 200)
BODY = reports.as_bytes(REPORT)
BLOCK = report.to_mail(BODY)


def quoted(block: str) -> str:
    lines = "\n".join(f"> > {line}  " for line in block.split("\n"))
    return f"Hello,\n\nhere is the report:\n\n{lines}\n\n-- \nEve\n"


@pytest.mark.parametrize(
    "way", [str, quoted, lambda block: block.replace("\n", "\r\n"), lambda block: f"\n{block}\n\n"]
)
def test_it_survives_mail(way: Callable[[str], str]) -> None:
    assert decode(way(BLOCK).encode(), "text/plain").envelope == REPORT


def packed(body: bytes) -> str:
    middle = base64.encodebytes(body).decode()
    return f"{report.BLOCK_BEGINS}\n{middle}{report.BLOCK_ENDS}"


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        (BLOCK + "\n" + BLOCK, 422, "2 reports"),
        (BLOCK[:-30], 422, "copy all of it"),
        (BLOCK.replace(BLOCK[80], "*", 1), 422, "lost or changed"),
        (BLOCK.replace(BLOCK[60:140], "", 1), 422, "lost"),
        (packed(b"no zlib"), 422, "lost or changed"),
        (packed(zlib.compress(BODY)[:-8]), 422, "lost on the way"),
        (packed(b""), 422, "lost on the way"),
        (packed(zlib.compress(bytes(200 * 1024 * 1024), 9)), 413, "512 KiB"),
        (packed(zlib.compress(b"[1]")), 422, "object"),
    ],
)
def test_what_did_not_survive_is_refused_with_the_reason(
    text: str, status: int, words: str
) -> None:
    with pytest.raises(Refused) as caught:
        decode(text.encode(), "text/plain")
    assert caught.value.status == status
    assert words in caught.value.message


@pytest.mark.django_db
def test_the_api_and_the_page_take_it(client: Client) -> None:
    page = client.post("/submit/", {"text": quoted(BLOCK)}).content.decode()
    assert "23,456" in page or "23456" in page
    answer = client.post("/api/v1/reports/", quoted(BLOCK), content_type="text/plain")
    assert answer.status_code == 201
    assert [result["value"] for result in answer.json()["results"]] == [23456.78]


def test_the_block_is_narrow_and_plain() -> None:
    assert BLOCK.isascii()
    assert max(map(len, BLOCK.split("\n"))) <= 76
    assert mail_block.unpacked(BLOCK) == BODY
