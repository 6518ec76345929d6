"""The registry behind the nginx of deploy/nginx.conf: what it serves itself, keeps and refuses."""

import hashlib
import html
import http.client
import ipaddress
import json
import os
import random
import re
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest

from tests import installed, reports, servers
from tests.end_to_end.site import Answer, Site, _ask, site, wait_until
from tests.faults import times
from tests.faults.deployment import embedded_in
from tests.faults.senders import Ledger, numbered

HOST = "registry.example"
NOBODY = "nobody nogroup"  # may do nothing, as Debian's www-data
# nginx takes the sender of a test's word.
REAL_IP = "set_real_ip_from 127.0.0.1; real_ip_header X-Test-Sender;"


class Named(ssl.SSLContext):
    """Asks for the registry by its name and trusts its certificate alone, whatever address the
    connection is to.
    """

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **{**options, "server_hostname": HOST})


@dataclass(frozen=True)
class Ports:
    """Of one nginx, all on loopback. `plain` is the registry without TLS, which only tests have, to
    measure; `http` sends everybody to `https`.
    """

    http: int
    https: int
    plain: int


@dataclass(frozen=True)
class Front:
    """nginx, what it keeps, and the registry behind it; asked over TLS."""

    ports: Ports
    site: Site
    folder: Path

    def get(self, path: str, host: str = HOST, **headers: str) -> Answer:
        return self._answer(path, {"Host": host, **headers})

    def post(self, path: str, body: bytes, **headers: str) -> Answer:
        given = {"Host": HOST, "Content-Type": "application/json", **headers}
        return self._answer(path, given, body)

    def _answer(self, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        url = f"https://127.0.0.1:{self.ports.https}{path}"
        return _ask(Request(url, data=body, headers=headers), self.context())

    def context(self) -> Named:
        made = Named(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(self.folder / f"live/{HOST}/fullchain.pem")
        return made


@contextmanager
def nginx(
    behind: Site, folder: Path, frozen: Path | None = None, user: str = "root", more: str = ""
) -> Iterator[Ports]:
    """A real nginx with the file that operators take. `frozen` is where another one keeps its
    frozen charts; `user` is who serves, where we may choose; `more` stands in its http block.
    """
    program = installed.find("nginx", "nginx-light")
    ports = Ports(*(servers.free_port() for _ in range(3)))
    make_certificate(folder / "live" / HOST)
    text = (servers.ROOT / "deploy/nginx.conf").read_text()
    for name, here in (
        ("listen 80", f"listen 127.0.0.1:{ports.http}"),
        ("listen [::]:80", f"listen [::1]:{ports.http}"),
        ("listen 443 ssl http2;", f"listen 443 ssl http2; listen 127.0.0.1:{ports.plain};"),
        ("listen 443", f"listen 127.0.0.1:{ports.https}"),
        ("listen [::]:443", f"listen [::1]:{ports.https}"),
        ("127.0.0.1:8000", behind.url.removeprefix("http://")),
        ("/srv/crr/app/static/", f"{servers.ROOT}/static/"),
        ("/srv/crr/data/dump/", f"{behind.data_dir}/dump/"),
        ("/var/cache/nginx/crr", f"{folder}/cache"),
        ("/var/cache/nginx/frozen", f"{frozen or folder / 'frozen'}"),
        ("/var/log/nginx/crr.log", f"{folder}/access.log"),
        ("/var/www/html", f"{folder}/html"),
        ("/etc/letsencrypt/live", f"{folder}/live"),
    ):
        assert name in text
        text = text.replace(name, here)
    if "::1" not in loopback():
        text = re.sub(r"listen \[::1\].*", "", text)
    (folder / "crr.conf").write_text(text)
    whole = f"""
        daemon off; pid {folder}/pid; error_log {folder}/error.log;
        {f"user {user};" if os.geteuid() == 0 else ""}
        events {{ worker_connections 1024; }}
        http {{
            access_log off; include /etc/nginx/mime.types; include {folder}/crr.conf;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
            {more}
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
    with servers.running(command, str(folder), ready=lambda: servers.accepts(ports.https)):
        yield ports


def loopback() -> list[str]:
    """The addresses of this machine for itself: some containers have none of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


def make_certificate(folder: Path) -> None:
    """For the registry's name, signed by itself, in files named as certbot names them."""
    folder.mkdir(parents=True, exist_ok=True)
    openssl = installed.find("openssl", "openssl")
    command = f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    files = ["-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem"]
    names = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    subprocess.run([*command.split(), *files, *names], check=True, stderr=subprocess.DEVNULL)


def absent(data_dir: Path) -> Site:
    """A registry that does not answer."""
    return Site(f"http://127.0.0.1:{servers.free_port()}", data_dir, 0)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    folder.chmod(0o755)
    installed.require("nginx", "nginx-light")
    settings = {"NUM_PROXIES": "1", "ALLOWED_HOSTS": f"{HOST},127.0.0.1"}
    with (
        site(folder / "data", **settings) as behind,
        nginx(behind, folder, more=REAL_IP) as ports,
    ):
        wait_until(lambda: behind.get("/c/xen-users.png").status == 200)
        yield Front(ports, behind, folder)


def test_pages_and_static_files_are_served(front: Front) -> None:
    home = front.get("/")
    assert home.status == 200
    sheet = home.text().partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = front.get(sheet)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css")
    assert "immutable" in answer.headers["Cache-Control"]
    assert front.get("/static/../settings.py").status in (400, 404)


def test_over_plain_http_everybody_is_sent_to_https(front: Front) -> None:
    """By IPv4 and IPv6; but for what an authority asks before it gives out a certificate."""
    token = ".well-known/acme-challenge/token"
    (front.folder / "html" / token).parent.mkdir(parents=True)
    (front.folder / "html" / token).write_text("the answer")
    for address in loopback():
        connection = http.client.HTTPConnection(address, front.ports.http, timeout=10)
        with closing(connection):
            connection.request("GET", "/c/xen-users.png?a=b", headers={"Host": HOST})
            answer = connection.getresponse()
            assert (answer.status, b"301" in answer.read()) == (301, True)
            assert answer.headers["Location"] == f"https://{HOST}/c/xen-users.png?a=b"
            connection.request("GET", f"/{token}", headers={"Host": HOST})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"the answer")


def test_https_is_answered_at_both_families_in_http_2(front: Front) -> None:
    context = front.context()
    context.set_alpn_protocols(["h2"])
    for address in loopback():
        with (
            socket.create_connection((address, front.ports.https), timeout=10) as connection,
            context.wrap_socket(connection) as tls,
        ):
            assert (tls.selected_alpn_protocol(), tls.version()) == ("h2", "TLSv1.3")


def test_a_name_that_is_not_ours_gets_no_certificate(front: Front) -> None:
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with (
        socket.create_connection(("127.0.0.1", front.ports.https), timeout=10) as connection,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        anybody.wrap_socket(connection, server_hostname="evil.example")


FOREIGN = b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"


def test_a_name_that_is_not_ours_gets_no_answer(front: Front) -> None:
    """Over TLS also where the certificate was asked for by our name."""
    with socket.create_connection(("127.0.0.1", front.ports.http), timeout=10) as connection:
        connection.sendall(FOREIGN)
        assert connection.recv(100) == b""
    with (
        socket.create_connection(("127.0.0.1", front.ports.https), timeout=10) as connection,
        front.context().wrap_socket(connection) as tls,
    ):
        tls.sendall(FOREIGN)
        assert tls.recv(100) == b""


def test_the_log_has_what_rate_errors_and_latency_need_and_no_address(front: Front) -> None:
    """A line for each answer, that leads to the lines of the application."""
    answer = front.get("/search/?q=somebody-looks-for-this")
    assert answer.status == 200
    name, log = answer.headers["X-Request-Id"], front.folder / "access.log"
    wait_until(lambda: name in log.read_text())
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = (line for line in lines if line["request_id"] == name)
    assert (line["path"], line["status"], line["upstream_status"]) == ("/search/", "200", "200")
    # Two clocks, each in whole milliseconds: neither time is at least the other.
    assert line["seconds"] > 0
    assert float(line["upstream_seconds"]) > 0
    for unwanted in ("somebody-looks", "127.0.0.1", "::1"):
        assert unwanted not in log.read_text()


def test_a_report_goes_through_with_its_senders_address(front: Front) -> None:
    """Whatever somebody says of where it came from, and whatever other proxies there are."""
    for number in range(2):
        body = reports.as_bytes(reports.envelope(reports.run(20_000 + number)))
        answer = front.post("/api/v1/reports/", body, **{"X-Forwarded-For": f"192.0.2.{number}"})
        assert answer.status == 201, answer.body
    assert front.site.get("/metrics").status == 200


@pytest.mark.parametrize("address", ["/metrics", "/readyz"])
def test_what_is_inside_is_told_inside(front: Front, address: str) -> None:
    assert front.get(address).status == 200
    assert front.get(address, **{"X-Test-Sender": "198.51.100.7"}).status == 403


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
    gone = absent(front.site.data_dir)
    with nginx(gone, tmp_path, front.folder / "frozen") as ports:
        alone = Front(ports, gone, tmp_path)
        assert alone.get(f"{path}.png").body == before.body
        away = alone.get("/")
        assert (away.status, away.headers["Retry-After"]) == (503, "5")
        assert json.loads(away.body)["error"]["code"] == "unavailable"


def test_who_gets_no_answer_is_not_told_that_nothing_was_stored(tmp_path: Path) -> None:
    """The application ended after it took the report, perhaps after its commit."""
    installed.require("nginx", "nginx-light")
    tmp_path.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as ending:
        gone = Site(f"http://127.0.0.1:{ending.getsockname()[1]}", tmp_path, 0)

        def take() -> None:
            connection, _ = ending.accept()
            with connection:
                connection.recv(100_000)

        taking = threading.Thread(target=take)
        taking.start()
        with nginx(gone, tmp_path) as ports:
            answer = Front(ports, gone, tmp_path).post("/api/v1/reports/", b"{}")
        taking.join()
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"]) == (503, "unavailable")
    assert "may have been stored: send the same again" in error["message"]


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


def test_the_dump_is_fetched_by_many_while_reports_come_in(front: Front) -> None:
    """All of them fetch all of it, again and again until the last report is taken, and one reads
    page after page; each has an address of its own.
    """
    n_readers, n_reports = times(20, 6), 50
    registry = embedded_in(front.site.data_dir)
    registry.manage("export_dump", str(front.site.data_dir / "dump"))
    ended, ledger = threading.Event(), Ledger()
    with ThreadPoolExecutor(n_readers + 1) as pool:
        fetching = [pool.submit(_fetch_dump, front, reader, ended) for reader in range(n_readers)]
        crawling = pool.submit(_crawl, front, ended)
        try:
            for number in range(n_reports):
                sender = {"X-Test-Sender": f"198.51.100.{number % 25}"}
                answer = front.post("/api/v1/reports/", numbered(number), **sender)
                assert answer.status == 201, answer.body
                ledger.promise(answer.json()["id"], numbered(number))
        finally:
            ended.set()
        fetched = [future.result() for future in fetching]
        assert crawling.result() > 0
    assert all(fetched)
    assert len(ledger.kept) == n_reports
    registry.verify(ledger)


def _fetch_dump(front: Front, reader: int, ended: threading.Event) -> int:
    """How many files were fetched, all of them once at least."""
    sender, n_files = {"X-Test-Sender": f"192.0.2.{reader}"}, 0
    while True:
        for line in front.get("/dump/SHA256SUMS", **sender).text().splitlines():
            digest, name = line.split("  ")
            answer = front.get(f"/dump/{name}", **sender)
            assert "X-Request-Id" not in answer.headers  # of the application
            assert hashlib.sha256(answer.body).hexdigest() == digest, name
            n_files += 1
        if ended.is_set():
            return n_files


def _crawl(front: Front, ended: threading.Event) -> int:
    """How many pages were read, by a crawler that follows every link it finds."""
    waiting, seen = ["/"], set()
    while waiting and not ended.is_set():
        path = waiting.pop(0)
        answer = front.get(path, **{"X-Test-Sender": "203.0.113.1"})
        assert answer.status < 500, path
        seen.add(path)
        found = re.findall(r'href="(/[^"#]*)"', answer.body.decode(errors="replace"))
        waiting += {html.unescape(link) for link in found} - seen - {*waiting}
    return len(seen)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may pass, as none of pytest's is."""
    with tempfile.TemporaryDirectory(prefix="crr-", dir="/tmp") as path:
        Path(path).chmod(0o711)
        yield Path(path)


@pytest.mark.django_db
def test_the_dump_is_read_by_the_user_of_nginx(open_folder: Path) -> None:
    """Whatever the umask of whoever exports, and also what was exported before."""
    from submissions.dump.export import export  # needs settings, which a bench has not

    installed.require("nginx", "nginx-light")
    before = os.umask(0o027)
    try:
        export(open_folder / "dump")
        (open_folder / "dump/schema.json").chmod(0o640)
        (open_folder / "dump").chmod(0o750)
        export(open_folder / "dump")
    finally:
        os.umask(before)
    names = [path.name for path in (open_folder / "dump").iterdir() if path.name[0] != "."]
    assert {"SHA256SUMS", "manifest.jsonl", "results.csv", "schema.json"} <= set(names)
    gone = absent(open_folder)
    with nginx(gone, open_folder, user=NOBODY) as ports:
        front = Front(ports, gone, open_folder)
        for name in names:
            answer = front.get(f"/dump/{name}")
            assert answer.status == 200, name
            assert answer.body == (open_folder / "dump" / name).read_bytes()


@pytest.fixture
def senders(tmp_path: Path) -> Iterator[Front]:
    """An nginx that takes the sender of a test's word; /sender says whom the limits count."""
    installed.require("nginx", "nginx-light")
    tmp_path.chmod(0o755)
    said = servers.free_port()
    more = f"{REAL_IP} server {{ listen 127.0.0.1:{said}; return 200 $crr_sender; }}"
    with nginx(absent(tmp_path), tmp_path, more=more) as ports:
        yield Front(ports, Site(f"http://127.0.0.1:{said}", tmp_path, 0), tmp_path)


def behind_a_cdn() -> str:
    """What the page has an operator write, with 127.0.0.2 and 127.0.0.3 for the CDN's addresses."""
    page = (servers.ROOT / "docs/self-hosting.md").read_text()
    text = page.partition("    # /etc/nginx/conf.d/crr-cdn.conf\n")[2].partition("\n\n")[0]
    assert text.count("set_real_ip_from") == 2
    return text.replace("192.0.2.0/24", "127.0.0.2").replace("2001:db8::/32", "127.0.0.3")


def test_who_comes_by_a_cdn_is_himself_and_nobody_can_be_another(tmp_path: Path) -> None:
    installed.require("nginx", "nginx-light")
    tmp_path.chmod(0o755)
    said = servers.free_port()
    more = f"{behind_a_cdn()} server {{ listen 127.0.0.1:{said}; return 200 $crr_sender; }}"

    def sender(peer: str, forwarded: str) -> str:
        with closing(
            http.client.HTTPConnection("127.0.0.1", said, timeout=10, source_address=(peer, 0))
        ) as connection:
            connection.request("GET", "/", headers={"X-Forwarded-For": forwarded})
            return connection.getresponse().read().decode()

    with nginx(absent(tmp_path), tmp_path, more=more):
        assert sender("127.0.0.2", "198.51.100.1") == "198.51.100.1"
        assert sender("127.0.0.2", "2001:db8:1:2::3") == "2001:db8:1:2"
        assert sender("127.0.0.2", "198.51.100.1, 127.0.0.3") == "198.51.100.1"  # two of the CDN
        assert sender("127.0.0.2", "127.0.0.1, 198.51.100.1") == "198.51.100.1"  # what it was told
        assert sender("127.0.0.4", "198.51.100.1") == "127.0.0.4"  # past the CDN


# Groups of zeros in every place: of the network, of the host, and over both.
GROUPS = [
    [group if bits >> place & 1 else 0 for place, group in enumerate(range(0xA1, 0xA9))]
    for bits in range(256)
]


def test_the_limits_count_a_network_of_ipv6_in_whatever_way_it_is_written(senders: Front) -> None:
    counted: dict[str, set[str]] = {}
    for groups in GROUPS:
        address = ":".join(f"{group:x}" for group in groups)
        sender = senders.site.get("/", **{"X-Test-Sender": address}).text()
        network = ipaddress.ip_network((address, 64), strict=False)
        counted.setdefault(str(network), set()).add(sender)
    assert len(counted) == 16
    assert {len(found) for found in counted.values()} == {1}
    assert len(set.union(*counted.values())) == 16


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1"])
def test_the_limits_count_an_address_of_ipv4(senders: Front, address: str) -> None:
    assert senders.site.get("/", **{"X-Test-Sender": address}).text() == "192.0.2.1"


@pytest.mark.parametrize("network", ["2001:db8:1:2", "2001:db8:1:0", "2001:db8:0:0", "2001:0:0:4"])
def test_who_has_a_network_of_ipv6_is_one_sender(senders: Front, network: str) -> None:
    chance, statuses = random.Random(64), []
    for _ in range(60):
        host = [chance.choice((0, 0, chance.randrange(1, 1 << 16))) for _ in range(4)]
        address = ":".join([network, *(f"{group:x}" for group in host)])
        answer = senders.post("/api/v1/parse/", b"{}", **{"X-Test-Sender": address})
        statuses.append(answer.status)
    assert set(statuses) == {503, 429}  # what is let through finds no registry
    other = senders.post("/api/v1/parse/", b"{}", **{"X-Test-Sender": "2001:db9:1:2::1"})
    assert other.status == 503


def test_uploads_that_stall_keep_nobody_waiting(front: Front) -> None:
    """Half a body and then nothing, on far more connections than the application has threads, each
    from an address of its own: nginx ends them, and the application hears of none.
    """
    n, log = times(500, 40), front.folder / "access.log"
    head = f"POST /api/v1/reports/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: text/plain\r\n"
    with ExitStack() as stack:
        for number in range(n):
            address = ("127.0.0.1", front.ports.plain)
            stalled = stack.enter_context(socket.create_connection(address, timeout=60))
            sender = f"X-Test-Sender: 2001:db8:{number:x}::1\r\nContent-Length: 1000\r\n\r\n"
            stalled.sendall(f"{head}{sender}half".encode())
        for _ in range(10):
            assert front.get("/healthz").status == 200
            assert front.get("/api/v1/leaderboard/").status == 200
        body = reports.as_bytes(reports.envelope(reports.run(21_000)))
        honest = {"X-Test-Sender": "203.0.113.2"}
        assert front.post("/api/v1/reports/", body, **honest).status == 201
        wait_until(lambda: len(_timed_out(log)) == n)
    assert {line["upstream_status"] for line in _timed_out(log)} == {""}


def _timed_out(log: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if line["status"] == "408"]


def test_who_sends_too_much_is_told_to_wait(front: Front) -> None:
    """The last test: it uses up what the address may send."""
    answers = [front.post("/api/v1/parse/", b"{}") for _ in range(60)]
    limited = [answer for answer in answers if answer.status == 429]
    assert limited
    assert limited[0].headers["Retry-After"]
    assert json.loads(limited[0].body)["error"]["code"] == "throttled"
    assert front.get("/").status == 200
