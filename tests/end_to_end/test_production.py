"""docs/self-hosting.md as an operator follows it: its `crr` lines in their order, the commands of
the units, and what of deploy/ can be checked without the machine it is for.
"""

import configparser
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from registry import metrics
from tests import installed
from tests.end_to_end.site import Site, wait_until
from tests.end_to_end.test_nginx import Front, nginx
from tests.faults.conftest import rabbitmq_url  # noqa: F401 - a fixture
from tests.faults.deployment import SECRET_KEY, Deployment
from tests.faults.senders import Ledger, post_many
from tests.servers import ROOT, accepts, free_port, running

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
PAGE = (ROOT / "docs/self-hosting.md").read_text()


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "systemd" / name)
    return parser


def settings(**ours: str) -> dict[str, str]:
    """deploy/environment.example, with what an operator changes in it changed."""
    text = (DEPLOY / "environment.example").read_text()
    found = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert ours.keys() <= found.keys() | {"PATH", "ALLOWED_HOSTS"}
    return {**found, **ours}


@contextmanager
def started(name: str, folder: Path, environment: dict[str, str], ready: Any) -> Iterator[int]:
    """The command of a unit, in the folders of the test; yields the process id."""
    service = unit(name)["Service"]
    command = service["ExecStart"].replace("%%", "%").replace("%i", "1")
    for theirs, here in (
        ("/srv/crr/app", str(ROOT)),
        ("--port 8000", f"--port {environment['PORT']}"),
        ("/srv/crr/data/", f"{folder}/"),
    ):
        command = command.replace(theirs, here)
    defaults = dict(re.findall(r"([A-Z_]+)=(\S*)", service.get("Environment", "")))
    command = Template(command).substitute({**defaults, **environment})
    log = folder / f"log-{name}"
    log.mkdir()
    with running(command.split(), str(log), ready, environment=environment) as process:
        yield process.pid


def lines_of(part: str) -> list[list[str]]:
    """The `crr` lines of a part of the page, without what only people can answer."""
    _, _, after = PAGE.partition(f"\n## {part}\n")
    lines = re.findall(r"^    crr (.+)$", after.partition("\n## ")[0], re.MULTILINE)
    return [line.split() for line in lines if line != "createsuperuser"]


def run(deployment: Deployment, part: str, backups: Path) -> list[str]:
    lines = lines_of(part)
    assert lines
    return [
        deployment.manage(*(word.replace("/var/backups/crr", str(backups)) for word in line))
        for line in lines
    ]


def test_the_page_from_nothing_to_a_restored_registry(
    postgresql_url: str,
    rabbitmq_url: str,  # noqa: F811
    tmp_path: Path,
    ledger: Ledger,
) -> None:
    """Over RabbitMQ; the journey tests go over Redis."""
    installed.require("nginx", "nginx-light")
    tmp_path.chmod(0o755)
    port = free_port()
    environment = settings(
        DATA_DIR=str(tmp_path),
        DATABASE_URL=postgresql_url,
        CELERY_BROKER_URL=rabbitmq_url,
        SECRET_KEY=SECRET_KEY,
        INSTANCE_KEY=SECRET_KEY[::-1],
        ALLOWED_HOSTS="registry.example,127.0.0.1",
        PATH=f"{ROOT}/.venv/bin:/usr/bin:/bin",
    )
    here = Deployment(tmp_path, environment)
    run(here, "Install", tmp_path)
    schedule = tmp_path / "log-crr-scheduler.service" / "log"
    with ExitStack() as stack:
        for name, ready in (
            ("crr-web.service", lambda: accepts(port)),
            ("crr-worker@.service", lambda: True),
            ("crr-dump.service", lambda: True),
            ("crr-scheduler.service", schedule.exists),
        ):
            given = {**environment, "PORT": str(port)}
            pid = stack.enter_context(started(name, tmp_path, given, ready))
        behind = Site(f"http://127.0.0.1:{port}", tmp_path, pid)
        ports = stack.enter_context(nginx(behind, tmp_path))
        page = Front(ports, behind, tmp_path)
        ready_page = page.get("/readyz")
        assert ready_page.json()["ready"]
        assert ready_page.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
        ledger.enter(post_many(behind, range(8), clients=2))
        wait_until(lambda: "6.40" in page.get("/c/xen-users.csv").text())
        run(here, "Back up", tmp_path / "backups")
        run(here, "Upgrade", tmp_path / "backups")
    here.verify(ledger)
    there = Deployment(tmp_path / "there", {**environment, "DATA_DIR": f"{tmp_path}/there"})
    there.folder.mkdir()
    there.environment["DATABASE_URL"] = f"{postgresql_url}_there"
    _create_database(postgresql_url)
    said = run(there, "Restore", tmp_path / "backups")
    assert "all promises hold, and the" in said[0]
    there.verify(ledger)


