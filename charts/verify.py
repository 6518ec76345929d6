"""Checks of what is promised about charts: every file of a drawing or a frozen chart is there and
has its digest.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage

from charts.artefacts import path_of
from charts.models import Drawing, FrozenChart
from registry.models.identity import digest_of
from registry.models.walk import walk

CHARTS_AT_ONCE = 100


def broken_promises() -> Iterator[str]:
    for frozen in walk(FrozenChart.objects.select_related("chart"), CHARTS_AT_ONCE):
        name = f"frozen chart {frozen.chart.slug}/{frozen.version}"
        if digest_of(frozen.spec) != frozen.digest:
            yield f"{name}: what was drawn does not have its digest"
        if not frozen.digest.startswith(frozen.version):
            yield f"{name}: its address is not that of its digest"
        yield from _files(name, frozen.files)
    for drawing in walk(Drawing.objects.select_related("chart"), CHARTS_AT_ONCE):
        yield from _of_drawing(drawing)


def _of_drawing(drawing: Drawing) -> Iterator[str]:
    """A drawing that is replaced while it is looked at takes its files along: the new counts."""
    while True:
        found, files = list(_files(f"chart {drawing.chart.slug}", drawing.files)), drawing.files
        if found:
            drawing.refresh_from_db(fields=["files"])
        if drawing.files == files:
            yield from found
            return


def _files(name: str, files: dict[str, dict[str, Any]]) -> Iterator[str]:
    for ending, file in files.items():
        path = path_of(file["digest"], ending)
        try:
            with default_storage.open(path) as stored:
                digest = hashlib.sha256(stored.read()).hexdigest()
        except FileNotFoundError:
            yield f"{name}: its {ending} is missing"
            continue
        if digest != file["digest"]:
            yield f"{name}: its {ending} does not have its digest"
