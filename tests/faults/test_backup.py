"""Backups are restored: on SQLite and on PostgreSQL, from folders and buckets, into an empty place,
byte for byte.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests import installed, servers
from tests.end_to_end.site import Site, wait_until
from tests.faults.conftest import NOWHERE
from tests.faults.deployment import Deployment, deployed, shell
from tests.faults.senders import Ledger, post_many

DRAW = """
from charts.models import Chart
from charts.pipeline import draw, ensure_defaults
from registry.models.summary import summarise
while summarise():
    pass
ensure_defaults()
draw(Chart.objects.get(slug="xen-users").pk)
"""


@pytest.fixture
def places(request: pytest.FixtureRequest, tmp_path: Path) -> list[Deployment]:
    """Two empty places for a registry: a database, and where the files of each are."""
    vendor, *kept = request.param.split()

    def database(name: str) -> str:
        if vendor == "sqlite":
            return f"sqlite:///{tmp_path}/{name}.sqlite3"
        return str(request.getfixturevalue(f"postgresql_{name}"))

    def files(name: str, where: str) -> str:
        if where == "folder":
            return f"file://{tmp_path}/{name}/files"
        return f"{request.getfixturevalue('bucket')}/{name}"

    made = [
        deployed(tmp_path / name, database(name), NOWHERE, STORAGE_URL=files(name, where))
        for name, where in zip(("here", "there"), kept, strict=True)
    ]
    for each in made:
        each.folder.mkdir()
    return made


@pytest.fixture
def bucket() -> Iterator[str]:
    with servers.s3() as url:
        yield url


@pytest.fixture
def postgresql_here(postgresql_url: str) -> str:
    return postgresql_url


@pytest.fixture
def postgresql_there(postgresql_here: str) -> str:
    with psycopg.connect(postgresql_here, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS crr_there")  # of another test of this server
        connection.execute("CREATE DATABASE crr_there")
    return postgresql_here.rpartition("/")[0] + "/crr_there"


def _told(web: Site, path: str) -> bytes:
    """What a page says, but for the address that each place has of its own."""
    return web.get(path).body.replace(web.url.encode(), b"")


@pytest.mark.parametrize(
    "places",
    [
        "sqlite folder bucket",
        "sqlite bucket folder",
        pytest.param("postgresql folder folder", marks=pytest.mark.faults),
    ],
    indirect=True,
)
def test_backup_brings_an_empty_machine_to_the_same_registry(
    places: list[Deployment], tmp_path: Path, ledger: Ledger, figure: Callable[[str], None]
) -> None:
    here, there = places
    here.manage("migrate", "--verbosity", "0")
    with here.web() as web:
        ledger.enter(post_many(web, range(20), clients=4))
        shell(here, DRAW)
        first = here.manage("backup_registry", str(tmp_path / "backups"))
        ledger.enter(post_many(web, range(20, 30), clients=4))
        shell(here, DRAW)
        here.manage("backup_registry", str(tmp_path / "backups"), "--keep", "1")
        pages = {path: _told(web, path) for path in ("/api/v1/leaderboard/", "/c/xen-users.png")}
    assert not Path(first.strip()).exists()
    here.manage("restore_registry", str(tmp_path / "backups"), "--rehearse")
    said = there.manage("restore_registry", str(tmp_path / "backups"))
    assert "all promises hold, and the" in said
    there.verify(ledger)
    with there.web() as web:
        assert {path: _told(web, path) for path in pages} == pages
        assert {sent.status for sent in post_many(web, range(5), clients=1)} == {200}
    figure(f"{len(ledger.kept)} reports and every chart restored by one command")


def test_damaged_backup_and_place_that_is_not_empty_are_refused(tmp_path: Path) -> None:
    here = deployed(tmp_path, f"sqlite:///{tmp_path}/here.sqlite3", NOWHERE)
    here.manage("migrate", "--verbosity", "0")
    backup = Path(here.manage("backup_registry", str(tmp_path / "backups")).strip())
    with pytest.raises(RuntimeError, match="is not empty"):
        here.manage("restore_registry", str(backup))
    with (backup / "database").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff")
    with pytest.raises(RuntimeError, match="is damaged"):
        here.manage("restore_registry", str(backup))
    with pytest.raises(RuntimeError, match="cannot be restored"):
        here.manage("restore_registry", str(backup), "--rehearse")
    assert _noted(here, "backed-up") == backup.name
    assert _noted(here, "rehearsed") is None


def test_rehearsal_that_is_ended_leaves_no_database(postgresql_url: str, tmp_path: Path) -> None:
    """Not by SIGTERM, and what SIGKILL left the next one removes; but for what somebody holds."""
    here = deployed(tmp_path, postgresql_url, NOWHERE)
    here.manage("migrate", "--verbosity", "0")
    here.manage("backup_registry", str(tmp_path / "backups"))
    command = (sys.executable, "manage.py", "restore_registry", f"{tmp_path}/backups", "--rehearse")

    def ended_by(signum: signal.Signals) -> int:
        before = set(_rehearsals(here))
        # In a group of its own, as systemd ends all of a unit.
        process = subprocess.Popen(
            command, cwd=servers.ROOT, env=here.environment, start_new_session=True
        )
        wait_until(lambda: set(_rehearsals(here)) - before)
        os.killpg(process.pid, signum)
        return process.wait()

    assert ended_by(signal.SIGTERM) == 128 + signal.SIGTERM
    assert _rehearsals(here) == []
    ended_by(signal.SIGKILL)
    (left,) = _rehearsals(here)
    with psycopg.connect(postgresql_url.rpartition("/")[0] + f"/{left}"):
        assert here.run(*command).returncode == 0
        assert _rehearsals(here) == [left]
    assert here.run(*command).returncode == 0
    assert _rehearsals(here) == []


def _rehearsals(deployment: Deployment) -> list[str]:
    rows = deployment.rows("SELECT datname FROM pg_database WHERE datname LIKE 'crr_rehearsal_%'")
    return [name for (name,) in rows]


def _noted(deployment: Deployment, what: str) -> str | None:
    """The backup of which a note in DATA_DIR says so."""
    path = Path(deployment.environment["DATA_DIR"], f"{what}.json")
    return str(json.loads(path.read_text())["backup"]) if path.exists() else None


def test_backup_that_fails_or_is_killed_leaves_nothing_and_harms_no_other(tmp_path: Path) -> None:
    here = deployed(tmp_path, f"sqlite:///{tmp_path}/here.sqlite3", NOWHERE)
    here.manage("migrate", "--verbosity", "0")
    folder = tmp_path / "backups"
    command = (sys.executable, "manage.py", "backup_registry", str(folder))
    failed = here.run("prlimit", "--fsize=50000", *command)  # less than the database has
    assert failed.returncode == 1
    assert _names(folder) == [".lock"]
    stuck = tmp_path / "var/media/charts/00/stuck.png"
    stuck.parent.mkdir(parents=True)
    os.mkfifo(stuck)  # whoever reads it waits for a writer
    killed = subprocess.Popen(command, cwd=servers.ROOT, env=here.environment)
    wait_until(lambda: len(_names(folder)) == 2)
    second = here.run(*command)
    busy = f"CommandError: the backup cannot be written: another backup writes into {folder}\n"
    assert (second.returncode, second.stderr) == (1, busy)
    killed.kill()
    killed.wait()
    assert len(_names(folder)) == 2
    stuck.unlink()
    whole = Path(here.manage(*command[2:]).strip())
    assert _names(folder) == [".lock", whole.name]
    newer = Path(here.manage(*command[2:], "--keep", "1").strip())
    assert _names(folder) == [".lock", newer.name]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


EXPORT = "from submissions.tasks import export_dump\nexport_dump()"
HOLD = """
from registry.models import RawReport
report = RawReport.objects.first()
report.move_to(RawReport.Status.HELD, "moderator:jane", "looks odd")
"""


# A chart is drawn from new facts before the database is dumped, and again before the second look at
# the files: those of the drawing in the dump are in neither copy.
BETWEEN = f"""
from pathlib import Path
from django.test import Client
from registry import backup
from tests.faults.senders import KIND, numbered