def _create_database(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {urlsplit(url).path[1:]}_there")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.mark.parametrize("name", [path.name for path in UNITS if path.suffix == ".service"])
def test_every_service_is_confined_and_has_the_settings(name: str) -> None:
    service = unit(name)["Service"]
    assert service["User"] == "crr"
    assert service["EnvironmentFile"] == "/etc/crr/environment"
    for name_, value in (("NoNewPrivileges", "yes"), ("ProtectSystem", "strict")):
        assert service[name_] == value
    assert service["ExecStart"].startswith("/srv/crr/app/.venv/bin/python ")


def test_nothing_that_runs_may_write_what_root_runs() -> None:
    """The code is root's; the registry may write its data, and who backs up the backups."""
    for path in UNITS:
        if path.suffix != ".service":
            continue
        places = re.findall(r"^ReadWritePaths=(.*)$", path.read_text(), re.MULTILINE)
        backups = {"/var/backups/crr"} if path.name == "crr-backup.service" else set()
        assert set(places) == {"/srv/crr/data"} | backups, path.name
    assert settings()["DATA_DIR"] == "/srv/crr/data"
    owned = re.findall(r"(?:-o|chown(?: -R)?) crr\S* .*?(/\S+)", PAGE)
    assert set(owned) == {"/srv/crr/data", "/var/backups/crr"}


def test_who_serves_is_started_again_for_ever_and_who_backs_up_a_few_times() -> None:
    """systemd's own limit, five starts in ten seconds, ends one and never the other."""
    (asked,) = (rule["expr"] for rule in rules() if rule["alert"] == "UnitDoesNotComeUp")
    watched = re.compile(re.findall(r'name=~"(.+?)"', asked)[0])
    for path in (path for path in UNITS if path.suffix == ".service"):
        limits, service = unit(path.name)["Unit"], unit(path.name)["Service"]
        name = path.name.replace("@.", "@1.")
        if service.get("Type") == "oneshot":
            kept = (limits["StartLimitIntervalSec"], limits["StartLimitBurst"])
            assert (service["Restart"], *kept) == ("on-failure", "6h", "5")
            assert "postgresql.service" in limits["After"]
        else:
            assert (service["Restart"], limits["StartLimitIntervalSec"]) == ("always", "0")
        assert bool(watched.fullmatch(name)) == (service["Restart"] == "always")


def test_a_rehearsal_that_is_stopped_has_not_failed() -> None:
    service = unit("crr-rehearsal.service")["Service"]
    assert service["SuccessExitStatus"] == str(128 + signal.SIGTERM)


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]:
        found += group["rules"]
    return found


def test_a_drawing_is_not_told_to_end_with_its_worker() -> None:
    assert unit("crr-worker@.service")["Service"]["KillMode"] == "mixed"


@pytest.mark.parametrize("given", [{}, {"CRR_BIND": "127.0.0.2"}])
def test_the_web_process_is_where_the_settings_say(tmp_path: Path, given: dict[str, str]) -> None:
    place = (given.get("CRR_BIND", "127.0.0.1"), free_port())
    environment = {
        "PATH": f"{ROOT}/.venv/bin:/usr/bin:/bin",
        "DATA_DIR": str(tmp_path),
        "PORT": str(place[1]),
        **given,
    }
    with started("crr-web.service", tmp_path, environment, lambda: answers(place)):
        assert [answers((host, place[1])) for host in ("127.0.0.1", "127.0.0.2")] == [
            place[0] == "127.0.0.1",
            place[0] == "127.0.0.2",
        ]


