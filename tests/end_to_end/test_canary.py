"""T33 of the reliability plan: a report full of private facts, through the real processes, and then
a search for them in whatever the registry keeps, shows and logs.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import reports
from tests.end_to_end import canaries
from tests.end_to_end.canaries import CANARIES, forms, hits, png_texts
from tests.end_to_end.site import ROOT, Site, site, wait_until

# What is not private: where it is not found, the search looked in the wrong place.
CONTROL = "tangerine"
SERIES = "6.66"
PROSE = f"""\
{CONTROL}
[{canaries.USER}@{canaries.HOST} ~]$ hostname
{canaries.HOST}
Linux {canaries.HOST}.{canaries.DOMAIN} 6.66.1-test #1 SMP x86_64 GNU/Linux
Nov 23 06:10:11 {canaries.HOST} sshd[123]: session of {canaries.USER}
search {canaries.DOMAIN}
{canaries.IPV4} {canaries.HOST}.{canaries.DOMAIN} {canaries.HOST}
inet6 {canaries.IPV6}/64 ether {canaries.MAC}, {canaries.MAC.replace(":", "-").upper()}
64 bytes from {canaries.HOST} ({canaries.IPV4}): icmp_seq=1
::ffff:{canaries.IPV4} and {canaries.MAC.replace(":", "")}, {canaries.INSTANCE} is {canaries.HOST}
{canaries.USER.upper()} <{canaries.MAIL}>, <{canaries.MAIL.title()}> on {canaries.HOST.upper()}
drwxr-xr-x 2 {canaries.USER} {canaries.USER} 4096 {canaries.PATH}
"""
TEXT = PROSE + reports.text().replace(
    "127.0.0.1 ()", f"{canaries.HOST}.{canaries.DOMAIN} ({canaries.IPV4})"
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("canary") / "var", NUM_PROXIES="1") as found:
        yield found


@pytest.fixture(scope="module")
def answers(registry: Site) -> dict[str, bytes]:
    """Every answer of the site about two reports full of canaries, by what was asked."""
    found = {}
    text, envelope = TEXT.encode(), reports.as_bytes(_envelope())
    for name, body, media_type in (
        ("text", text, "text/plain"),
        ("envelope", envelope, "application/json"),
    ):
        found[f"parse {name}"] = _send(registry, "parse/", body, media_type, 200)
        sent = found[f"send {name}"] = _send(registry, "reports/", body, media_type, 201)
        public_id = json.loads(sent)["id"]
        for path in (
            f"/r/{public_id}",
            *(f"/api/v1/reports/{public_id}{e}" for e in ("/", "/raw/")),
        ):
            found[f"{name} {path}"] = registry.get(path).body
    wait_until(lambda: SERIES in registry.get("/c/xen-users.txt").text())
    frozen = registry.post("/api/v1/charts/xen-users/freeze/", b"").json()["url"]
    chart = frozen.removeprefix(registry.url)
    for path in (
        *("/", "/reports/", "/leaderboard/", "/api/v1/leaderboard/", "/method/", chart),
        *(f"/c/xen-users{ending}" for ending in ("", ".svg", ".txt", ".csv", ".json", ".eml")),
        *(f"{chart}{ending}" for ending in (".svg", ".txt", ".json", ".html")),
    ):
        answer = registry.get(path)
        assert answer.status == 200, path
        found[path] = answer.body
    for path in ("/c/xen-users.png", f"{chart}.png"):
        found[path] = png_texts(registry.get(path).body)
    return found


def _envelope() -> dict[str, Any]:
    """The canaries in every place of an envelope that takes free text."""
    signals = {"sys_vendor": "QEMU", "product": PROSE[:400], canaries.HOST: canaries.MAC}
    return reports.envelope(
        reports.run(
            21_000.25,
            outputs=[TEXT],
            command=f"ssh {canaries.USER}@{canaries.HOST} netperf -H {canaries.IPV4} -t TCP_CRR",
            remote_environment=reports.environment(tuning={"kernel.hostname": canaries.HOST}),
        ),
        reports.run(21_500.25),
        environment=reports.environment(
            kernel={"release": f"{SERIES}.1-test"},
            virtualization={"type": "kvm", "signals": signals},
            tuning={"kernel.hostname": canaries.HOST, "kernel.domainname": canaries.DOMAIN},
        ),
        machine_id=canaries.MACHINE_ID,
        notes=PROSE,
        **{canaries.HOST: canaries.PATH},
    )


def _content(path: Path) -> bytes:
    """Nothing of a file that was just replaced: the registry is at work."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _send(registry: Site, path: str, body: bytes, media_type: str, status: int) -> bytes:
    answer = registry.post(
        f"/api/v1/{path}", body, media_type, **{"X-Forwarded-For": canaries.SENDER}
    )
    assert answer.status == status, answer.body
    return answer.body


