"""Template filters that print numbers and factors; what they mean is in registry.pages.numbers and
words.
"""

from typing import Any

from django import template
from django.template.base import Parser, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry.pages import numbers, words
from registry.vocabulary.factors import canonical

register = template.Library()

_BELOW = '<span class="below light" data-interval="{}"></span>'
_NO_INTERVAL = SafeString('<span class="none">none</span>')
_WHISKER = '<rect class="whisker" x="{}" y="5" width="{}" height="2"/>'


class Keep(template.Node):
    """Prints nothing and keeps what it holds under a name, for a block that is needed twice."""

    def __init__(self, name: str, nodelist: template.NodeList) -> None:
        self.name, self.nodelist = name, nodelist

    def render(self, context: template.Context) -> SafeString:
        context[self.name] = self.nodelist.render(context)
        return SafeString("")


@register.tag
def keep(parser: Parser, token: Token) -> Keep:
    """`{% keep page_title %}…{% endkeep %}`."""
    _, name = token.split_contents()
    nodelist = parser.parse(("endkeep",))
    parser.delete_first_token()
    return Keep(name, nodelist)


@register.filter
def figure(value: float | None, unit: str) -> str:
    return "" if value is None else numbers.figure(value, unit)


@register.simple_tag
def figure_cells(estimate: Any, unit: str, bar: Any, is_ranked: bool) -> SafeString:
    """The three cells of a figure, its interval and its bar. A table may have hundreds of rows, and
    a template in a template takes many times as long.
    """
    has_interval = estimate.ci_low is not None
    interval = "–".join(figure(end, unit) for end in (estimate.ci_low, estimate.ci_high))
    return format_html(
        '<td class="number"><strong>{}</strong>{}</td>\n'
        '  <td class="interval light">{}</td>\n'
        '  <td class="bar" aria-hidden="true"><svg viewBox="0 0 100 12" preserveAspectRatio="none"'
        ' focusable="false"><rect class="{}" x="0" y="2" width="{}" height="8"/>{}</svg></td>\n',
        figure(estimate.rate, unit),
        format_html(_BELOW, interval) if has_interval else "",
        interval if has_interval else _NO_INTERVAL,
        "full" if is_ranked else "hollow",
        bar.rate,
        format_html(_WHISKER, bar.low, bar.width) if bar.low else "",
    )


@register.filter
def short(text: Any, length: int) -> str:
    """The text, cut where it is longer. What stays is escaped as any text."""
    whole = str(text)
    return whole if len(whole) <= length else whole[: length - 1] + "…"


@register.filter
def unit_in_words(unit: str) -> str:
    return numbers.unit_in_words(unit)


@register.filter
def plural(count: int, noun: str) -> str:
    return numbers.plural(count, noun)


@register.filter
def factor_name(name: str) -> str:
    return words.FACTORS.get(canonical(name), name)


@register.filter
def factor_title(name: str) -> str:
    """As a column's heading: a setting is written as it is typed."""
    known = words.FACTORS.get(canonical(name))
    return f"{known[0].upper()}{known[1:]}" if known else name


@register.filter
def bound_in_words(bound: str) -> str:
    return words.BOUNDS.get(bound, "")


@register.filter
def kilobytes(size: Any) -> str:
    """A file's size in bytes, as people read it."""
    return f"{max(1, round(int(size) / 1000)):,} kB"
