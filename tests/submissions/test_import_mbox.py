"""Mail archives: posts become reports, quotes do not count twice, hostile mail harms nothing."""

import base64
import contextlib
import io
import json
import quopri
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from registry.models import RawReport, Result, Submitter
from submissions.importers import mbox
from submissions.verify import broken_promises
from tests import reports

pytestmark = pytest.mark.django_db

LORE = "From mboxrd@z Thu Jan  1 00:00:00 1970\n"
PIPERMAIL = "From eve at example.org  Tue Jan 11 09:15:02 2011\n"


def post(
    text: str, number: int = 1, start: str = LORE, sender: str = "eve@example.org", **headers: str
) -> str:
    lines = {"From": sender, "Message-ID": f"<{number}@example.org>", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in lines.items())
    return f"{start}{head}\n{text}\n"


def quoted(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}\n" for line in text.splitlines())


def archive(folder: Path, *posts: str, name: str = "list.mbox") -> Path:
    path = folder / name
    path.write_bytes("".join(posts).encode("latin-1"))
    return path


def imported(path: Path) -> list[dict[str, Any]]:
    out = io.StringIO()
    with contextlib.suppress(CommandError):  # nothing in it is a report: some tests want that
        call_command("import_reports", str(path), "--json", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def values() -> list[float]:
    return list(Result.objects.order_by("id").values_list("value", flat=True))


def test_posts_with_results_are_reports_named_by_their_message_id(tmp_path: Path) -> None:
    lines = imported(
        archive(
            tmp_path,
            post("My figures:\n\n" + reports.text(100.25), 1),
            post("Thanks!", 2),
            post("Mine:\n\n" + reports.text(200.25), 3, sender="Bob <bob@example.net>"),
            post("Nice.", 4),
        )
    )
    assert [line["outcome"] for line in lines] == ["stored", "stored", "skipped"]
    assert lines[2]["count"] == 2
    assert list(RawReport.objects.order_by("id").values_list("source_ref", "format")) == [
        ("<1@example.org>", "mbox"),
        ("<3@example.org>", "mbox"),
    ]
    assert values() == [100.25, 200.25]
    assert Submitter.objects.count() == 2  # a poster stands for a machine
    assert list(broken_promises()) == []


@pytest.mark.parametrize("start", [LORE, PIPERMAIL, "From a@b Thu Dec  8 12:55:04 2016\n"])
def test_separators_of_every_kind_of_archive_part_posts(start: str, tmp_path: Path) -> None:
    text = "From here on:\n>From the host:\n" + reports.text(100.25)
    path = archive(tmp_path, post(text, 1, start), post(reports.text(7.5), 2, start))
    assert len(imported(path)) == 2
    assert values() == [100.25, 7.5]
    body = bytes(RawReport.objects.order_by("id")[0].body or b"").decode()
    assert body.startswith("From here on:\nFrom the host:\n")


def test_a_single_message_needs_no_separator(tmp_path: Path) -> None:
    [line] = imported(archive(tmp_path, post(reports.text(), start="", Subject="x", Date="y")))
    assert line["outcome"] == "stored"
    assert RawReport.objects.get().source_ref == "<1@example.org>"


@pytest.mark.parametrize("mark", ["> ", ">", "> > ", "| "])
def test_a_quote_of_an_earlier_post_is_left_out(mark: str, tmp_path: Path) -> None:
    first = reports.text(100.25)
    lines = imported(
        archive(
            tmp_path,
            post(first, 1),
            post(f"Eve wrote:\n{quoted(first, mark)}\nMine is:\n\n{reports.text(200.25)}", 2),
            post(f"Eve wrote:\n{quoted(first, mark)}\nWhich kernel?", 3),
        )
    )
    assert [line["outcome"] for line in lines] == ["stored", "stored", "skipped"]
    assert lines[2]["code"] == "quotes_only"
    assert values() == [100.25, 200.25]
    assert list(broken_promises()) == []


def test_a_quote_whose_post_is_elsewhere_is_all_there_is(tmp_path: Path) -> None:
    imported(archive(tmp_path, post("Bob wrote:\n" + quoted(reports.text(100.25)) + "\nOld.", 2)))
    assert values() == [100.25]


def test_a_quote_of_a_post_of_an_earlier_import_is_left_out(tmp_path: Path) -> None:
    first = reports.text(100.25)
    imported(archive(tmp_path, post(first, 1), name="2011-01.mbox"))
    reply = post(
        quoted(first) + "\nAgain:\n\n" + reports.text(9.5), 2, In_Reply_To="<1@example.org>"
    )
    imported(archive(tmp_path, reply, name="2011-02.mbox"))
    assert values() == [100.25, 9.5]


def test_of_a_mixed_quote_only_the_known_result_is_left_out(tmp_path: Path) -> None:
    old, lost = reports.text(100.25), reports.text(300.25)
    imported(archive(tmp_path, post(old, 1), post(quoted(old + lost) + "\nwell", 2)))
    assert values() == [100.25, 300.25]


def test_an_archive_imported_again_is_known(tmp_path: Path) -> None:
    first = reports.text(100.25)
    path = archive(tmp_path, post(first, 1), post(quoted(first) + "\n" + reports.text(7.5), 2))
    imported(path)
    assert [line["outcome"] for line in imported(path)] == ["known", "known"]
    moved = archive(tmp_path, post(first, 1, PIPERMAIL, X_List="other"), name="other.mbox")
    assert [line["outcome"] for line in imported(moved)] == ["known"]
    assert RawReport.objects.count() == 2


def encoded(text: str, encoding: str, charset: str) -> str:
    body = text.encode(charset)
    packed = base64.encodebytes(body) if encoding == "base64" else quopri.encodestring(body)
    return packed.decode("ascii")


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "gb18030", "iso-2022-jp"])
def test_encoded_posts_in_any_character_set_are_read(
    encoding: str, charset: str, tmp_path: Path
) -> None:
    text = "結果:\n\n" + reports.text(100.25)
    kind = f'text/plain; charset="{charset}"'
    imported(
        archive(
            tmp_path,
            post(
                encoded(text, encoding, charset),
                Content_Type=kind,
                Content_Transfer_Encoding=encoding,
            ),
        )
    )
    assert values() == [100.25]
    assert "結果" in bytes(RawReport.objects.get().body or b"").decode()


