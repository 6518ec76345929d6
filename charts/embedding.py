"""The forms to copy from a chart's page, by name, from the spec that was drawn."""

from dataclasses import asdict
from typing import Any

from charts.embed import embed
from charts.spec import ChartSpec


def forms_to_copy(spec: dict[str, Any], live: str, frozen: str | None = None) -> dict[str, str]:
    """{name: text} for post_txt, markdown, bbcode, html and iframe."""
    return asdict(embed(ChartSpec.from_dict(spec), live, frozen))
