"""Parts of pages that are shown again and again: a row of a table stays as it is while others of it
change. Each is rendered once a process for equal values.
"""

from collections.abc import Callable
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

KEPT = 2000  # of each template, some 1 kB each


def fragment(template: str, *names: str) -> Callable[..., SafeString]:
    """The template as a function of what it calls `names`: frozen values that say all it shows."""

    @lru_cache(KEPT)
    def html(*values: object) -> SafeString:
        return render_to_string(template, dict(zip(names, values, strict=True)))

    return html
