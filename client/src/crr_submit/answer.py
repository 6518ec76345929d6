"""A registry's answer in lines for a person: address, how the report was read, standing, advice,
warnings.

The shapes of `standing` and `advice` belong to the registry, which may grow them; this prints
whatever comes.
"""

from __future__ import annotations

from typing import Any, List, Mapping

from crr_submit.terminal import clean


def lines(answer: Mapping[str, Any]) -> List[str]:
    """What to print after sending; every text of the registry is cleaned."""
    found = ["Sent: %s" % clean(answer.get("url") or answer["id"])]
    status = answer.get("status")
    if status == "received":
        found.append("The registry has stored the report and will read it soon.")
    elif status:
        found.append("Status: %s" % clean(status))
    told = {"Standing": standing(answer.get("standing"))}
    told.update(
        (key.capitalize(), texts(answer.get(key))) for key in ("advice", "flags", "warnings")
    )
    for title, rows in told.items():
        if rows:
            found += ["%s:" % title] + ["  " + row for row in rows]
    return found


def standing(value: Any) -> List[str]:
    """`TCP_CRR, 1 stream, same cpu: 24,000 trans/s; faster than 2 of 3 other machines`."""
    try:
        others = value["n_machines"]
        place = (
            "first of its kind here"
            if others == 0
            else "faster than %d of %d others" % (value["below"], others)
        )
        streams = "1 stream" if value["streams"] == 1 else "%d streams" % value["streams"]
        where = clean(value["placement"] or "placement unknown").replace("_", " ")
        rate = "{:,.0f} {}".format(value["rate"], clean(value["unit"]))
        return ["%s, %s, %s: %s; %s" % (clean(value["test"]), streams, where, rate, place)]
    except (KeyError, TypeError, ValueError):
        return texts(value)


def texts(value: Any) -> List[str]:
    """Lines of a text, a list or an object; an object that has a text or message is printed as
    that.
    """
    if value is None or value == "" or value == [] or value == {}:
        return []
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    if not isinstance(value, dict):
        return [clean(value)]
    for key in ("text", "message"):
        if isinstance(value.get(key), str):
            return [clean(value[key])]
    return [
        "%s: %s" % (clean(key), ", ".join(texts(item)))
        for key, item in value.items()
        if texts(item)
    ]
