"""The registry behind the nginx of deploy/nginx.conf: what it serves itself, keeps and refuses."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request

import pytest

from tests import installed, reports, servers
from tests.end_to_end.site import Answer, Site, _ask, site, wait_until

HOST = "registry.example"


@dataclass(frozen=True)
class Front:
    """nginx, what it keeps, and the registry behind it."""

    port: int
    site: Site
    folder: Path

    def get(self, path: str, host: str = HOST, **headers: str) -> Answer:
        return _ask(self._request(path, {"Host": host, **headers}))

    def post(self, path: str, body: bytes, **headers: str) -> Answer:
        given = {"Host": HOST, "Content-Type": "application/json", **headers}
        return _ask(self._request(path, given, body))

    def _request(self, path: str, headers: dict[str, str], body: bytes | None = None) -> Request:
        return Request(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers)


@contextmanager
def nginx(behind: Site, folder: Path, frozen: Path | None = None) -> Iterator[int]:
    """A real nginx with the file that operators take; its port. `frozen` is where another one keeps
    its frozen charts.
    """
    program = installed.find("nginx", "nginx-light")
    port = servers.free_port()
    text = (servers.ROOT / "deploy/nginx.conf").read_text()
    for name, here in (
        ("listen 80", f"listen 127.0.0.1:{port}"),
        ("127.0.0.1:8000", behind.url.removeprefix("http://")),
        ("/srv/crr/app/static/", f"{servers.ROOT}/static/"),
        ("/srv/crr/data/dump/", f"{behind.data_dir}/dump/"),
        ("/var/cache/nginx/crr", f"{folder}/cache"),
        ("/var/cache/nginx/frozen", f"{frozen or folder / 'frozen'}"),
    ):
        assert name in text
        text = text.replace(name, here)
    (folder / "crr.conf").write_text(text)
    whole = f"""
        daemon off; pid {folder}/pid; error_log {folder}/error.log;
        {"user root;" if Path("/root").owner() == "root" else ""}
        events {{ worker_connections 256; }}
        http {{
            access_log off; include /etc/nginx/mime.types; include {folder}/crr.conf;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
        }}
    """
    (folder / "nginx.conf").write_text(whole)
    command = [
        program,
        "-c",
        f"{folder}/nginx.conf",
        "-p",
        str(folder),
        "-e",
        f"{folder}/error.log",
    ]
    subprocess.run([*command, "-t", "-q"], check=True)
    with servers.running(command, str(folder), ready=lambda: servers.accepts(port)):
        yield port


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    folder.chmod(0o755)
    try:
        installed.find("nginx", "nginx-light")
    except installed.Missing as missing:
        installed.skip_or_fail(missing)
    settings = {"NUM_PROXIES": "1", "ALLOWED_HOSTS": f"{HOST},127.0.0.1"}
    with site(folder / "data", **settings) as behind, nginx(behind, folder) as port:
        wait_until(lambda: behind.get("/c/xen-users.png").status == 200)
        yield Front(port, behind, folder)


def test_pages_and_static_files_are_served(front: Front) -> None:
    home = front.get("/")
    assert home.status == 200
    sheet = home.text().partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = front.get(sheet)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    assert front.get("/static/../settings.py").status in (400, 404)


def test_a_name_that_is_not_ours_gets_no_answer(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert connection.recv(100) == b""


def test_a_report_goes_through_with_its_senders_address(front: Front) -> None:
    """Whatever somebody says of where it came from, and whatever other proxies there are."""
    for number in range(2):
        body = reports.as_bytes(reports.envelope(reports.run(20_000 + number)))
        answer = front.post("/api/v1/reports/", body, **{"X-Forwarded-For": f"192.0.2.{number}"})
        assert answer.status == 201, answer.body
    assert front.site.get("/metrics").status == 200


def test_a_body_that_is_too_large_is_refused_in_the_shape_of_all_errors(front: Front) -> None:
    answer = front.post("/api/v1/reports/", b" " * (512 * 1024 + 1))
    assert answer.status == 413
    assert json.loads(answer.body)["error"]["code"] == "too_large"


def test_charts_are_kept_and_queries_are_no_other_chart(front: Front) -> None:
    first = front.get("/c/virtualization-cost.svg")
    assert first.status == 200
    again = front.get("/c/virtualization-cost.svg?utm_source=a-list")
    assert again.body == first.body
    assert again.headers["X-Cache"] in ("HIT", "UPDATING", "STALE")
    known = front.get("/c/virtualization-cost.svg", **{"If-None-Match": first.headers["ETag"]})
    assert known.status == 304
    assert front.get("/c/virtualization-cost.svg").headers["Cache-Control"].startswith("public")


def freeze(front: Front) -> str:
    """The path of the frozen chart, without ending."""
    url: str = json.loads(front.post("/api/v1/charts/xen-users/freeze/", b"").body)["url"]
    return "/c/" + url.partition("/c/")[2]


OWN = {"date", "server", "connection", "x-request-id", "etag", "last-modified", "accept-ranges"}


@pytest.mark.parametrize("ending", "png svg txt post.txt csv json html md bbcode eml".split())
def test_a_frozen_chart_is_a_file_from_its_second_reader_on(front: Front, ending: str) -> None:
    """With the bytes and the headers that the application gave it."""
    path = f"{freeze(front)}.{ending}"
    first = front.get(path)
    kept = kept_file(front, path)
    assert kept.read_bytes() == first.body == front.site.get(path).body
    again = front.get(f"{path}?utm_source=a-list")
    assert again.body == first.body
    assert "X-Request-Id" in first.headers
    assert "X-Request-Id" not in again.headers
    assert told(again) == told(first)
    assert "immutable" in again.headers["Cache-Control"]
    known = front.get(path, **{"If-None-Match": again.headers["ETag"]})
    assert known.status == 304


def kept_file(front: Front, path: str) -> Path:
    """The file that nginx keeps, which gets its name after the first reader has all bytes."""
    kept = front.folder / "frozen" / path.lstrip("/")
    wait_until(kept.exists)
    return kept


def told(answer: Answer) -> dict[str, str]:
    return {name.lower(): text for name, text in answer.headers.items() if name.lower() not in OWN}


def test_a_frozen_chart_outlives_the_application(front: Front, tmp_path: Path) -> None:
    path = freeze(front)
    before = front.get(f"{path}.png")
    assert (before.status, "immutable" in before.headers["Cache-Control"]) == (200, True)
    kept_file(front, f"{path}.png")
    tmp_path.chmod(0o755)
    gone = Site(f"http://127.0.0.1:{servers.free_port()}", front.site.data_dir, 0)
    with nginx(gone, tmp_path, front.folder / "frozen") as port:
        alone = Front(port, gone, tmp_path)
        assert alone.get(f"{path}.png").body == before.body
        away = alone.get("/")
        assert (away.status, away.headers["Retry-After"]) == (503, "5")
        assert json.loads(away.body)["error"]["code"] == "unavailable"


def test_what_is_no_frozen_chart_is_not_kept(front: Front) -> None:
    for path in ("/c/xen-users/000000000000.png", f"{freeze(front)}.exe"):
        assert front.get(path).status == 404
        assert not (front.folder / "frozen" / path.lstrip("/")).exists()


def test_the_dump_is_served_by_nginx_in_ranges(front: Front) -> None:
    folder = front.site.data_dir / "dump"
    folder.mkdir(exist_ok=True)
    (folder / "results.csv").write_text("id,value\nabc,1\n")
    (folder / ".state.json").write_text("{}")
    part = front.get("/dump/results.csv", Range="bytes=3-7")
    assert (part.status, part.body) == (206, b"value")
    assert front.get("/dump/.state.json").status == 404
    assert front.get("/dump/..%2fregistry.sqlite3").status in (400, 404)


def test_who_sends_too_much_is_told_to_wait(front: Front) -> None:
    """The last test: it uses up what the address may send."""
    answers = [front.post("/api/v1/parse/", b"{}") for _ in range(60)]
    limited = [answer for answer in answers if answer.status == 429]
    assert limited
    assert limited[0].headers["Retry-After"]
    assert json.loads(limited[0].body)["error"]["code"] == "throttled"
    assert front.get("/").status == 200
