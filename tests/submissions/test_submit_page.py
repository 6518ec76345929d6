"""`/submit/`: how a pasted report is shown before it is sent, and what is stored of it then."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from registry.models import RawReport, Run
from submissions import as_read, filled_in, submit_page
from submissions.decode import Document
from submissions.models import Refusal
from submissions.parsing import parse
from submissions.plausibility import configure
from tests import reports

pytestmark = pytest.mark.django_db

URL = "/submit/"
TEXT = """\
admin@db-prod-7:~$ netperf -t TCP_CRR -H 10.1.2.3 -l 10
TCP Connect/Request/Response TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 10.1.2.3 () port 0
Local /Remote
Socket Size   Request  Resp.   Elapsed  Trans.
Send   Recv   Size     Size    Time     Rate
bytes  Bytes  bytes    bytes   secs.    per sec

16384  87380  1        1       10.00    12345.67
16384  87380
"""
FILLED = {
    "environment-kernel-release": "6.1.0-18-amd64",
    "environment-virtualization-type": "kvm",
    "environment-cpu-online": "4",
    "run-topology": "same_lan",
    "notes": "in the\r\nlab",
    "visibility": "unlisted",
}


def words(answer: Any) -> str:
    """The text of a page on single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def read(client: Client, text: str = TEXT, **more: Any) -> Any:
    return client.post(URL, {"text": text, "do": "read", **more})


def test_empty_form(client: Client) -> None:
    answer = client.get(URL)
    assert answer.status_code == 200
    assert "Read it" in words(answer)
    assert "Send it" not in words(answer)


def test_reading_shows_the_result_its_line_and_what_would_be_stored(client: Client) -> None:
    answer = read(client)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert re.search(r'<li class="result"><code>16384  87380  1 .*12345.67</code>', page)
    assert "TCP_CRR 12,345.67 trans/s" in page
    assert RawReport.objects.count() == 0
    shown = page.partition('<ol class="lines"')[2].partition("</ol>")[0]
    for secret in ("db-prod-7", "10.1.2.3", "admin"):
        assert secret not in shown
    assert "host-1" in shown


def test_line_that_was_not_read_says_why(client: Client) -> None:
    page = read(client, TEXT + TEXT.partition("Local /Remote")[0]).content.decode()
    assert '<li class="unread">' in page
    assert "looked like netperf and was not read" in page


def test_sending_the_text_alone_stores_it_as_the_api_would(client: Client) -> None:
    answer = client.post(URL, {"text": TEXT.replace("\n", "\r\n"), "do": "send"})
    assert answer.status_code == 201
    report = RawReport.objects.get()
    assert (report.source, report.format) == (RawReport.Source.PASTE, "netperf-text")
    assert report.public_id in answer.content.decode()
    (token,) = re.findall(r"crrc_[\w-]+", answer.content.decode())
    edited = client.delete(
        f"/api/v1/reports/{report.public_id}/", headers={"Authorization": f"Bearer {token}"}
    )
    assert edited.status_code == 204


def test_sending_twice_is_one_report_and_shows_no_token(client: Client) -> None:
    client.post(URL, {"text": TEXT, "do": "send"})
    again = client.post(URL, {"text": TEXT, "do": "send"})
    assert again.status_code == 200
    assert "here already" in words(again)
    assert "crrc_" not in again.content.decode()
    assert RawReport.objects.count() == 1


def test_what_is_filled_in_becomes_an_envelope_around_the_text(client: Client) -> None:
    assert client.post(URL, {"text": TEXT, "do": "send", **FILLED}).status_code == 201
    report = RawReport.objects.get()
    assert (report.format, report.visibility) == ("envelope/1", "unlisted")
    assert report.notes == "in the\nlab"
    run = Run.objects.select_related("system", "recipe").get()
    assert (run.value, run.recipe.topology, run.system.cpus) == (12345.67, "same_lan", 4)
    assert (run.system.virtualization, run.system.kernel_series) == ("kvm", "6.1")
    assert "10.1.2.3" not in bytes(report.body or b"").decode()


def test_a_whole_report_is_sent_as_it_is(client: Client) -> None:
    body = reports.as_bytes(reports.envelope(reports.run(20_000), reports.run(21_000))).decode()
    page = read(client, body)
    assert "What the text does not say" not in words(page)
    assert "Run 2, output 1" in words(page)
    assert client.post(URL, {"text": body, "do": "send"}).status_code == 201
    assert Run.objects.count() == 2