def drawn_anew(number):
    sent = Client().post("/api/v1/reports/", numbered(number), content_type=KIND)
    assert sent.status_code == 201, sent.content
    exec({DRAW!r})

def dumped(path, dump=backup._dump_database):
    drawn_anew(2)
    dump(path)
    drawn_anew(3)

drawn_anew(1)
backup._dump_database = dumped
backup.back_up(Path("%s"))
"""


def test_chart_that_is_drawn_all_the_while_is_drawn_anew_after_a_restore(tmp_path: Path) -> None:
    here, there = (
        deployed(
            tmp_path / name,
            f"sqlite:///{tmp_path}/{name}.sqlite3",
            NOWHERE,
            ALLOWED_HOSTS="testserver",
        )
        for name in ("here", "there")
    )
    here.manage("migrate", "--verbosity", "0")
    shell(here, BETWEEN % (tmp_path / "backups"))
    said = there.manage("restore_registry", str(tmp_path / "backups"))
    assert "all promises hold" in said
    stale = "Chart.objects.stale().get(slug='xen-users')"  # it may rest a while
    assert shell(there, f"from charts.models import Chart; print({stale}.drawn)") == "-1"
    shell(there, DRAW)
    there.manage("verify_registry")


def test_chain_of_nightly_manifests_goes_on_after_a_restore(tmp_path: Path) -> None:
    names = ("here", "there")
    here, there = (
        deployed(tmp_path / name, f"sqlite:///{tmp_path}/{name}.sqlite3", NOWHERE) for name in names
    )
    chain, other = (tmp_path / name / "var/dump/manifests.jsonl" for name in names)
    here.manage("migrate", "--verbosity", "0")
    here.manage("load_seed")
    shell(here, EXPORT)
    backup = Path(here.manage("backup_registry", str(tmp_path / "backups")).strip())
    sums = (backup / "SHA256SUMS").read_text()
    assert "  manifests.jsonl\n" in sums
    assert "  manifest-00001.jsonl\n" in sums
    other.parent.mkdir(parents=True)
    other.write_text("a line of another registry\n")
    with pytest.raises(RuntimeError, match="is not the backup's"):
        there.manage("restore_registry", str(backup))
    shutil.rmtree(other.parent)
    there.manage("restore_registry", str(backup), "--rehearse")
    assert _noted(there, "rehearsed") == backup.name
    there.manage("restore_registry", str(backup))
    shell(there, HOLD + EXPORT)
    before, after = (path.read_text().splitlines() for path in (chain, other))
    assert (len(before), len(after), after[:1]) == (1, 2, before)
    nights = sorted(path.name for path in other.parent.glob("manifest-*"))
    assert nights == ["manifest-00001.jsonl", "manifest-00002.jsonl"]
    there.manage("verify_registry")


def test_tools_of_postgresql_connect_as_database_url_says(tmp_path: Path) -> None:
    """One certificate is the server's, the client's and the authority of both."""
    try:
        openssl = installed.find("openssl", "openssl")
        installed.find("initdb", "postgresql")
    except installed.Missing as missing:
        installed.skip_or_fail(missing)
    address = f"127.{'.'.join(str(1 + secrets.randbelow(254)) for _ in range(3))}"
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    named = f"-subj /CN=crr -addext subjectAltName=IP:{address}"
    made = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} {named}"
    subprocess.run([openssl, *made.split()], check=True)
    asked = {"mode": "verify-full", "rootcert": certificate, "cert": certificate, "key": key}
    options = "&".join(f"ssl{name}={value}" for name, value in asked.items())
    with servers.cluster() as folder:
        _require_certificates(Path(folder, "data"), key, certificate)
        with servers.serving_cluster(folder, listen=address):
            url = f"postgresql://crr@{address}/postgres?{options}"
            here = deployed(tmp_path / "here", url, NOWHERE)
            here.manage("migrate", "--verbosity", "0")
            here.manage("backup_registry", str(tmp_path / "backups"))
            here.manage("restore_registry", str(tmp_path / "backups"), "--rehearse")


def _require_certificates(data: Path, key: Path, certificate: Path) -> None:
    """Whoever comes by TCP shows a certificate that names the user."""
    for path in (key, certificate):
        shutil.copy(path, data)
        shutil.chown(data / path.name, data.stat().st_uid)
        (data / path.name).chmod(0o600)
    (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.0/8 cert\n")
    files = {"key": "key", "cert": "certificate", "ca": "certificate"}
    lines = [f"ssl_{name}_file = {file}\n" for name, file in files.items()]
    with (data / "postgresql.conf").open("a") as settings:
        settings.writelines(["ssl = on\n", *lines])


POSTED = Path(__file__).parents[1] / "data/frozen"
POST = """
import json
from pathlib import Path
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from charts import artefacts

