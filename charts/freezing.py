"""Freezing: a drawing gets an address whose bytes never change, and the forms that print addresses
print that one.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from charts import artefacts, embed
from charts.models import NEW_FROZEN, Drawing, FrozenChart
from charts.pipeline import address_of
from charts.spec import ChartSpec
from registry.models import Submitter
from registry.refusal import Refused

MAY_BE_BEHIND = timedelta(minutes=1)


def freeze(drawing: Drawing, address: str = "") -> FrozenChart:
    """The frozen copy of a chart's drawing; the same spec again gives the same one. A new one
    counts for the sender at `address`. Raises Refused: 429 beyond the quota; 409 where the drawing
    is older than a minute and the facts moved on, since it may show a withdrawn report.

    The drawing is locked, so that no newer one removes its files in between.
    """
    with transaction.atomic():
        drawing = Drawing.objects.select_for_update(of=("self",)).get(pk=drawing.pk)
        version = drawing.digest[:12]
        known = FrozenChart.objects.filter(chart=drawing.chart, version=version).first()
        if known:
            return known
        is_old = drawing.drawn_at < timezone.now() - MAY_BE_BEHIND
        if is_old and drawing.chart.wanted > drawing.chart.drawn:
            raise not_drawn_yet()
        made_by = Submitter.of_today(address) if address else None
        NEW_FROZEN.require(FrozenChart.objects.all(), made_by, "frozen_at")
        return _frozen(drawing, version, made_by)


def not_drawn_yet() -> Refused:
    message = "This chart is not drawn yet from the newest facts: freeze it in a few seconds."
    return Refused(409, "not_drawn_yet", message)


def _frozen(drawing: Drawing, version: str, made_by: Submitter | None) -> FrozenChart:
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
            "made_by": made_by,
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
