"""A chart in other people's places: the forms to copy, each escaped for where it goes.

`live` is the chart's address without ending; `frozen`, where there is one, is the address that
never changes.
"""

from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from charts.render_text import WIDTH, ascii_text, render_text, wrapped
from charts.spec import ChartSpec

IMAGE_WIDTH = 1200


@dataclass(frozen=True)
class Embedded:
    """Texts ready to paste."""

    post_txt: str
    markdown: str
    bbcode: str
    html: str
    iframe: str


def embed(spec: ChartSpec, live: str, frozen: str | None) -> Embedded:
    image = f"{frozen or live}.png"
    title = ascii_text(spec.title)
    return Embedded(
        post_txt=post(spec, live, frozen),
        markdown=f"[![{_markdown(title)}]({image})]({live})\n",
        bbcode=f"[url={live}][img]{image}[/img][/url]\n",
        html=(
            f'<a href="{escape(live)}"><img src="{escape(image)}" alt="{escape(title)}" '
            f'width="{IMAGE_WIDTH}"></a>\n'
        ),
        iframe=(
            f'<iframe src="{escape(frozen or live)}.html" title="{escape(title)}" '
            'width="100%" height="700"></iframe>\n'
        ),
    )


def post(spec: ChartSpec, live: str, frozen: str | None) -> str:
    """The text chart between rules, with its addresses, so that the post stands when the image is
    gone.
    """
    addresses = [f"image:  {live}.png", f"data:   {live}.csv"]
    if frozen:
        addresses.insert(0, f"frozen: {frozen}")
    lines = ["-" * WIDTH, render_text(spec).rstrip("\n")]
    lines += [part for address in addresses for part in wrapped(address)]
    return "\n".join([*lines, "-" * WIDTH]) + "\n"


def draft(spec: ChartSpec, live: str) -> bytes:
    """A draft message with the post as its text, for a mail program to open."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = ascii_text(spec.title)
    message["X-Unsent"] = "1"
    message.set_content(post(spec, live, None))
    return message.as_bytes()


def frame(spec: ChartSpec, live: str) -> str:
    """A page for an iframe: the picture, its text for those who cannot see it, and the way to the
    chart.
    """
    title, address = escape(spec.title), escape(live)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{margin:0;font-family:sans-serif}img{width:100%;height:auto}</style></head>\n"
        f'<body><a href="{address}" target="_blank" rel="noopener">'
        f'<img src="{address}.svg" alt="{title}"></a>\n'
        f"<details><summary>As text</summary><pre>{escape(render_text(spec))}</pre>"
        "</details></body></html>\n"
    )


def _markdown(text: str) -> str:
    return "".join(
        f"\\{character}" if character in "\\`*_[]<>" else character for character in text
    )