@pytest.mark.parametrize("charset", ["nonsense", "punycode", "rot13", "unicode_escape", "\x00"])
def test_character_sets_that_are_none_still_give_ascii(charset: str, tmp_path: Path) -> None:
    kind = f'text/plain; charset="{charset}"'
    imported(archive(tmp_path, post(reports.text(100.25), Content_Type=kind)))
    assert values() == [100.25]


def multipart(*parts: tuple[str, str], kind: str = "mixed") -> str:
    body = "".join(f"--b\nContent-Type: {type}\n\n{text}\n" for type, text in parts) + "--b--\n"
    return post(body, Content_Type=f'multipart/{kind}; boundary="b"')


def test_attached_texts_are_read_and_html_only_when_alone(tmp_path: Path) -> None:
    table = f"<html><pre>{reports.text(300.25)}</pre></html>"
    imported(
        archive(
            tmp_path,
            multipart(("text/plain", "See below."), ("text/x-log", reports.text(100.25))),
        )
    )
    imported(
        archive(
            tmp_path,
            multipart(
                ("text/plain", reports.text(200.25)), ("text/html", table), kind="alternative"
            ).replace("<1@", "<2@"),
            post(table, 3, Content_Type="text/html"),
        )
    )
    assert values() == [100.25, 200.25, 300.25]


def test_the_poster_is_nowhere_in_what_is_stored(tmp_path: Path) -> None:
    text = reports.text() + "\n-- \nEve <eve@example.org>\n"
    imported(archive(tmp_path, post(text, sender="Eve <eve@example.org>")))
    report = RawReport.objects.get()
    assert b"eve@example" not in bytes(report.body or b"")
    assert "eve" not in str(report.submitter.link_digest)


def test_hostile_posts_are_refused_and_the_others_read(tmp_path: Path) -> None:
    deep = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(2000))
    lines = imported(
        archive(
            tmp_path,
            LORE + deep,
            post("x" * (mbox.MESSAGE_LIMIT_BYTES + 1), 2),
            post(("y" * 70 + "\n") * 20_000, 3),
            post("\0" * 50 + "\n" + reports.text(51.5), 4),
            post(reports.text(100.25), 5),
        )
    )
    assert [(line["outcome"], line.get("code")) for line in lines] == [
        ("refused", "too_deep"),
        ("refused", "too_large"),
        ("refused", "too_large"),
        ("stored", None),
        ("stored", None),
    ]
    assert values() == [51.5, 100.25]


@pytest.mark.parametrize(
    "text", ["From " * 50_000 + "\n", "From " + "1:11 " * 50_000 + "\n", ">" * 200_000 + "\n"]
)
def test_lines_like_separators_cost_no_more_than_others(text: str) -> None:
    found = list(mbox.messages(io.BytesIO(text.encode() * 4)))
    assert found == [None] or len(found) <= 1