def test_the_search_finds_what_is_there() -> None:
    for canary in CANARIES:
        for name, found in forms(canary).items():
            for form in found:
                assert any(hit.endswith(f"{canary} {name}") for hit in hits("x", b"a" + form))
        in_longer = base64.b64encode(b"some text " + canary.encode() + b" and more")
        assert f"x: {canary} base64" in hits("x", in_longer)
    assert len(forms(canaries.IPV4)) == 12
    body = TEXT.encode() + reports.as_bytes(_envelope())
    missed = {canary for canary in CANARIES if canary.encode() not in body}
    assert missed == {canaries.SENDER}


def test_no_answer_page_or_chart_holds_a_canary(answers: dict[str, bytes]) -> None:
    assert CONTROL in answers["text " + _raw_path(answers, "text")].decode()
    assert CONTROL in answers["envelope " + _raw_path(answers, "envelope")].decode()
    assert len(answers) > 25
    assert [hit for where, body in answers.items() for hit in hits(where, body)] == []


def _raw_path(answers: dict[str, bytes], name: str) -> str:
    return f"/api/v1/reports/{json.loads(answers[f'send {name}'])['id']}/raw/"


def test_nothing_that_is_kept_holds_a_canary(registry: Site, answers: dict[str, bytes]) -> None:
    """Database with its write-ahead log, messages, charts, whatever else lies in DATA_DIR, and the
    log of all processes.
    """
    files = {path: _content(path) for path in registry.data_dir.rglob("*") if path.is_file()}
    assert any(path.name == "registry.sqlite3-wal" for path in files)
    assert any(CONTROL.encode() in content for content in files.values())
    log = registry.data_dir.with_suffix(".log")
    files[log] = log.read_bytes()
    assert files[log]
    assert [hit for path, content in files.items() for hit in hits(path.name, content)] == []


def test_the_dump_holds_no_canary(registry: Site, answers: dict[str, bytes]) -> None:
    dump = subprocess.run(
        [sys.executable, "manage.py", "dumpdata"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(registry.data_dir)},
        capture_output=True,
        check=True,
    ).stdout
    bodies = [
        base64.b64decode(row["fields"]["body"])
        for row in json.loads(dump)
        if row["model"] == "registry.rawreport" and row["fields"]["body"]
    ]
    assert CONTROL.encode() in b"".join(bodies)
    assert hits("dump", dump + b"".join(bodies)) == []


def test_what_is_refused_is_not_logged(registry: Site) -> None:
    """Canaries where no report can have them: refused, answered to the sender, and kept nowhere."""
    wrong = {"report_version": canaries.HOST, "runs": [{"outputs": canaries.MAIL}]}
    for body, status in (
        (json.dumps(wrong).encode(), 422),
        (PROSE.encode() + b"\xff", 400),
        (b'{"runs": ' + PROSE.encode(), 400),
        (json.dumps({"report_version": 1, "runs": [{"outputs": [PROSE]}]}).encode(), 422),
    ):
        _send(registry, "reports/", body, "application/json", status)
    kept = [path for path in registry.data_dir.rglob("*") if path.is_file()]
    log = registry.data_dir.with_suffix(".log")
    assert [hit for path in (*kept, log) for hit in hits(path.name, _content(path))] == []