def test_file_goes_before_the_field(client: Client) -> None:
    file = SimpleUploadedFile("netperf.txt", TEXT.encode())
    answer = client.post(URL, {"text": "", "file": file, "do": "read"})
    assert "TCP_CRR 12,345.67" in words(answer)


@pytest.mark.parametrize("do", ["read", "send"])
@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        ("", 422, "Paste what netperf printed"),
        ("no netperf at all", 422, "No result of netperf was found"),
        ("a\0b", 422, "NUL"),
        ('{"report_version": 1', 400, "not JSON"),
        ('{"report_version": 7, "runs": []}', 422, "fault"),
        ("x" * 530_000, 413, "at most 524,288 bytes"),
    ],
)
def test_bad_input_is_said_on_the_page_and_kept_in_the_form(
    client: Client, do: str, text: str, status: int, says: str
) -> None:
    answer = client.post(URL, {"text": text, "do": do})
    assert answer.status_code == status
    assert says in words(answer)
    assert RawReport.objects.count() == 0
    if "\0" not in text:
        kept = re.search(
            r'<textarea name="text".*?>\n(.*?)</textarea>', words_of(answer), re.DOTALL
        )
        assert kept is not None
        assert unescape(kept[1]) == text


def words_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_bad_number_of_cpus_stores_nothing(client: Client) -> None:
    answer = client.post(URL, {"text": TEXT, "do": "send", "environment-cpu-online": "many"})
    assert answer.status_code == 422
    assert "CPUs" in words(answer)
    assert "whole number" in words(answer)
    assert RawReport.objects.count() == 0


@pytest.mark.parametrize("name", ["text", "file"])
def test_form_that_is_far_too_large_is_told_so_and_not_sent_back(name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get(URL)
    large: Any = "x" * 1_100_000
    given = SimpleUploadedFile("netperf.txt", large.encode()) if name == "file" else large
    token = client.cookies["csrftoken"].value
    answer = client.post(URL, {"csrfmiddlewaretoken": token, name: given, "do": "read"})
    assert answer.status_code == 413
    assert "at most 524,288 bytes" in words(answer)
    assert len(answer.content) < 20_000


def test_file_in_utf16_is_shown_and_read(client: Client) -> None:
    file = SimpleUploadedFile("netperf.txt", TEXT.encode("utf-16"))
    answer = client.post(URL, {"text": "", "file": file, "do": "read"})
    assert answer.status_code == 200
    assert "TCP_CRR" in words(answer)


def test_file_that_is_not_utf8_is_refused_and_shown(client: Client) -> None:
    file = SimpleUploadedFile("netperf.txt", b"caf\xe9\n" + TEXT.encode())
    answer = client.post(URL, {"text": "", "file": file, "do": "send"})
    assert answer.status_code == 400
    assert "not UTF-8" in words(answer)
    assert "caf\ufffd" in answer.content.decode()
    assert RawReport.objects.count() == 0


@pytest.mark.parametrize("do", ["read", "send"])
def test_what_was_filled_in_outlives_a_refusal(client: Client, do: str) -> None:
    more = {**FILLED, "environment-cpu-online": "many"}
    page = client.post(URL, {"text": TEXT, "do": do, **more}).content.decode()
    for value in ("6.1.0-18-amd64", "kvm", "many"):
        assert f'value="{value}"' in page
    assert "<option selected>same_lan</option>" in page
    assert "in the\r\nlab</textarea>" in page
    assert re.search(r'value="unlisted" checked', page)


def test_a_note_leaves_pasted_text_what_it_is(client: Client) -> None:
    pinned = TEXT.replace("-l 10", "-T 0,0 -l 10")
    client.post(URL, {"text": pinned, "do": "send"})
    client.post(URL, {"text": pinned, "do": "send", "notes": "in the lab"})
    bare, noted = Run.objects.select_related("recipe").order_by("id")
    assert (bare.recipe.source, bare.recipe.placement) == ("pasted", "same_cpu")
    assert noted.recipe == bare.recipe


def test_what_the_text_says_is_filled_in(client: Client) -> None:
    text = TEXT.replace("10.1.2.3", "127.0.0.1").replace("-l 10", "-T 0,0 -l 10")
    page = read(client, "root@db-prod-7:~# uname -r\n6.1.0-18-amd64\n" + text).content.decode()
    assert 'id="environment-kernel-release" value="6.1.0-18-amd64"' in page
    assert "as read: loopback" in page
    assert "as read: same_cpu" in page


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("Linux host-1 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux", "6.1.0-18-amd64"),
        ("$ uname -r\r\n2.6.32-5-xen-amd64\r\n", "2.6.32-5-xen-amd64"),
        ("uname -r\n4.4\nuname -r\n4.4\n", "4.4"),
        ("uname -r\n4.4\nuname -r\n5.4\n", ""),
        ("uname -r\nbash: uname: not found", ""),
        ("we like Linux host 6.1 #1", ""),
        ("# uname -r\n6.1 <script>", ""),
        ("uname -r", ""),
    ],
)
def test_kernel_release_that_uname_printed(text: str, release: str) -> None:
    assert as_read.kernel_release_in(text) == release


