"""What tests of pages stand on beside a registry: a chart that is drawn."""

from typing import Any

import pytest


@pytest.fixture
def chart(settings: Any, tmp_path: Any) -> Any:
    # Here, since pytest reads this file before Django is set up.
    from charts import artefacts
    from charts.models import Chart
    from charts.pipeline import draw, ensure_defaults

    settings.MEDIA_ROOT = str(tmp_path)
    artefacts.get.cache_clear()
    ensure_defaults()
    found = Chart.objects.get(slug="xen-users")
    draw(found.pk)
    return found
