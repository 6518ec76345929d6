"""A chart in other people's places: the forms to copy, each escaped for where it goes.

`live` is the chart's address without ending; `frozen`, where there is one, is the address that
never changes.
"""

from dataclasses import dataclass
from html import escape

from charts.post import draft, post
from charts.render_text import ascii_text, render_text
from charts.sentence import alternative, headline
from charts.spec import ChartSpec

IMAGE_WIDTH = 1200
__all__ = ["Embedded", "draft", "embed", "frame", "post"]


@dataclass(frozen=True)
class Embedded:
    """Texts ready to paste."""

    post_txt: str
    markdown: str
    bbcode: str
    html: str
    iframe: str


def embed(spec: ChartSpec, live: str, frozen: str | None) -> Embedded:
    address = frozen or live
    image, title = f"{address}.png", ascii_text(spec.title)
    told = ascii_text(f"{spec.title}. {headline(spec)}")
    return Embedded(
        post_txt=post(spec, live, frozen),
        markdown=f"[![{_markdown(told)}]({image})]({address})\n",
        bbcode=f"[url={address}][img]{image}[/img][/url]\n",
        html=(
            f'<a href="{escape(address)}"><img src="{escape(image)}" alt="{escape(told)}" '
            f'width="{IMAGE_WIDTH}"></a>\n'
        ),
        iframe=(
            f'<iframe src="{escape(address)}.html" title="{escape(title)}" '
            'width="100%" height="700" loading="lazy"></iframe>\n'
        ),
    )


def frame(spec: ChartSpec, address: str) -> str:
    """A page for an iframe: the picture, its words for those who cannot see it, its text, and the
    way to the chart at `address`, live or frozen.
    """
    title, address = escape(spec.title), escape(address)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>:root{color-scheme:light dark}body{margin:0;font-family:sans-serif}"
        "img{width:100%;height:auto}</style></head>\n"
        f'<body><a href="{address}" target="_blank" rel="noopener">'
        f'<img src="{address}.svg" alt="{escape(alternative(spec))}"></a>\n'
        f"<details><summary>As text</summary><pre>{escape(render_text(spec))}</pre>"
        "</details></body></html>\n"
    )


def _markdown(text: str) -> str:
    return "".join(
        f"\\{character}" if character in "\\`*_[]<>&~|" else character for character in text
    )
