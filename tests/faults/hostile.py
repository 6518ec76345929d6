"""Texts that would run somewhere, sixty of them, and reports that say them in every field that
takes a text.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

from crr_submit.report import schema
from tests import reports

RUN = "name=7"  # the name of a window outlives its page
OUT = "top[/name/.source]=7"  # the same from within a frame
TEXTS = (
    # tags
    f"<script>{RUN}</script>",
    f"<ScRiPt/x>{RUN}</sCrIpT >",
    f"<script\t\n>{RUN}</script\n>",
    f"<<script>{RUN}//<</script>",
    f"<img src=x onerror={RUN}>",
    f"<img/src=x/onerror={RUN}//",
    f"<image src=x onerror={RUN}>",
    f"<body onload={RUN}>",
    f"<video><source onerror={RUN}>",
    f"<audio src=x onerror={RUN}>",
    f"<details open ontoggle={RUN}>x",
    f"<input autofocus onfocus={RUN}>",
    f"<a href=javascript:{RUN} autofocus onfocus={RUN}>x",
    f"<iframe srcdoc='<script>{OUT}</script>'>",
    f"<iframe src=javascript:{OUT}>",
    f"<object data=data:text/html,<script>{OUT}</script>>",
    f"<embed src=javascript:{OUT}>",
    f"<base href=javascript:{RUN}//>",
    f"<form action=javascript:{RUN}><button autofocus>x",
    f"<meta http-equiv=refresh content=0;url=javascript:{RUN}>",
    f"<p hx-get=/ hx-trigger=load hx-on::load={RUN}>",
    # out of an attribute, an element, a comment
    f'"><script>{RUN}</script>',
    f"'><script>{RUN}</script>",
    f'" autofocus onfocus={RUN} x="',
    f"' autofocus onfocus={RUN} x='",
    f"x autofocus onfocus={RUN}",
    f"</title><script>{RUN}</script>",
    f"</textarea><script>{RUN}</script>",
    f"</style><script>{RUN}</script>",
    f"--><script>{RUN}</script>",
    f"]]><script>{RUN}</script>",
    f"</option></select><img src=x onerror={RUN}>",
    # out of a script, JSON, a template
    f"</script><script>{RUN}</script>",
    f"';{RUN};//",
    f'";{RUN};//',
    f"\\';{RUN};//",
    f"${{{RUN}}}`-{RUN}-`",
    f'"}}</script><script>{RUN}</script>',
    f"\u2028{RUN}\u2029//",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"{{% debug %}}<%= {RUN} %>#{{{RUN}}}",
    # SVG, MathML, what parsers mend into something else
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<svg><a href=javascript:{RUN}><text>x</text></a>",
    f"<math><mtext><script>{RUN}</script>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<svg></p><style><a id='</style><img src=x onerror={RUN}>'>",
    f"<template><script>{RUN}</script></template>",
    # styles
    f"<style>@import 'javascript:{RUN}';*{{x:expression({RUN})}}",
    f"<p style=animation-name:x onanimationstart={RUN}>",
    # the same in other letters
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"%3Cscript%3E{RUN}%3C/script%3E%00",
    f"\\x3cscript>{RUN}\\u003c/script>",
    f"+ADw-script+AD4-{RUN}+ADw-/script+AD4-",
    f"\uff1cscript\uff1e{RUN}\uff1c/script\uff1e",
    f"\u202e<script>{RUN}</script>\u202c\u2066",
    f"jav&#x09;ascript:{RUN}//&#0;",
    # markdown and BBCode
    f"[x](javascript:{RUN}) ![x](x'onerror={RUN})",
    f"[url=javascript:{RUN}]x[/url][img]x' onerror={RUN}[/img]",
)
# What only an address can bring: a report that holds it is refused.
IN_ADDRESSES = (*TEXTS, f"<scr\0ipt>{RUN}</script>", f"<img src=x onerror\0={RUN}>")
CPUS = [{"cpu": number, "busy_percent": 97.6 - 90 * number} for number in (0, 1)]


def hostile_report(number: int) -> dict[str, Any]:
    """Report `number`. Each field has the next text, so that among as many reports as there are
    texts every field says every text.
    """
    texts = (TEXTS[place % len(TEXTS)] for place in count(number))
    report: dict[str, Any] = _filled(schema(), texts)
    environment, (said,) = report["environment"], report["runs"]
    environment["cpu"] |= {"online": 2}
    environment["tuning"] |= {"conntrack": next(texts), "net.core.somaxconn": next(texts)}
    runs = [reports.run(20_000 + 50 * number + place) for place in range(3)]
    for run in runs:
        outputs = [f"{run['outputs'][0]}{said['outputs'][0]}\n"]
        telemetry = said["telemetry"] | {"cpu": CPUS}
        run |= said | {"tool": "netperf", "outputs": outputs, "telemetry": telemetry}
    return report | {
        "report_version": 1,
        "machine_id": f"{number + 1:032x}",
        "runs": runs,
        "experiment": None,
    }


def hostile_experiment(number: int) -> dict[str, Any]:
    """An experiment between two texts, of a text, or of a factor that the page of effects knows."""
    report = hostile_report(number)
    first, second, third = (TEXTS[(number + place) % len(TEXTS)] for place in range(3))
    run = report["runs"][0]
    rates = (20_000, 25_000, 25_100, 20_100)
    return report | {
        "machine_id": f"{1_000 + number:032x}",
        "runs": [run | {"outputs": reports.run(rate)["outputs"]} for rate in rates],
        "experiment": {
            "factor": third if number % 2 else "clocksource",
            "blocks": ["ABBA"],
            "arms": [{"value": first, "runs": [0, 3]}, {"value": second, "runs": [1, 2]}],
        },
    }


def places(node: dict[str, Any] | None = None, path: str = "") -> list[str]:
    """The fields of a report that take a text, names of keys among them."""
    node = schema() if node is None else node
    found = [path] if _takes_text(node) else []
    for name, each in node.get("properties", {}).items():
        found += places(each, f"{path}.{name}" if path else name)
    for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(node.get(key), dict):
            found += places(node[key], path + mark)
    return [*found, *([f"{path}.(key)"] if "propertyNames" in node else [])]


def _takes_text(node: dict[str, Any]) -> bool:
    return "string" in node.get("type", ()) and not node.keys() & {"enum", "pattern"}


def _filled(node: dict[str, Any], texts: Iterator[str]) -> Any:
    """A value for a node of the schema: texts wherever one may stand, and little else."""
    if _takes_text(node):
        return next(texts)[: node.get("maxLength")]
    if "properties" in node:
        filled = {name: _filled(each, texts) for name, each in node["properties"].items()}
        return {name: value for name, value in filled.items() if value is not None}
    if "propertyNames" in node:
        name, each = next(texts), node["additionalProperties"]
        return {name: _filled(each, texts) or ("boolean" in each["type"] or 1)}
    if "items" in node:
        item = _filled(node["items"], texts)
        return [] if item is None else [item]
    return None