def test_every_byte_that_would_be_stored_is_shown(client: Client) -> None:
    long = "y" * 2 * as_read.LINE_LENGTH
    for more in ({"notes": "from 10.1.2.3"}, {"text": f"{long}\n{TEXT}"}):
        page = read(client, **{"text": TEXT, **more}).content.decode()
        shown = unescape(page.partition("<pre>")[2].partition("</pre>")[0])
        client.post(URL, {"text": TEXT, **more, "do": "send"})
        assert shown.encode() == bytes(RawReport.objects.latest("id").body or b"")
        assert "10.1.2.3" not in shown
    assert "<pre>" not in read(client).content.decode()


def test_database_that_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(submit_page, "submit", away)
    answer = client.post(URL, {"text": TEXT, "do": "send", "notes": "in the lab"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "try again soon" in words(answer)
    for kept in ("12345.67", "in the lab</textarea>", "Send it"):
        assert kept in answer.content.decode()


@pytest.fixture
def refused_rule() -> Iterator[str]:
    configure({"impossible_rate": "refuse"})
    yield "impossible_rate"
    configure({})


def test_what_sending_would_refuse_is_refused_when_it_is_read(
    client: Client, refused_rule: str
) -> None:
    answer = read(client, TEXT.replace("12345.67", "99999999.00"))
    assert answer.status_code == 422
    assert refused_rule in words(answer)
    assert "Send it" not in words(answer)


def test_same_quota_as_the_api(client: Client, settings: Any) -> None:
    settings.REPORTS_PER_DAY = 1
    assert client.post(URL, {"text": TEXT, "do": "send"}).status_code == 201
    more = client.post(URL, {"text": TEXT + "\n", "do": "send"})
    assert more.status_code == 429
    assert int(more["Retry-After"]) > 0
    assert "tomorrow" in words(more)
    assert Refusal.objects.get().code == "quota_reached"


def test_hostile_text_is_shown_as_text(client: Client) -> None:
    evil = "<script>alert(1)</script> \x1b[31m \u202emirror {{ 7|add:1 }}\n"
    page = read(client, evil + TEXT).content.decode()
    shown = page.partition('<ol class="lines"')[2].partition("</ol>")[0]
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in shown
    assert "\x1b" not in shown
    assert "\u241b[31m" in shown
    assert "\u202e" not in shown
    assert "{{ 7|add:1 }}" in unescape(shown)


def test_htmx_gets_the_reading_alone(client: Client) -> None:
    page = client.post(URL, {"text": TEXT}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert "12,345.67" in page
    assert "Send it" in page


def test_without_the_token_of_the_form_nothing_happens() -> None:
    answer = Client(enforce_csrf_checks=True).post(URL, {"text": TEXT, "do": "send"})
    assert answer.status_code == 403
    assert "CRR registry" in words(answer)
    assert RawReport.objects.count() == 0


def test_a_page_shows_so_many_lines_and_says_how_many_more(client: Client) -> None:
    (part,) = as_read.parts_of(parse(Document(text=TEXT + "x\n" * 5_000)))
    assert len(part.lines) == as_read.LINES_SHOWN
    assert part.n_more == 5_000 + TEXT.count("\n") - as_read.LINES_SHOWN
    assert len(as_read.visible("y" * 10_000)) == as_read.LINE_LENGTH + 1


def test_every_field_of_the_form_is_one_of_the_envelope() -> None:
    from crr_submit.fields import ENVELOPE

    known = {field.path for field in ENVELOPE}
    for field in filled_in.FIELDS:
        path = field.path.replace("run.", "runs[].") if field.path[:4] == "run." else field.path
        assert path in known
