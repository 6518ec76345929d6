"""Files that killed workers left behind: halves that never got their name, and whole ones whose row
was never written. Called on the clock. And rows that a backup left behind without their files.
"""

from datetime import timedelta
from typing import Any

from django.core.files.storage import default_storage
from django.utils import timezone

from charts import artefacts
from charts.models import Chart, Drawing, FrozenChart
from registry.models.walk import walk

# Longer than any drawing may take; what is younger may be about to get its name or its row.
AGE = timedelta(hours=1)
DRAWINGS_AT_ONCE = 100


def remove() -> int:
    """Remove them; returns how many."""
    found = list(artefacts.stored())  # first: whatever gets a row from now on is young
    held = _held()
    limit = timezone.now() - AGE
    return sum(
        artefacts.remove_older(name, limit)
        for name in found
        if artefacts.digest_in(name) not in held
    )


def on_restored(sender: Any, **kwargs: Any) -> None:
    """Have each chart drawn anew whose drawing came without all of its files: it was replaced, and
    its files removed, between what was copied of them and of the database.
    """
    for drawing in walk(Drawing.objects.all(), DRAWINGS_AT_ONCE):
        names = (artefacts.path_of(file["digest"], end) for end, file in drawing.files.items())
        if not all(default_storage.exists(name) for name in names):
            drawing.delete()
            Chart.objects.filter(pk=drawing.chart_id).redraw()


def _held() -> set[str]:
    """The digests of all files that are shown or frozen."""
    return {
        file["digest"]
        for model in (Drawing, FrozenChart)
        for files in model.objects.values_list("files", flat=True).iterator()
        for file in files.values()
    }
