"""Forms to copy: each stands in its place without breaking it."""

from email import message_from_bytes

from charts.embed import draft, embed, frame
from tests.charts.test_spec import row, spec

LIVE = "http://127.0.0.1:8000/c/xen-users"
FROZEN = f"{LIVE}/0123456789ab"


def test_a_post_is_72_columns_of_ascii_with_its_addresses() -> None:
    post = embed(spec(row("\u4e2d\u6587 <b>")), LIVE, FROZEN).post_txt
    assert post.isascii()
    assert max(len(line) for line in post.splitlines()) <= 72
    assert f"{LIVE}.png" in post
    assert FROZEN in post


def test_every_form_names_the_image_and_escapes_the_title() -> None:
    forms = embed(spec(row(), title='a "quoted" [x](y) <b>'), LIVE, None)
    assert forms.markdown == f'[![a "quoted" \\[x\\](y) \\<b\\>]({LIVE}.png)]({LIVE})\n'
    assert forms.bbcode == f"[url={LIVE}][img]{LIVE}.png[/img][/url]\n"
    assert "<b>" not in forms.html
    assert 'alt="a &quot;quoted&quot;' in forms.html
    assert "<b>" not in forms.iframe


def test_the_frozen_image_is_what_is_pasted_when_there_is_one() -> None:
    assert f"{FROZEN}.png" in embed(spec(row()), LIVE, FROZEN).markdown


def test_a_draft_is_a_message_with_the_post_as_its_text() -> None:
    message = message_from_bytes(draft(spec(row()), LIVE))
    assert message["Subject"] == "TCP_CRR by kernel"
    assert message.get_content_type() == "text/plain"
    assert LIVE in str(message.get_payload())


def test_a_frame_escapes_what_it_shows() -> None:
    page = frame(spec(row("<script>alert(1)</script>")), LIVE)
    assert "<script>" not in page
