"""Drawing a chart: params → data → spec → every form of it → files, and one row last. Called by
tasks and commands.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from charts import (
    artefacts,
    comparison,
    cpus,
    data,
    embed,
    multiples,
    ranks,
    ratios,
    render_png_svg,
    render_text,
    scaling,
)
from charts.build import build
from charts.found import ChartData
from charts.models import Chart, Drawing, FrozenChart
from charts.params import DEFAULTS, ChartParams
from charts.spec import ChartSpec
from registry.models import Generation

FINDERS: dict[str, Callable[[ChartParams, str, int], ChartData]] = {
    "ranked": ranks.find,
    "costs": ratios.find_costs,
    "effects": ratios.find_effects,
    "streams": scaling.find,
    "multiples": multiples.find,
    "comparison": comparison.find,
    "cpus": cpus.find,
}


def ensure_defaults() -> None:
    """The charts every registry has: xen-users, the application-level figures, which are no netperf
    test, and the two that answer what virtualisation costs and what helps.
    """
    for slug, params in DEFAULTS.items():
        defaults = {"name": slug, "params": params.as_dict(), "scope": params.scope}
        Chart.objects.get_or_create(slug=slug, defaults=defaults)


def address_of(slug: str) -> str:
    return f"{settings.PUBLIC_URL}/c/{slug}"


def spec_of(chart: Chart, generation: int) -> ChartSpec:
    return _dated_spec(chart, generation)[0]


def _dated_spec(chart: Chart, generation: int) -> tuple[ChartSpec, int]:
    """The spec, and the generation of the facts it shows: `generation`, or the older one of an
    answer that is kept.
    """
    params = ChartParams.from_dict(chart.params)
    find = FINDERS.get(params.kind, data.find)
    found = find(params, address_of(chart.slug), generation)
    return build(params, found), found.generation


def draw(chart_id: int, attempt: int | None = None) -> Drawing:
    """Draw the chart from the facts as they are now. The row is written after its files are; where
    a newer drawing was faster, that one stays. Ends the lease: that of `attempt`, else whosever.

    Where an answer that is kept is older than the facts, the chart stays stale, and is drawn when
    the answer was found anew.
    """
    started_s = time.monotonic()
    chart = Chart.objects.get(pk=chart_id)
    newest = Generation.current()
    spec, generation = _dated_spec(chart, newest)
    known = Drawing.objects.filter(chart=chart, generation=generation, digest=spec.digest).first()
    if known and chart.drawn == generation < min(chart.wanted, newest):
        known.took_s = time.monotonic() - started_s
        _end_lease(known, attempt)
        return known
    files = {
        ending: {"digest": artefacts.put(content, ending), "size": len(content)}
        for ending, content in forms(spec, address_of(chart.slug)).items()
    }
    new = Drawing(
        chart=chart,
        generation=generation,
        spec=spec.as_dict(),
        digest=spec.digest,
        files=files,
        drawn_at=timezone.now(),
        took_s=time.monotonic() - started_s,
    )
    with transaction.atomic():
        _end_lease(new, attempt)
        return _newest_of(new)


def _end_lease(new: Drawing, attempt: int | None) -> None:
    """Note that the chart was drawn, and let it rest. This row's lock is what two drawings of one
    chart take turns by.
    """
    chart = Chart.objects.filter(pk=new.chart_id)
    chart.update(
        drawn=Greatest("drawn", new.generation),
        not_before=Now() + timedelta(seconds=settings.CHART_THROTTLE_SECONDS),
        drawings=F("drawings") + 1,
        drawing_s=F("drawing_s") + new.took_s,
    )
    if attempt is None:  # an attempt too, and the last
        chart.update(started=F("started") + 1, lease_until=None, in_vain=0)
    else:
        chart.filter(started=attempt).update(lease_until=None, in_vain=0)


def _newest_of(new: Drawing) -> Drawing:
    """What the chart shows from now on: `new`, or the one before where that has newer facts. The
    files of the other go, once that is certain.
    """
    # Locked, so that nobody freezes the drawing whose files go.
    old = Drawing.objects.select_for_update().filter(chart=new.chart_id).first()
    if old and old.generation > new.generation:
        transaction.on_commit(partial(_remove_unused, new.chart_id, new.files))
        return old
    if old:
        new.pk = old.pk
        transaction.on_commit(partial(_remove_unused, new.chart_id, old.files))
    new.save(force_insert=not old, force_update=bool(old))
    return new


def forms(spec: ChartSpec, address: str) -> dict[str, bytes]:
    """Every form of a chart by its ending."""
    drawn = render_png_svg.render(spec)
    texts = embed.embed(spec, address, None)
    return {
        "png": drawn.png,
        "svg": drawn.svg,
        "eml": embed.draft(spec, address),
        "txt": render_text.render_text(spec).encode(),
        "csv": render_text.render_csv(spec).encode(),
        "json": render_text.render_json(spec).encode(),
        "html": embed.frame(spec, address).encode(),
        "post.txt": texts.post_txt.encode(),
        "md": texts.markdown.encode(),
        "bbcode": texts.bbcode.encode(),
    }


def _remove_unused(chart_id: int, files: dict[str, dict[str, str]]) -> None:
    """Remove the files of a replaced drawing that its chart shows no more and never froze.

    A drawing prints its chart's address, so no other chart has the same files; but for CSV, which
    prints none: what nobody has of that is cleared away with other leftovers.
    """
    held = [
        *FrozenChart.objects.filter(chart=chart_id).values_list("files", flat=True),
        *Drawing.objects.filter(chart=chart_id).values_list("files", flat=True),
    ]
    kept = {file["digest"] for drawing in held for file in drawing.values()}
    for ending, file in files.items():
        if file["digest"] not in kept and ending != "csv":
            artefacts.remove(file["digest"], ending)
