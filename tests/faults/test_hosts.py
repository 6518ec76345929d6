"""Workers on three hosts, over Redis and over RabbitMQ: any of them ends at any time, the broker is
cut, and nothing is lost.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import installed, servers
from tests.end_to_end.site import Site, wait_until
from tests.faults import times
from tests.faults.deployment import Deployment, deployed, metrics_of
from tests.faults.hosts import HUB, Host, host, network
from tests.faults.proxy import Proxy
from tests.faults.senders import Ledger, post_many

pytestmark = pytest.mark.faults
Figure = Callable[[str], None]
BROKERS = {
    "redis": lambda: servers.redis(bind="0.0.0.0", protected_mode="no"),
    "rabbitmq": lambda: servers.rabbitmq(address="0.0.0.0"),
}


@contextmanager
def hub(kind: str, folder: Path) -> Iterator[tuple[Deployment, Proxy]]:
    """A registry whose database and broker are reached by other hosts; and what may cut them off
    from the broker.
    """
    with network(), ExitStack() as stack:
        cluster = stack.enter_context(servers.cluster())
        with Path(cluster, "data/pg_hba.conf").open("a") as file:
            file.write("host all all 10.77.0.0/24 trust\n")
        stack.enter_context(servers.serving_cluster(cluster, listen=HUB))
        url = stack.enter_context(BROKERS[kind]())
        proxy = Proxy(urlsplit(url).port or 0, address=HUB)
        stack.callback(proxy.close)
        broker = url.replace("0.0.0.0", HUB).replace("127.0.0.1", HUB)
        broker = broker.replace(f":{urlsplit(url).port}", f":{proxy.port}")
        deployment = deployed(folder, f"postgresql://crr@{HUB}/postgres", broker)
        deployment.manage("prepare")
        yield deployment, proxy


@pytest.fixture(autouse=True)
def rights() -> None:
    """Namespaces need root; RabbitMQ must be there."""
    if os.geteuid() != 0:
        pytest.skip("needs the right to make a network namespace")
    installed.require("rabbitmq-server", "rabbitmq-server")


def end(at: Host, worker: Site) -> None:
    """As a power switch: the cable first, then every process, the supervisor before the others."""
    at.unplug()
    for pid in (worker.supervisor, *worker.processes()):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", list(BROKERS))
def test_any_host_may_end_and_the_broker_may_be_cut(
    kind: str, tmp_path: Path, ledger: Ledger, figure: Figure
) -> None:
    rounds, cut_s, each = times(2, 1), times(60, 3), 20
    with hub(kind, tmp_path) as (deployment, proxy), ExitStack() as stack:
        web = stack.enter_context(deployment.web())
        stack.enter_context(deployment.scheduler())
        hosts = [stack.enter_context(host(number)) for number in range(3)]
        workers = [stack.enter_context(_worker(deployment, at, 0)) for at in hosts]
        numbers = iter(range(10**6))

        def send() -> None:
            ledger.enter(post_many(web, [next(numbers) for _ in range(each)], clients=4))

        for ended in range(rounds * len(hosts)):
            at = hosts[ended % len(hosts)]
            send()
            end(at, workers[ended % len(hosts)])
            send()
            at.plug_in()
            workers[ended % len(hosts)] = stack.enter_context(_worker(deployment, at, ended + 1))
        proxy.cut()
        until_s = time.monotonic() + cut_s
        while time.monotonic() < until_s:
            send()
        proxy.mend()
        deployment.settle(web, 180)
        wait_until(lambda: metrics_of(web)["crr_charts_stale"] == 0, 180)
        assert set(ledger.statuses) == {201}
        deployment.verify(ledger)
    figure(
        f"{kind}: {rounds * 3} hosts ended, {cut_s} s without the broker, "
        f"{len(ledger.kept)} × 201, 0 lost"
    )


@contextmanager
def _worker(deployment: Deployment, at: Host, life: int) -> Iterator[Site]:
    name = f"host{at.number}-{life}"
    with deployment.worker("--concurrency=1", name=name, via=at.via) as worker:
        yield worker


STALE = """
from charts.models import Chart
Chart.objects.update(drawn=-1, not_before='2026-01-01 00:00Z')
"""
SAVE = """
from charts.models import Chart
from charts.params import ChartParams
groups = ("virtualization", "kernel_series", "os", "cpu_model", "provider", "instance_type")
for one in groups:
    for other in groups:
        names = (one,) if one == other else (one, other)
        Chart.objects.save_comparison(ChartParams(("TCP_CRR",), names))
print(Chart.objects.count())
"""
# A second, from the first drawing to the last: what starts is not counted.
RATE = """
from django.db.models import Count, Max, Min
from charts.models import Drawing
found = Drawing.objects.aggregate(n=Count("pk"), first=Min("drawn_at"), last=Max("drawn_at"))
print((found["n"] - 1) / (found["last"] - found["first"]).total_seconds())
"""


@pytest.mark.parametrize("kind", list(BROKERS))
def test_backlog_of_drawings_by_one_two_and_three_hosts(
    kind: str, tmp_path: Path, figure: Figure
) -> None:
    rates: list[str] = []
    with hub(kind, tmp_path) as (deployment, _), deployment.web() as web:
        n = int(deployment.manage("shell", "--no-imports", "--command", SAVE))
        for count in (1, 2, 3):
            with ExitStack() as stack:
                for number in range(count):
                    at = stack.enter_context(host(10 * count + number))
                    stack.enter_context(_worker(deployment, at, count))
                deployment.manage("shell", "--no-imports", "--command", STALE)
                stack.enter_context(deployment.scheduler(f"scheduler-{count}"))
                wait_until(lambda: metrics_of(web)["crr_charts_stale"] == 0, 300)
                rate = float(deployment.manage("shell", "--no-imports", "--command", RATE))
                rates.append(f"{rate:.1f}")
        deployment.verify(Ledger())
    figure(
        f"{kind}: {n} charts, {' / '.join(rates)} per s by 1 / 2 / 3 hosts on {os.cpu_count()} CPUs"
    )
