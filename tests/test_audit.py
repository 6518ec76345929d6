"""`make audit`: what a database of known faults says of the pins. It is a fake, which speaks OSV's
protocol (https://google.github.io/osv.dev/post-v1-query/): the real one is out of a test's reach.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.servers import ROOT, free_port

FAULT = {
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-0001"],
    "details": "Made up.",
    "affected": [
        {
            "package": {"name": "celery", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999.1"}]}],
        }
    ],
}


@contextmanager
def database(faults: dict[str, Any], status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the packages that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert query["package"]["ecosystem"] == "PyPI"
            asked.append(query["package"]["name"])
            known = [faults[asked[-1]]] if asked[-1] in faults else None
            body = json.dumps({"vulns": known} if known else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
        server.shutdown()


def audited(url: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "deploy/audit.py"],
        cwd=ROOT,
        env={**os.environ, "AUDIT_URL": url},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


def test_every_pin_is_asked_for() -> None:
    with database({}) as (url, asked):
        code, said = audited(url)
    assert (code, said) == (0, f"audit: {len(asked)} of {len(asked)} packages asked for\n")
    assert {"django", "celery", "matplotlib", "djangorestframework"} <= set(asked)


def test_a_known_fault_is_named_with_its_remedy() -> None:
    with database({"celery": FAULT}) as (url, _):
        code, said = audited(url)
    assert code == 1
    assert "PYSEC-2026-1, CVE-2026-0001; fixed in 999.1" in said


def test_a_database_that_does_not_answer_is_no_clean_answer() -> None:
    assert audited(f"http://127.0.0.1:{free_port()}/")[0] == 3
    with database({}, status=503) as (url, _):
        code, said = audited(url)
    assert (code, said.startswith(f"audit: {url} could not be asked: ")) == (3, True)
    assert len(said.splitlines()) == 1
