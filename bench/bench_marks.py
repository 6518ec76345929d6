"""What it costs on PostgreSQL to mark the charts that one report concerns among many saved, beside
the one UPDATE that a hand-written list of their numbers needs.

Charts are of as many scopes as people make: 12 tests, streams 1 to 8, three placements. One recipe
changed; the marks are compared with those that the filters say.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import servers  # noqa: E402

ROUNDS = 20
TESTS = (
    *("TCP_CRR", "TCP_RR", "TCP_STREAM", "TCP_MAERTS", "TCP_SENDFILE", "UDP_RR"),
    *("UDP_STREAM", "HTTP_ACCEPT", "HTTP_KEEPALIVE", "SCTP_RR", "TCP_CC", "OMNI"),
)
PLACEMENTS = ("same_cpu", "unpinned", "cross_cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with servers.postgresql(durable=True) as url:
        os.environ.update(DATABASE_URL=url, SECRET_KEY="a key for the bench alone: 0123456789" * 2)
        os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
        import django

        django.setup()
        found = measured(asked.charts)
    if asked.json:
        print(json.dumps(found))
        return
    print(
        f"{found['marked']} of {asked.charts} charts marked for one recipe: "
        f"{found['ours_ms']:.1f} ms, bare UPDATE {found['bare_ms']:.1f} ms, {found['ratio']:.1f} x"
    )


def measured(n_charts: int) -> dict[str, float]:
    from django.core.management import call_command
    from django.db import transaction

    from charts.models import Chart
    from charts.scopes import mark_changed
    from registry.models import Generation

    call_command("migrate", verbosity=0)
    recipes = fill(n_charts)
    changed = recipes[0]
    concerned = [
        pk for pk, params in Chart.objects.values_list("pk", "params") if meets(params, changed)
    ]
    ours, bare = [], []
    for number in range(1, ROUNDS + 1):
        with transaction.atomic():
            Generation.note_change({changed.pk})
        Chart.objects.update(wanted=number - 1)
        ours.append(timed_ms(mark_changed))
        marked = set(Chart.objects.filter(wanted=number).values_list("pk", flat=True))
        if marked != set(concerned):
            raise SystemExit("bench: the marks are not those that the filters say")
        Chart.objects.update(wanted=number - 1)
        bare.append(timed_ms(partial(Chart.objects.filter(pk__in=concerned).mark, number)))
    ours_ms, bare_ms = statistics.median(ours), statistics.median(bare)
    return {
        "charts": n_charts,
        "marked": len(concerned),
        "ours_ms": ours_ms,
        "bare_ms": bare_ms,
        "ratio": ours_ms / bare_ms,
    }


def meets(params: dict[str, Any], recipe: Any) -> bool:
    asked = params["recipe"]
    return recipe.test in params["tests"] and all(
        str(getattr(recipe, name)) == value for name, value in asked.items()
    )


def fill(n_charts: int) -> list[Any]:
    from charts.models import Chart
    from charts.params import ChartParams, slug_of
    from registry.models import Recipe

    loads = [(t, n, p) for t in TESTS for n in range(1, 9) for p in PLACEMENTS]
    charts = []
    for number in range(n_charts):
        test, streams, placement = loads[number % len(loads)]
        recipe = {"streams": str(streams), "placement": placement}
        few = dict(list(recipe.items())[: number % 3])
        asked = ChartParams((test,), ("virtualization",), few, limit=1 + number // len(loads) % 40)
        charts.append(
            Chart(
                slug=f"{slug_of(asked)}-{number}",
                params=asked.as_dict(),
                scope=asked.scope,
                drawn=0,
            )
        )
    Chart.objects.bulk_create(charts)
    rows = (
        Recipe(
            digest=f"{test} {streams} {placement}",
            test=test,
            streams=streams,
            placement=placement,
            unit="trans/s",
            topology="loopback",
            source="plan",
        )
        for test, streams, placement in loads
    )
    return Recipe.objects.bulk_create(rows)


def timed_ms(work: Callable[[], Any]) -> float:
    started_s = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started_s)


if __name__ == "__main__":
    main()
