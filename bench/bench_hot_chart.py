"""What serving a hot chart costs: from the application beside a view that holds the same bytes in
memory, and through deploy/nginx.conf beside the same nginx with a file on disk, each on kept
connections and with a connection a request.

wrk asks, on loopback alone; all take turns in every round, so that a slower minute of the machine
meets all of them. Medians, and the median of each round's ratio to its floor.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.bench_application_server import GRANIAN, python_path, serving  # noqa: E402
from bench.targets import Target  # noqa: E402
from tests import installed  # noqa: E402
from tests.end_to_end.site import Site  # noqa: E402
from tests.end_to_end.test_nginx import HOST, nginx  # noqa: E402

CONNECTIONS = 8
SERVER = f"{GRANIAN} 1"
KEY = "a key for the bench alone, as long as a real one: 0123456789"
CHART = "/c/xen-users.png"
CLOSE = ("Connection: close",)
FROM_US, KNOWN, THROUGH_NGINX = Target(0.7, 0.9), Target(1.0, 1.3), Target(0.8, 0.95)


@dataclass(frozen=True)
class Work:
    """One thing to ask for, the name of its floor, and what the ratio ought to be; none for a
    floor.
    """

    url: str
    headers: tuple[str, ...] = ()
    floor: str = ""
    target: Target | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--duration", type=int, default=2, help="seconds for each measurement")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, everything(Path(folder)) as works:
        rates: dict[str, list[float]] = {name: [] for name in works}
        for work in works.values():
            rate(work, 1)  # warms, not counted
        for number in range(asked.rounds):
            print(f"  round {number + 1} of {asked.rounds}", file=sys.stderr)
            for name, work in works.items():
                rates[name].append(rate(work, asked.duration))
    found = {name: compared(rates[name], rates.get(work.floor)) for name, work in works.items()}
    if asked.json:
        print(json.dumps({"load_before": load, "per_s": found}, indent=2))
        return
    print(f"load before it began: {load:.1f} on {os.cpu_count()} CPUs")
    for name, one in found.items():
        print(f"{name:50}{one['per_s']:8.0f}/s  {told(works[name], one['ratio'])}")


def told(work: Work, ratio: float | None) -> str:
    if ratio is None or work.target is None:
        return ""
    return f"{ratio:.2f} x {work.floor}: {work.target.told(ratio)}"


def compared(rates: Sequence[float], floor: Sequence[float] | None) -> dict[str, Any]:
    ratios = [mine / other for mine, other in zip(rates, floor or (), strict=False)]
    return {
        "per_s": statistics.median(rates),
        "range_per_s": [min(rates), max(rates)],
        "ratio": statistics.median(ratios) if ratios else None,
    }


@contextmanager
def everything(folder: Path) -> Iterator[dict[str, Work]]:
    """All servers at once, and what to ask of them."""
    folder.chmod(0o755)
    data_dir = folder / "data"
    environment = {
        **os.environ,
        "DATA_DIR": str(data_dir),
        "SECRET_KEY": KEY,
        "NUM_PROXIES": "1",
        "ALLOWED_HOSTS": f"{HOST},127.0.0.1",
        "PYTHONPATH": python_path(),
        "BARE_BYTES": str(data_dir / "dump" / "chart.png"),
    }
    prepare = [sys.executable, "manage.py", "prepare"]
    subprocess.run(prepare, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with ExitStack() as stack:
        ours = stack.enter_context(serving(SERVER, environment, "registry.wsgi:application"))
        ours = ours.rstrip("/")
        picture, etag = fetched(f"{ours}{CHART}")
        with urlopen(Request(f"{ours}/api/v1/charts/xen-users/freeze/", method="POST")) as answer:
            frozen = "/c/" + json.load(answer)["url"].partition("/c/")[2] + ".png"
        (data_dir / "dump").mkdir()
        Path(environment["BARE_BYTES"]).write_bytes(picture)
        bare = stack.enter_context(serving(SERVER, environment, "bench.bare_bytes:application"))
        ports = stack.enter_context(nginx(Site(ours, data_dir, 0), folder))
        front, host = f"http://127.0.0.1:{ports.plain}", (f"Host: {HOST}",)
        known = (f"If-None-Match: {etag}",)
        print(f"a picture of {len(picture)} bytes, {CONNECTIONS} connections", file=sys.stderr)
        yield {
            "bytes in memory": Work(bare),
            "chart": Work(f"{ours}{CHART}", floor="bytes in memory", target=FROM_US),
            "chart, 304": Work(f"{ours}{CHART}", known, "chart", KNOWN),
            "bytes in memory, connection a request": Work(bare, CLOSE),
            "chart, connection a request": Work(
                f"{ours}{CHART}", CLOSE, "bytes in memory, connection a request", FROM_US
            ),
            "nginx static": Work(f"{front}/dump/chart.png", host),
            "chart through nginx": Work(f"{front}{CHART}", host, "nginx static", THROUGH_NGINX),
            "nginx static, connection a request": Work(f"{front}/dump/chart.png", (*host, *CLOSE)),
            "chart through nginx, connection a request": Work(
                f"{front}{CHART}",
                (*host, *CLOSE),
                "nginx static, connection a request",
                THROUGH_NGINX,
            ),
            "frozen chart through nginx": Work(
                f"{front}{frozen}", host, "nginx static", THROUGH_NGINX
            ),
            "frozen chart through nginx, connection a request": Work(
                f"{front}{frozen}",
                (*host, *CLOSE),
                "nginx static, connection a request",
                THROUGH_NGINX,
            ),
        }


def fetched(url: str) -> tuple[bytes, str]:
    with urlopen(Request(url), timeout=30) as answer:
        return answer.read(), answer.headers["ETag"]


def rate(work: Work, duration_s: int) -> float:
    """Answers a second. Stops where any was no 200 or 304."""
    command = [installed.find("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{duration_s}s"]
    headers = [part for header in work.headers for part in ("-H", header)]
    done = subprocess.run([*command, *headers, work.url], capture_output=True, text=True)
    found = re.search(r"Requests/sec: +([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout:
        sys.exit(f"bench_hot_chart: {work.url}: {done.stdout}{done.stderr}")
    return float(found.group(1))


if __name__ == "__main__":
    main()
