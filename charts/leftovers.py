"""Files that killed workers left behind: halves that never got their name, and whole ones whose row
was never written. Called on the clock.
"""

from datetime import timedelta

from django.utils import timezone

from charts import artefacts
from charts.models import Drawing, FrozenChart

# Longer than any drawing may take; what is younger may be about to get its name or its row.
AGE = timedelta(hours=1)


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


def _held() -> set[str]:
    """The digests of all files that are shown or frozen."""
    return {
        file["digest"]
        for model in (Drawing, FrozenChart)
        for files in model.objects.values_list("files", flat=True).iterator()
        for file in files.values()
    }
