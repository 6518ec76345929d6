"""How the rule same_figures names the other report: by its id to moderators, to everybody only
while it is listed. Decided when it is shown: it may be unlisted, held or withdrawn later.
"""

import re

from registry.models import RawReport, Reading

_NAMED = re.compile(r"report ([a-z2-7]{16})(?= has the same figures)")


def unnamed(text: str) -> str:
    """The text of a flag, a state or an event without the id of the other report."""
    return f"another report{text[found.end() :]}" if (found := _NAMED.match(text)) else text


def public_flags(reading: Reading) -> list[dict[str, str]]:
    """The flags of a reading as everybody may read them."""
    twins = [found[1] for flag in reading.flags if (found := _NAMED.match(flag["message"]))]
    if not twins:
        return reading.flags
    listed = RawReport.objects.listed().filter(public_id__in=twins)
    shown = set(listed.values_list("public_id", flat=True))
    return [
        flag
        if (found := _NAMED.match(flag["message"])) and found[1] in shown
        else {**flag, "message": unnamed(flag["message"])}
        for flag in reading.flags
    ]