def answers(place: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(place) == 0


def test_nothing_that_git_ignores_is_in_an_image() -> None:
    """Settings, keys, data and what commands made."""
    patterns, let_through = of_dockerignore()
    assert patterns[0] == "*"
    assert not let_through & {".git", "deploy"}
    for line in (ROOT / ".gitignore").read_text().splitlines():
        name = line.strip("/")
        if line.startswith("/"):
            assert name.partition("/")[0] not in let_through or name in patterns, line
        elif line and not line.startswith("#"):
            assert f"**/{name}" in patterns, line


def image_in(folder: Path) -> Path:
    """What an image is built from, below the folder."""
    _, let_through = of_dockerignore()
    command = ["git", "ls-files", *sorted(let_through)]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    image = folder / "image"
    for name in listed.stdout.splitlines():
        (image / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, image / name)
    return image


def test_an_image_has_what_the_registry_needs(tmp_path: Path) -> None:
    image = image_in(tmp_path)
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data")}
    for needed in (f"{sys.executable} manage.py prepare", "make --dry-run setup"):
        subprocess.run(needed.split(), cwd=image, env=environment, check=True)


def test_an_upgrade_keeps_the_static_files_that_old_pages_name(tmp_path: Path) -> None:
    image = image_in(tmp_path)
    (line,) = re.findall(r"manage\.py (collectstatic .*)", (ROOT / "Makefile").read_text())
    command = [sys.executable, "manage.py", *line.split()]
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data")}
    source, served = "registry/static/registry/registry.css", image / "static/registry"
    subprocess.run(command, cwd=image, env=environment, check=True)
    old = set(served.iterdir())
    with (image / source).open("a") as file:
        file.write("/* changed */")
    subprocess.run(command, cwd=image, env=environment, check=True)
    assert old < set(served.iterdir())


def test_an_upgrade_backs_up_before_it_changes_anything() -> None:
    _, _, after = PAGE.partition("\n## Upgrade\n")
    first, second = re.findall(r"^    (.+)$", after, re.MULTILINE)[:2]
    assert first.split()[:2] == ["crr", "backup_registry"]
    assert second.startswith("git -C /srv/crr/app pull")


def of_dockerignore() -> tuple[list[str], set[str]]:
    """Its patterns, and what it lets through."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    return patterns, {line.removeprefix("!") for line in patterns if line.startswith("!")}


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    try:
        verify = installed.find("systemd-analyze", "systemd")
    except installed.Missing as missing:
        pytest.skip(str(missing))
    here = tmp_path / "units"
    here.mkdir()
    for path in UNITS:
        text = path.read_text().replace("/srv/crr/app/.venv/bin/python", "/bin/true")
        (here / path.name).write_text(text)
    names = [str(here / path.name.replace("@.", "@1.")) for path in UNITS]
    (here / "crr-worker@1.service").write_text((here / "crr-worker@.service").read_text())
    done = subprocess.run([verify, "verify", *names], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "crr" in line] == []


def enabled(folder: Path, name: str) -> set[str]:
    """The units that a target wants once systemd has enabled the one of this name."""
    try:
        systemctl = installed.find("systemctl", "systemd")
    except installed.Missing as missing:
        pytest.skip(str(missing))
    place = folder / "etc/systemd/system"
    place.mkdir(parents=True)
    for path in UNITS:
        shutil.copy(path, place)
    subprocess.run([systemctl, f"--root={folder}", "--quiet", "enable", name], check=True)
    return {str(path.relative_to(place)) for path in place.glob("*.wants/*")}


@pytest.mark.parametrize("name", ["crr-worker@1.service", "crr-web.service", "crr.target"])
def test_what_is_enabled_alone_is_there_after_a_reboot(tmp_path: Path, name: str) -> None:
    links = enabled(tmp_path, name)
    assert f"multi-user.target.wants/{name}" in links
    assert ("multi-user.target.wants/crr.target" in links) == (name == "crr.target")


def test_the_target_wants_what_there_is() -> None:
    wanted = unit("crr.target")["Unit"]["Wants"].replace("@1", "@").split()
    assert set(wanted) <= {path.name for path in UNITS}


def test_compose_runs_the_commands_of_the_units() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name, file in (
        ("web", "crr-web.service"),
        ("backup", "crr-backup.service"),
        ("worker", "crr-worker@.service"),
        ("dump", "crr-dump.service"),
        ("scheduler", "crr-scheduler.service"),
    ):
        ours = unit(file)["Service"]["ExecStart"].split()[1:]
        theirs = services[name]["command"].split()[1:]
        by_host = {"${CRR_BIND}", "0.0.0.0", "--hostname", "worker-%i@%%h", "dump@%%h"}
        assert set(ours) ^ set(theirs) <= by_host | {"${CRR_QUEUES}"}


def test_the_steps_of_compose_give_it_everything_it_fills_in(tmp_path: Path) -> None:
    """From the file that Compose reads by itself, beside its own: it fills in nothing of the
    settings of the services.
    """
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    text = (DEPLOY / "compose.yaml").read_text()
    *steps, last = re.findall(r"^#   (.+)$", text, re.MULTILINE)
    assert last == "docker compose -f deploy/compose.yaml up --detach"
    subprocess.run(["sh", "-ec", "\n".join(steps)], cwd=tmp_path, check=True)
    filled_in = dict(re.findall(r"(.+)=(.+)", (tmp_path / "deploy/.env").read_text()))
    assert set(re.findall(r"\$\{(\w+)", text)) == filled_in.keys()
    assert filled_in["CRR_DATABASE_PASSWORD"].isalnum()  # it stands in an address
    for name in (".env", "environment"):
        assert (tmp_path / "deploy" / name).stat().st_mode & 0o077 == 0


def test_no_worker_of_the_target_writes_the_dump_beside_other_work() -> None:
    wanted = unit("crr.target")["Unit"]["Wants"].split()
    assert {"crr-worker@1.service", "crr-dump.service"} <= set(wanted)
    for name, queues in (("crr-worker@.service", ["celery"]), ("crr-dump.service", ["dump"])):
        service = unit(name)["Service"]
        default = service.get("Environment", "").removeprefix("CRR_QUEUES=")
        command = service["ExecStart"].replace("${CRR_QUEUES}", default).split()
        assert command[command.index("--queues") + 1].split(",") == queues
    assert "CRR_QUEUES" not in settings()


def test_settings_of_the_example_are_known() -> None:
    known = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert settings().keys() <= set(known)


def test_crr_has_the_settings_as_the_units_have_them(tmp_path: Path) -> None:
    """Values that a shell would take apart among them, and a last line that has no end."""
    url = "postgresql://crr@db.example/crr?sslmode=verify-full&sslrootcert=/etc/$HOME;true"
    given = settings(DATABASE_URL=url, SECRET_KEY=SECRET_KEY, DATA_DIR=str(tmp_path))
    lines = [f"{name}={value}" for name, value in given.items()]
    (tmp_path / "environment").write_text(
        "\n".join(["# A comment", "", *lines, "INSTANCE_KEY=last"])
    )
    script = (DEPLOY / "crr").read_text()
    for theirs, here in (
        ("/etc/crr/environment", f"{tmp_path}/environment"),
        ("/srv/crr/app", str(ROOT)),
        ("runuser -u crr -- ", ""),
        (".venv/bin/python", sys.executable),
    ):
        assert theirs in script
        script = script.replace(theirs, here)
    asked = "from django.conf import settings as s; print(s.DATABASE_URL, s.INSTANCE_KEY)"
    command = ["sh", "-c", script, "crr", "shell", "--no-imports", "--command", asked]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert (done.stdout.strip(), done.returncode) == (f"{url} last", 0), done.stderr


@pytest.mark.django_db
def test_alerts_ask_for_figures_that_there_are(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    """Of the registry; of its host those that Prometheus' node exporter has."""
    settings.DUMP_DIR = tmp_path
    (tmp_path / "SHA256SUMS").touch()
    client.post("/api/v1/reports/", "not netperf", content_type="text/plain")
    families = list(text_string_to_metric_families(metrics.exposition().decode()))
    known = {family.name for family in families}
    known |= {sample.name for family in families for sample in family.samples}
    for rule in rules():
        asked = set(re.findall(r"\bcrr_[a-z_]+|\bnode_[a-z_]+", rule["expr"]))
        assert asked
        assert asked <= known | {"node_systemd_unit_state", "node_filesystem_avail_bytes"}


def test_probes_and_scrapes_are_no_requests_to_an_alert() -> None:
    asked = [
        selector
        for rule in rules()
        for selector in re.findall(r"crr_request\w+(?:{(.*?)})?\[", rule["expr"])
    ]
    assert len(asked) == 3
    assert all(re.search(r'kind!(="own"|~".*\bown")', selector) for selector in asked)
