"""Template filters that print numbers and factors; what they mean is in registry.pages.numbers and
words.
"""

from typing import Any

from django import template
from django.template.base import Parser, Token
from django.utils.safestring import SafeString

from registry.pages import numbers, words
from registry.vocabulary.factors import canonical

register = template.Library()


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
