"""The broker goes away, falls silent, fills up, loses, repeats and turns round its messages: no
report waits for it, none is lost, none is counted twice.
"""

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from charts.tasks import draw_chart
from registry import hints
from tests import servers
from tests.end_to_end.site import Site, site, wait_until
from tests.faults import times
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, embedded_in, metrics_of
from tests.faults.proxy import Proxy
from tests.faults.senders import Ledger, post, post_many, slowest_ms

Figure = Callable[[str], None]
# What a scheduler tells of that was sending when the broker went away.
AWAY = {
    "ConnectionRefusedError",
    "celery.beat.SchedulingError",
    "kombu.exceptions.OperationalError",
    "redis.exceptions.ConnectionError",
}


def all_new(ledger: Ledger) -> bool:
    return set(ledger.statuses) == {201}


def address_of(port: int) -> str:
    return f"redis://127.0.0.1:{port}/0"


def test_redis_that_is_stopped_costs_no_report(
    deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    port, n = servers.free_port(), times(200, 40)
    deployment = deploy(address_of(port))
    with deployment.web() as web:
        sent = ledger.enter(post_many(web, range(n), clients=10))
        assert all_new(ledger)
        assert len(deployment.waiting(web)) == 2
        assert max(deployment.waiting(web)) >= n
        with servers.redis(port), deployment.worker(), deployment.scheduler():
            deployment.settle(web)
    figure(f"{n} × 201, p99 {slowest_ms(sent):.0f} ms, 0 lost")


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_broker_that_never_answers_costs_no_report(
    request: pytest.FixtureRequest, deploy: Deploy, ledger: Ledger, figure: Figure, kind: str
) -> None:
    """It takes the connection and says nothing, which no client library forgives by itself."""
    url = request.getfixturevalue(f"{kind}_url")
    with ExitStack() as stack:
        proxy = Proxy(urlsplit(url).port or 0)
        stack.callback(proxy.close)
        deployment = deploy(url.replace(str(urlsplit(url).port), str(proxy.port)))
        web = stack.enter_context(deployment.web())
        usual = ledger.enter(post_many(web, range(10), clients=1))
        proxy.swallow()
        silent = ledger.enter(post_many(web, range(10, times(210, 50)), clients=10))
        assert all_new(ledger)
        proxy.mend()
        stack.enter_context(deployment.worker())
        stack.enter_context(deployment.scheduler())
        deployment.settle(web)
    slowest = slowest_ms(silent, 1.0) - slowest_ms(usual, 0.5)
    figure(f"{kind}: {len(silent)} × 201, at most {slowest:.0f} ms more for one, 0 lost")


@pytest.mark.faults
def test_redis_that_restarts_again_and_again_needs_no_hand(
    deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    port, restarts = servers.free_port(), times(20, 2)
    deployment = deploy(address_of(port))
    deployment.expected.update(AWAY)
    with ExitStack() as stack:
        broker = stack.enter_context(ExitStack())
        broker.enter_context(servers.redis(port))
        web = stack.enter_context(deployment.web())
        stack.enter_context(deployment.worker())
        stack.enter_context(deployment.scheduler())
        for restart in range(restarts):
            first = restart * 40
            ledger.enter(post_many(web, range(first, first + 20), clients=4))
            broker.close()
            ledger.enter(post_many(web, range(first + 20, first + 40), clients=4))
            broker.enter_context(servers.redis(port))
        deployment.settle(web)
    assert all_new(ledger)
    figure(f"{restarts} restarts, {len(ledger.kept)} × 201, the backlog drained by itself")


@pytest.mark.faults
def test_redis_without_memory_costs_no_report(
    deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    port = servers.free_port()
    deployment = deploy(address_of(port))
    with ExitStack() as stack:
        stack.enter_context(servers.redis(port, maxmemory="4mb"))
        client = stack.enter_context(redis.Redis(port=port))
        web = stack.enter_context(deployment.web())
        client.config_set("maxmemory-policy", "noeviction")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            fill(client)
        ledger.enter(post_many(web, range(100), clients=8))
        assert all_new(ledger)
        client.flushall()
        stack.enter_context(deployment.worker())
        stack.enter_context(deployment.scheduler())
        deployment.settle(web)
    figure(f"{len(ledger.kept)} × 201 beside a full Redis, 0 lost")


def fill(client: Any) -> None:
    for number in range(1000):
        client.set(f"fill-{number}", "x" * 10_000)


SUMMED_UP = """
from django.db.models import F
from charts.models import Chart, Drawing
from registry.models import Cell
columns = [field.attname for field in Cell._meta.concrete_fields if not field.primary_key]
cells = Cell.objects.values_list(*columns)
rows = [row for drawing in Drawing.objects.order_by("chart__slug") for row in drawing.spec["rows"]]
print(sorted(map(str, cells)), sorted(map(str, rows)))
"""


def shown(deployment: Deployment) -> str:
    """What the registry counts and draws, without what tells when."""
    return deployment.manage("shell", "--no-imports", "--command", SUMMED_UP)


def clean_run(deploy: Deploy, url: str, n: int) -> str:
    ledger = Ledger()
    deployment = deploy(url, ledger)
    with deployment.web() as web, deployment.worker(), deployment.scheduler():
        ledger.enter(post_many(web, range(n), clients=1))
        wait_until_drawn(web, deployment)
    return shown(deployment)


def wait_until_drawn(web: Site, deployment: Deployment) -> None:
    deployment.settle(web)
    wait_until(lambda: deployment.rows(UNDRAWN) == [(0,)])


def test_messages_that_come_thrice_and_in_reverse_change_nothing(
    redis_url: str, deploy: Deploy, ledger: Ledger, figure: Figure, settings: Any
) -> None:
    """Everybody sends to one database of Redis and the worker listens to another: what comes in
    the first is brought to the second while the worker is at work.
    """
    n = times(60, 20)
    clean = clean_run(deploy, redis_url, n)
    settings.CELERY_BROKER_URL = redis_url
    heard_url = redis_url.removesuffix("0") + "1"
    deployment = deploy(redis_url, CHART_THROTTLE_SECONDS="0.1", CELERY_BROKER_READ_URL=heard_url)
    repeated: list[str] = []
    with ExitStack() as stack:
        sent, heard = (
            stack.enter_context(redis.Redis.from_url(url)) for url in (redis_url, heard_url)
        )
        sent.flushall()
        web = stack.enter_context(deployment.web())
        ledger.enter(post_many(web, range(n // 2), clients=1))
        stack.enter_context(deployment.scheduler())
        wait_until(lambda: sent.llen("celery") >= 6)
        charts = [pk for (pk,) in deployment.rows(ALL_CHARTS_STALE)]
        for pk in charts:
            assert hints.send(draw_chart, pk)
        repeated += turn_round(sent, heard)
        assert Counter(repeated)[draw_chart.name] >= len(charts)
        stack.enter_context(deployment.worker("--concurrency=2"))
        ledger.enter(post_many(web, range(n // 2, n), clients=1))

        def is_drawn() -> bool:
            repeated.extend(turn_round(sent, heard))
            return deployment.waiting(web) == [0, 0] and deployment.rows(UNDRAWN) == [(0,)]

        wait_until(is_drawn)
    assert shown(deployment) == clean
    named = Counter(repeated)
    figure(
        f"{len(repeated)} messages thrice and in reverse, {named[draw_chart.name]} of them to draw "
        "a chart: the same cells and charts"
    )


ALL_CHARTS_STALE = "UPDATE charts_chart SET drawn = -1 RETURNING id"
# The chart that every report of a case concerns shows the newest facts, and no other is stale.
UNDRAWN = """
SELECT count(*) FROM charts_chart WHERE wanted > drawn
OR slug = 'xen-users' AND drawn < (SELECT number FROM registry_generation)
"""


def turn_round(sent: Any, heard: Any) -> list[str]:
    """Every message that waits in `sent` comes to `heard` three times, the last one first; which
    tasks they name.
    """
    with sent.pipeline() as pipeline:
        pipeline.lrange("celery", 0, -1).delete("celery")
        newest_first = pipeline.execute()[0]
    for message in newest_first:  # a worker takes from the right
        heard.lpush("celery", *(_copy(message, number) for number in range(3)))
    return [json.loads(message)["headers"]["task"] for message in newest_first]


def _copy(message: bytes, number: int) -> bytes:
    """The same message as one that came on its own: the broker knows it by its tag."""
    body = json.loads(message)
    body["properties"]["delivery_tag"] += str(number)
    body["headers"]["expires"] = None
    return json.dumps(body).encode()


@pytest.mark.faults
def test_no_scheduler_and_three_schedulers(
    redis_url: str, deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    """Without one, hints do the work; with three, every sweep comes thrice."""
    n = 100
    deployment = deploy(redis_url)
    with ExitStack() as stack:
        web = stack.enter_context(deployment.web())
        stack.enter_context(deployment.worker())
        ledger.enter(post_many(web, range(n), clients=4))
        deployment.settle(web)
        for number in range(3):
            stack.enter_context(deployment.scheduler(f"scheduler-{number}"))
        ledger.enter(post_many(web, range(n, 2 * n), clients=4))
        wait_until_drawn(web, deployment)
    assert all_new(ledger)
    figure(f"{n} reports counted without a scheduler, {n} with three, none twice")


@pytest.mark.faults
def test_embedded_worker_killed_at_random_loses_nothing(
    tmp_path: Path, n_seeds: int, ledger: Ledger, figure: Figure
) -> None:
    """The broker of files forgets what a killed worker had in hand; the sweep does not."""
    kills, each = times(50, 2), 10
    chance = random.Random(8)
    folder = tmp_path / "embedded" / "var"
    folder.parent.mkdir()
    with site(folder, REPORTS_PER_DAY="0") as registry:
        for kill in range(kills):
            first = kill * each
            cut = first + chance.randrange(each)
            ledger.enter(post(registry, number) for number in range(first, cut))
            wait_until(lambda: registry.processes("--quiet worker"))
            os.kill(registry.processes("--quiet worker")[-1], signal.SIGKILL)
            ledger.enter(post(registry, number) for number in range(cut, first + each))
        wait_until(lambda: metrics_of(registry)["crr_readings_waiting"] == 0)
    assert all_new(ledger)
    embedded_in(folder).check(ledger, n_seeds)
    figure(f"{kills} kills, {len(ledger.kept)} × 201, all counted")
