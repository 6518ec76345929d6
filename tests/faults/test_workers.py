"""Workers are killed while they draw, meet reports that break them, and reach for nothing but
database, broker and files.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.models.report import MAX_ATTEMPTS
from tests import reports
from tests.end_to_end.site import Site, wait_until
from tests.faults import poisoned
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, metrics_of
from tests.faults.senders import KIND, Ledger, post_many, slowest_ms

Figure = Callable[[str], None]
PARTS = {"web", "worker", "beat"}


@pytest.mark.faults
def test_report_that_breaks_its_reader_is_held_and_others_go_on(
    redis_url: str, deploy: Deploy, ledger: Ledger, figure: Figure
) -> None:
    """It raises, ends the process, takes all memory, or never ends: five attempts, then it waits
    for a person. The pauses between attempts are skipped; the lease of a reader that was ended runs
    out by itself, and whoever takes it the sixth time holds the report unread.
    """
    deployment = deploy(redis_url, DJANGO_SETTINGS_MODULE="registry.settings")
    deployment.expected.update(poisoned.RAISED)
    with deployment.web(application="tests.faults.poisoned:application") as web:
        bad = [post_poison(web, kind, ledger) for kind in poisoned.KINDS]
        usual = ledger.enter(post_many(web, range(50), clients=2))
        with deployment.worker(program="tests.faults.poisoned"), deployment.scheduler():
            beside = ledger.enter(post_many(web, range(50, 150), clients=2))
            wait_until(lambda: not _are_read_again(deployment), 600)
            deployment.settle(web)
        assert set(ledger.statuses) == {201}
        pages = [web.get(f"/r/{name}").text() for name in bad]
    assert all("held" in page.lower() for page in pages)
    ended = [kind in poisoned.END_THEIR_READER for kind in poisoned.KINDS]
    attempts = [MAX_ATTEMPTS + 1 if has_ended else MAX_ATTEMPTS for has_ended in ended]
    held = {name: (n, status, reason) for name, n, status, reason in deployment.rows(OF_REPORTS)}
    assert [held[name] for name in bad] == [(n, "held", "processing_failed") for n in attempts]
    figure(
        f"{len(bad)} poisoned reports held after 5 attempts; median of others "
        f"{slowest_ms(usual, 0.5):.0f} ms without and {slowest_ms(beside, 0.5):.0f} ms beside"
    )


def post_poison(web: Site, kind: str, ledger: Ledger) -> str:
    body = reports.as_bytes(reports.envelope(notes=f"{poisoned.MARK}{kind}"))
    answer = web.post("/api/v1/reports/", body, KIND)
    assert answer.status == 202
    public_id = str(answer.json()["id"])
    ledger.promise(public_id, body)
    return public_id


OF_REPORTS = "SELECT public_id, attempts, status, status_reason FROM registry_rawreport"
SKIP_PAUSES = """
UPDATE registry_rawreport SET not_before = least(not_before, now())
WHERE status = 'received' RETURNING id
"""


def _are_read_again(deployment: Deployment) -> bool:
    """Whether reports wait to be read; none of them waits for its pause to end."""
    return bool(deployment.rows(SKIP_PAUSES))


@pytest.mark.faults
def test_nothing_reaches_beyond_database_broker_and_files(
    redis_url: str, deploy: Deploy, ledger: Ledger, figure: Figure, tmp_path: Path
) -> None:
    """Every connection that a web process, a worker or a scheduler makes, and every program that it
    starts, while reports come in and charts are drawn.
    """
    noted = tmp_path / "noted"
    deployment = deploy(redis_url, CRR_NOTED=str(noted), MPLCONFIGDIR=str(_hostile(tmp_path)))
    with (
        deployment.web(application="tests.faults.confined:application") as web,
        deployment.worker(program="tests.faults.confined"),
        deployment.scheduler(program="tests.faults.confined"),
    ):
        ledger.enter(post_many(web, range(20), clients=2))
        wait_until(lambda: "6.40" in web.get("/c/xen-users.csv").text())
        wait_until(lambda: metrics_of(web)["crr_charts_stale"] == 0)
    lines = [json.loads(line) for line in noted.read_text().splitlines()]
    beyond = [line for line in lines if not _is_known(line, redis_url)]
    assert {part for part, event, _ in lines if event == "socket.connect"} == PARTS
    assert beyond == []
    events = Counter(what if event == "subprocess.Popen" else event for _, event, what in lines)
    figure(
        f"{events['socket.connect']} connections, all to the broker; "
        f"fc-list and uname started {events['fc-list']} and {events['uname']} times, nothing else"
    )


def _hostile(folder: Path) -> Path:
    (folder / "matplotlibrc").write_text("text.usetex: True\n")
    return folder


def _is_known(line: list[str], redis_url: str) -> bool:
    """The broker, and what matplotlib and Python's `platform` ask once a process: which fonts there
    are, where that is not kept, and what the processor is.
    """
    _, event, what = line
    if event in ("socket.connect", "socket.getaddrinfo"):
        return what in redis_url
    return event == "subprocess.Popen" and what in ("fc-list", "uname")
