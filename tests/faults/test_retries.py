"""The same report comes again, at once or because its answer was lost: the web processes make one
report of it, whichever of them is asked.
"""

import itertools
import json
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from crr_submit import deliver
from tests.client import commands
from tests.end_to_end.site import Site, wait_until
from tests.faults import times
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment
from tests.faults.proxy import Proxy, between
from tests.faults.senders import Ledger, Sent, numbered, post
from tests.servers import ROOT

Figure = Callable[[str], None]
WEB_PROCESSES = 2
CLIENT = str(ROOT / "client/src")
N_REPORTS = "SELECT count(*) FROM registry_rawreport"
WAITING_FOR_LOCKS = """
SELECT count(DISTINCT pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def post_at_once(
    deployment: Deployment, web: Site, numbers: Sequence[int], key: str
) -> tuple[list[Sent], int]:
    """These reports, again and again, all with one key. None can be stored before each of the web
    processes has one to store: so each has looked, and found none. What was answered, and how many
    rows it made.
    """
    ((before,),) = deployment.rows(N_REPORTS)
    following = itertools.cycle(numbers)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1000))
        connection = stack.enter_context(psycopg.connect(deployment.environment["DATABASE_URL"]))
        connection.execute("LOCK TABLE registry_rawreport IN SHARE MODE")  # may be read

        def send() -> Future[Sent]:
            return pool.submit(post, web, next(following), **{"Idempotency-Key": key})

        sending = [send() for _ in range(times(100, 40))]

        def all_are_at_it() -> bool:
            sending.append(send())  # for a process that was too slow for those before
            return deployment.rows(WAITING_FOR_LOCKS) == [(WEB_PROCESSES,)]

        wait_until(all_are_at_it)
    sent = [future.result() for future in sending]
    ((after,),) = deployment.rows(N_REPORTS)
    return sent, after - before


def test_one_key_at_all_processes_at_once_is_one_report(
    deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    """With one body, then with two: whichever comes first is the report, the other is refused."""
    deployment = deploy()
    with deployment.web() as web:
        for numbers in ((1,), (2, 3)):
            sent, n_rows = post_at_once(deployment, web, numbers, f"key-of-{numbers}")
            ledger.enter(sent)
            (first,) = (each.number for each in sent if each.status == 201)
            same = sum(each.number == first for each in sent)
            expected = Counter({201: 1, 200: same - 1, 422: len(sent) - same})
            assert Counter(each.status for each in sent) == +expected
            assert len({each.public_id for each in sent if each.public_id}) == 1
            assert n_rows == 1
    deployment.catch_up()
    figure(
        f"{ledger.statuses.count(201)} keys at {WEB_PROCESSES} processes at once: a 201 and a row "
        f"each, {ledger.statuses.count(200)} × 200, {ledger.statuses.count(422)} × 422"
    )


def test_client_killed_after_the_commit_sends_again_and_makes_no_second_report(
    deploy: Deploy, ledger: Ledger, figure: Figure, tmp_path: Path
) -> None:
    """Its answer is lost on the way, and it ends before it hears that there was one."""
    n = times(20, 2)
    deployment = deploy()
    with deployment.web() as web, between(urlsplit(web.url).port or 0) as proxy:
        for number in range(n):
            report = tmp_path / f"report-{number}.json"
            report.write_bytes(numbered(number))
            ((before,),) = deployment.rows(N_REPORTS)
            kill_after_commit(deployment, proxy, report)
            ledger.enter([Sent(number, 200, sent_again(proxy, report), 0.0)])
            assert deployment.rows(N_REPORTS) == [(before + 1,)]
    deployment.catch_up()
    figure(f"{n} clients killed after the commit: sent again, {len(ledger.kept)} rows")


def sending(proxy: Proxy, report: Path) -> list[str]:
    return ["send", report.name, "--registry", f"http://127.0.0.1:{proxy.port}", "--json"]


def kill_after_commit(deployment: Deployment, proxy: Proxy, report: Path) -> None:
    ((before,),) = deployment.rows(N_REPORTS)
    proxy.swallow_answers()
    with commands.start(report.parent, *sending(proxy, report), PYTHONPATH=CLIENT) as client:
        wait_until(lambda: deployment.rows(N_REPORTS) == [(before + 1,)])
        assert client.poll() is None
        client.kill()
    assert client.returncode == -signal.SIGKILL
    (kept,) = deliver.claims_of(str(report))
    assert kept.id is None
    proxy.mend()


def sent_again(proxy: Proxy, report: Path) -> str:
    """The id that the client is told."""
    arguments = sending(proxy, report)
    code, out, errors = commands.run(report.parent, *arguments, PYTHONPATH=CLIENT)
    assert code == 0, errors
    (sent,) = json.loads(out)["reports"]
    return str(sent["id"])