first = [(app, "0001_initial") for app in ("registry", "submissions", "charts")]
executor = MigrationExecutor(connection)
state = executor.migrate([key for key in first if key in executor.loader.graph.nodes])
posted = Path({posted!r})
rows = json.loads((posted / "rows.json").read_text())
chart = state.apps.get_model("charts", "Chart").objects.create(**rows["charts.chart"])
frozen = {{**rows["charts.frozenchart"], "chart": chart}}
state.apps.get_model("charts", "FrozenChart").objects.create(**frozen)
for ending, file in frozen["files"].items():
    content = (posted / f"xen-users.{{ending}}").read_bytes()
    assert artefacts.put(content, ending) == file["digest"]
for command in ("migrate", "load_seed"):
    call_command(command, verbosity=0)
"""
READ_ANEW = """
from registry.models import Reading
from submissions.parsing import PARSER_VERSION
print(Reading.objects.filter(active=True, parser_version=PARSER_VERSION + 1).count())
"""


def verify_by_both(deployment: Deployment) -> None:
    """By the parser of now, and by the one that read the reports last: it compares the facts."""
    deployment.manage("verify_registry")
    done = deployment.run(*deployment.newer("verify_registry"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "another version" not in done.stdout


@pytest.mark.parametrize(
    "places",
    [
        "sqlite folder folder",
        pytest.param("postgresql folder folder", marks=pytest.mark.faults),
    ],
    indirect=True,
)
def test_frozen_chart_of_the_first_schema_keeps_its_bytes(
    places: list[Deployment], tmp_path: Path
) -> None:
    """Its address stands in a post: after every migration, a reading of all reports by a newer
    parser, a new drawing of the live chart and a restore it gives the bytes of the post.
    """
    here, there = places
    frozen = json.loads((POSTED / "rows.json").read_text())["charts.frozenchart"]
    address = f"/c/xen-users/{frozen['version']}"
    shell(here, POST.format(posted=str(POSTED)))
    done = here.run(*here.newer("reparse_reports", "--json"))
    told = json.loads(done.stdout)
    assert told["reports"] == told["n_switched"] == int(shell(here, READ_ANEW)) > 0
    shell(here, DRAW)
    here.manage("backup_registry", str(tmp_path / "backups"))
    there.manage("restore_registry", str(tmp_path / "backups"))
    for place in places:
        verify_by_both(place)
        with place.web() as web:
            for ending in frozen["files"]:
                answer = web.get(f"{address}.{ending}")
                assert answer.status == 200
                assert answer.body == (POSTED / f"xen-users.{ending}").read_bytes(), ending
                assert "immutable" in answer.headers["Cache-Control"]
            page = web.get(address)
            assert (page.status, frozen["digest"] in page.text()) == (200, True)
            assert web.get("/c/xen-users.png").body != (POSTED / "xen-users.png").read_bytes()
