"""Two workers, as on two machines, over the broker of files and over Redis: they share the charts
of a change, and draw none of them twice, however often they are told.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests import reports, servers
from tests.end_to_end.site import Site, site, wait_until

N_CHARTS = 16
DEFAULTS = 3  # charts that every registry has and that one figure of TCP_CRR concerns
KEY = "a key of the tests, as long as a real one: 0123456789 abcdefghij"
WORKER = "-m celery --app registry worker --concurrency 1 --without-gossip --without-mingle"
WAITING = ("crr_readings_waiting", "crr_charts_stale")
DRAWN = re.compile(r"Task charts\.tasks\.draw_chart\S+ succeeded in \S+ True")


@pytest.fixture(params=["files", "redis"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    shared = {"SECRET_KEY": KEY, "DATA_DIR": str(tmp_path / "var"), "SWEEP_SECONDS": "20"}
    if request.param == "files":
        return shared
    urls = [request.getfixturevalue(f"{name}_url") for name in ("postgresql", "redis")]
    return shared | {"DATABASE_URL": urls[0], "CELERY_BROKER_URL": urls[1]}


@contextmanager
def second_worker(settings: dict[str, str], folder: Path) -> Iterator[Path]:
    """Another worker than the site's; the file in which it says what it did."""
    log = folder / "log"
    command = [sys.executable, *WORKER.split(), "--hostname", "second@%h", "--loglevel", "info"]
    with servers.running(
        command,
        str(folder),
        ready=lambda: "second@" in log.read_text() and " ready." in log.read_text(),
        environment={**os.environ, **settings},
    ):
        yield log


def figure(registry: Site, name: str) -> float:
    text = registry.get("/metrics").text()
    return float(text.partition(f"\n{name} ")[2].partition("\n")[0])


def attempts(registry: Site, is_settled: bool = True) -> tuple[float, float]:
    """How often drawing a chart was begun, and done; when nothing waits any more, if so asked."""
    if is_settled:
        wait_until(lambda: not any(figure(registry, name) for name in WAITING))
    names = ("crr_chart_attempts_total", "crr_chart_drawing_seconds_count")
    begun, done = (figure(registry, name) for name in names)
    return begun, done


def send(registry: Site, rate: float) -> None:
    answer = registry.post(
        "/api/v1/reports/", reports.as_bytes(reports.envelope(reports.run(rate)))
    )
    assert answer.status == 201


def save(registry: Site, limit: int) -> str:
    asked = {"tests": ["TCP_CRR"], "group_by": ["os"], "limit": limit}
    answer = registry.post("/api/v1/charts/", json.dumps(asked).encode())
    assert answer.status == 201
    return str(answer.json()["slug"])


def each_drawn_once_by(registry: Site, rate: float, slugs: list[str], readers: int) -> None:
    """One report, and every chart that it concerns is drawn once, though readers of a due chart
    call for it too.
    """
    before = attempts(registry)
    send(registry, rate)
    with ThreadPoolExecutor(max(1, readers)) as pool:
        while attempts(registry, is_settled=False) == before:
            list(pool.map(lambda slug: registry.get(f"/c/{slug}.txt"), slugs[:readers] * 4))
    assert attempts(registry) == tuple(count + N_CHARTS + DEFAULTS for count in before)


def test_two_workers_share_the_charts_of_a_change_and_draw_none_twice(
    settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    with ExitStack() as stack:
        registry = stack.enter_context(site(Path(settings["DATA_DIR"]), **settings))
        slugs = [save(registry, number + 1) for number in range(N_CHARTS)]
        attempts(registry)  # what saving them called for is done, by the first
        log = stack.enter_context(second_worker(settings, tmp_path / "second"))
        for rate in (20_000, 21_000):
            each_drawn_once_by(registry, rate, slugs, readers=0)
        # From the broker of files, whoever looks first may take nearly all.
        if "CELERY_BROKER_URL" in settings:
            assert 0 < len(DRAWN.findall(log.read_text())) < 2 * (N_CHARTS + DEFAULTS)
        each_drawn_once_by(registry, 22_000, slugs, readers=4)
