"""Forms to copy: each stands in its place without breaking it."""

from email import message_from_bytes

from charts.embed import draft, embed, frame
from tests.charts.test_spec import row, spec, value

LIVE = "http://127.0.0.1:8000/c/xen-users"
FROZEN = f"{LIVE}/0123456789ab"


def test_every_form_names_the_image_and_escapes_the_title() -> None:
    forms = embed(spec(row(), title='a "quoted" [x](y) <b>'), LIVE, None)
    assert forms.markdown == '[![a "quoted" \\[x\\](y) \\<b\\>. TCP\\_CRR: ' + (
        f"6.12 KVM, same CPU has 20.0k trans/s (1 host).]({LIVE}.png)]({LIVE})\n"
    )
    assert forms.bbcode == f"[url={LIVE}][img]{LIVE}.png[/img][/url]\n"
    assert "<b>" not in forms.html
    assert 'alt="a &quot;quoted&quot;' in forms.html
    assert "<b>" not in forms.iframe


def test_the_frozen_image_is_what_is_pasted_when_there_is_one() -> None:
    assert f"{FROZEN}.png" in embed(spec(row()), LIVE, FROZEN).markdown


def test_a_draft_is_a_message_with_the_post_as_its_text() -> None:
    message = message_from_bytes(draft(spec(row()), LIVE))
    assert message["Subject"] == "[netperf] TCP_CRR by kernel"
    assert message.get_content_type() == "text/plain"
    assert LIVE in str(message.get_payload())


def test_what_cannot_see_the_picture_is_told_its_figures() -> None:
    two = [row("KVM", values={"TCP_CRR": value(20_000, 4)})]
    two.append(row("Xen", values={"TCP_CRR": value(10_000, 4)}))
    page = frame(spec(*two), LIVE)
    assert "Xen, same CPU 10.0k" in page.split('alt="')[1].split('"')[0]
    assert (
        "Xen, same CPU has 10.0k trans/s, 0.50 x the 20.0k of KVM"
        in embed(spec(*two), LIVE, None).markdown
    )


def test_a_frozen_frame_shows_the_frozen_picture() -> None:
    page = frame(spec(row()), FROZEN)
    assert f'src="{FROZEN}.svg"' in page
    assert f'href="{FROZEN}"' in page


def test_a_frame_escapes_what_it_shows() -> None:
    page = frame(spec(row("<script>alert(1)</script>")), LIVE)
    assert "<script>" not in page
