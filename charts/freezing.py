"""Freezing: a drawing gets an address whose bytes never change, and the forms that print addresses
print that one.
"""

from django.db import transaction

from charts import artefacts, embed
from charts.models import Drawing, FrozenChart
from charts.pipeline import address_of
from charts.spec import ChartSpec
from registry.refusal import Refused


def freeze(drawing: Drawing) -> FrozenChart:
    """The frozen copy of a chart's drawing; the same spec again gives the same one. Raises Refused
    409 where the facts moved on since, and the figures of a withdrawn report may be in it.

    The drawing is locked, so that no newer one removes its files in between.
    """
    with transaction.atomic():
        drawing = Drawing.objects.select_for_update(of=("self",)).get(pk=drawing.pk)
        version = drawing.digest[:12]
        known = FrozenChart.objects.filter(chart=drawing.chart, version=version).first()
        if known:
            return known
        if drawing.chart.wanted > drawing.chart.drawn:
            raise not_drawn_yet()
        return _frozen(drawing, version)


def not_drawn_yet() -> Refused:
    message = "This chart is not drawn yet from the newest facts: freeze it in a few seconds."
    return Refused(409, "not_drawn_yet", message)


def _frozen(drawing: Drawing, version: str) -> FrozenChart:
    live = address_of(drawing.chart.slug)
    printed = forms(ChartSpec.from_dict(drawing.spec), live, f"{live}/{version}")
    files = {
        ending: {"digest": artefacts.put(content, ending), "size": len(content)}
        for ending, content in printed.items()
    }
    frozen, _ = FrozenChart.objects.get_or_create(
        chart=drawing.chart,
        version=version,
        defaults={
            "digest": drawing.digest,
            "spec": drawing.spec,
            "files": {**drawing.files, **files},
            "drawn_at": drawing.drawn_at,
        },
    )
    return frozen


def forms(spec: ChartSpec, live: str, frozen: str) -> dict[str, bytes]:
    """The forms that lead to the picture: they lead to the frozen one."""
    texts = embed.embed(spec, live, frozen)
    return {
        "eml": embed.draft(spec, live, frozen),
        "html": embed.frame(spec, frozen).encode(),
        "post.txt": texts.post_txt.encode(),
        "md": texts.markdown.encode(),
        "bbcode": texts.bbcode.encode(),
    }
