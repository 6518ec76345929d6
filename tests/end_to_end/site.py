"""The real registry as `make run` starts it, in a folder and on a port of its own, for tests that
drive real processes.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.servers import ROOT, accepts, free_port

START_LIMIT_S = 300
WAIT_LIMIT_S = 90
END_LIMIT_S = 10


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Site:
    url: str
    data_dir: Path
    supervisor: int  # process id

    def get(self, path: str, **headers: str) -> Answer:
        return _ask(Request(self.url + path, headers=headers))

    def post(
        self, path: str, body: bytes, media_type: str = "application/json", **headers: str
    ) -> Answer:
        headers = {"Content-Type": media_type, **headers}
        return _ask(Request(self.url + path, data=body, headers=headers))

    def etag(self, path: str = "/c/xen-users.png") -> str:
        return str(self.get(path).headers["ETag"])

    def processes(self, word: str = "") -> list[int]:
        """Process ids below the supervisor whose command line holds `word`."""
        return [pid for pid in _below(self.supervisor) if word in _command(pid)]


@contextmanager
def site(data_dir: Path, **environment: str) -> Iterator[Site]:
    """`make run` from when it answers until the block ends; leaves nothing behind."""
    port = free_port()
    log = data_dir.with_suffix(".log")
    settings = {
        "PORT": str(port),
        "DATA_DIR": str(data_dir),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=ROOT,
            env={**kept, **settings, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        found = Site(settings["PUBLIC_URL"], data_dir, process.pid)
        wait_until(lambda: process.poll() is not None or _answers(found), START_LIMIT_S)
        if process.poll() is not None:
            raise RuntimeError(f"make run ended:\n{log.read_text(errors='replace')}")
        yield found
    finally:
        below = _below(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(END_LIMIT_S)
        finally:
            for pid in below:
                if _alive(pid):
                    os.kill(pid, signal.SIGKILL)
    assert not accepts(port), "the port is still open after Ctrl-C"


def wait_until(true: Callable[[], Any], limit_s: float = WAIT_LIMIT_S) -> None:
    """Look again and again until it holds; the limit only ends a test that would never pass."""
    deadline = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true after {limit_s} s")
        time.sleep(0.1)


def _answers(found: Site) -> bool:
    try:
        return found.get("/healthz").status == 200
    except OSError:
        return False


def _ask(request: Request, context: SSLContext | None = None) -> Answer:
    try:
        with urlopen(request, timeout=WAIT_LIMIT_S, context=context) as response:
            return Answer(response.status, response.headers, response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def _below(pid: int) -> list[int]:
    """All descendants, parents first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [found for child in map(int, children) for found in (child, *_below(child))]


def _command(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
