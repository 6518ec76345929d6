"""Code of the release before runs on the schema of this one, and nobody waits for a migration: it
only adds, and locks no table that grows with the reports.
"""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor

from tests import installed, reports
from tests.end_to_end.site import Site, wait_until
from tests.faults import times
from tests.faults.conftest import NOWHERE
from tests.faults.deployment import Deployment, deployed
from tests.faults.senders import Ledger, post
from tests.servers import ROOT

OURS = {"registry", "submissions", "charts"}
# From before the first release: no code of anybody's is older than they are.
FIRST = {
    ("registry", "0002_reading_fingerprint"),
    ("registry", "0003_moved_counters"),
}
# What only a reader can judge, and has: rows that old code does not look at are changed; an index
# was made while no registry was large.
READ = {("charts", "0003_attempts"), ("registry", "0006_kept_answers")}
GROWING = {
    *("rawreport", "reportevent", "reading", "result", "run"),
    *("machine", "submitter", "cell", "system"),
}


def later_migrations() -> list[Any]:
    executor = MigrationExecutor(connection)
    found = [executor.loader.get_migration(*key) for key in executor.loader.graph.nodes]
    return [
        migration
        for migration in found
        if migration.app_label in OURS
        and not migration.initial
        and (migration.app_label, migration.name) not in FIRST
    ]


def fault_of(operation: Any, migration: Any) -> str:
    """Why old code, or whoever sends meanwhile, cannot live with the operation; empty where they
    can. Old code leaves a new column out of its INSERT.
    """
    if isinstance(operation, migrations.CreateModel):
        return ""
    if isinstance(operation, migrations.AddField):
        field = operation.field
        if not field.null and field.db_default is models.NOT_PROVIDED:
            return "give the column null or db_default"
        is_indexed = field.unique or getattr(field, "db_index", False)
        return _locks(operation, migration) if is_indexed else ""
    if isinstance(operation, migrations.AddIndex):
        return _locks(operation, migration)
    if isinstance(operation, (migrations.RunPython, migrations.RunSQL)):
        return "" if _is_read(migration) else "read what it runs, then add it to READ"
    return "drop or rename one release later"


def _locks(operation: Any, migration: Any) -> str:
    """An index is made while every writer of the table waits."""
    made = {each.name_lower for each in migration.operations if hasattr(each, "name_lower")}
    name = operation.model_name_lower
    if name not in GROWING or name in made or _is_read(migration):
        return ""
    return "make the index beside writers: AddIndexConcurrently on PostgreSQL"


def _is_read(migration: Any) -> bool:
    return (migration.app_label, migration.name) in READ


@pytest.mark.django_db
def test_old_code_and_writers_live_with_every_migration() -> None:
    wrong = [
        f"{migration}: {operation.describe()}: {fault}"
        for migration in later_migrations()
        for operation in migration.operations
        if (fault := fault_of(operation, migration))
    ]
    assert wrong == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["charts.Chart", "registry.Recipe"])
def test_row_of_the_first_schema_goes_into_the_newest(name: str) -> None:
    """What old code writes, that knows of no later column."""
    label, model = name.split(".")
    state = MigrationExecutor(connection).loader.project_state((label, "0001_initial"))
    old = state.apps.get_model(label, model)
    known = {
        field.name: _value(field)
        for field in old._meta.fields
        if not field.primary_key and not field.has_default() and not field.null
    }
    row = old.objects.create(**known)
    assert apps.get_model(label, model).objects.filter(pk=row.pk).exists()


def _value(field: Any) -> Any:
    return {} if isinstance(field, models.JSONField) else "1"


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("run", "x", models.IntegerField(default=0)),
        migrations.AddField("run", "x", models.IntegerField(null=True, db_index=True)),
        migrations.AddIndex("run", models.Index(fields=["value"], name="run_by_value")),
        migrations.RemoveField("run", "value"),
        migrations.RenameField("run", "value", "rate"),
        migrations.DeleteModel("run"),
        migrations.RunSQL("DROP TABLE registry_run"),
        migrations.RunPython(migrations.RunPython.noop),
    ],
)
def test_the_rule_names_what_they_cannot_live_with(operation: Any) -> None:
    assert fault_of(operation, _with(operation))


@pytest.mark.parametrize(
    "operation",
    [
        migrations.CreateModel("other", []),
        migrations.AddField("run", "x", models.IntegerField(null=True)),
        migrations.AddField("run", "x", models.IntegerField(db_default=0)),
        migrations.AddIndex("chart", models.Index(fields=["slug"], name="chart_by_slug")),
    ],
)
def test_the_rule_lets_pass_what_only_adds(operation: Any) -> None:
    assert fault_of(operation, _with(operation)) == ""


def _with(operation: Any) -> Any:
    return type("New", (migrations.Migration,), {"operations": [operation]})("9999", "registry")


# Takes a report in, counts it, draws, and gives what its reader sees.
AT_WORK = """
import sys
from django.test import Client
from charts import tasks
from registry.models.summary import summarise
from submissions.tasks import sweep
client = Client()
answer = client.post("/api/v1/reports/", sys.stdin.buffer.read(), content_type="application/json")
assert answer.status_code == 201, answer.content
while summarise():
    pass
sweep()
tasks.sweep()
name = answer.json()["id"]
made = {"tests": ["TCP_CRR"], "group_by": ["os"]}
made = client.post("/api/v1/charts/", made, content_type="application/json")
assert made.status_code == 201, made.content
for path in ("/", "/leaderboard/", f"/r/{name}", f"/api/v1/reports/{name}/", "/c/xen-users.png"):
    found = client.get(path)
    assert found.status_code == 200, (path, found.status_code, found.content)
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The tree of the code before the newest migration."""
    added = "--diff-filter=A", "--", "*/migrations/0*.py"
    newest = git("log", "-1", "--format=%H", *added).decode().strip()
    tree = git("archive", f"{newest}^") if newest else b""
    if not tree:
        installed.skip_or_fail(installed.Missing("needs the history: git fetch --unshallow"))
    folder = tmp_path / "old"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=tree, check=True)
    return folder


def test_the_code_before_the_newest_migration_works_beside_it(tmp_path: Path, old: Path) -> None:
    """The tree that did not know it yet, on the schema of now, as at a rolling upgrade."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path / "var"), "SECRET_KEY": 40 * "k"}
    environment |= {"DATABASE_URL": f"sqlite:///{tmp_path}/registry.sqlite3"}
    environment["ALLOWED_HOSTS"] = "testserver"

    def manage(where: Path, *command: str, given: bytes = b"") -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=where,
            env={**environment, "PYTHONPATH": str(where / "client/src")},
            input=given,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    manage(ROOT, "prepare")
    manage(old, "collectstatic", "--no-input", "--verbosity=0")
    report = reports.as_bytes(reports.envelope(reports.run(20_000)))
    manage(old, "shell", "--command", AT_WORK, given=report)
    manage(ROOT, "verify_registry")


IN_USE = "BEGIN; LOCK TABLE registry_reading IN ACCESS SHARE MODE"
GIVEN_UP = """
from django.core.management import call_command
from registry.management.commands import migrate
migrate.TRIES, migrate.REST_S = 2, 0
call_command("migrate")
"""


@pytest.fixture
def behind(postgresql_url: str, tmp_path: Path) -> Deployment:
    """A registry whose newest migrations are not applied."""
    made = deployed(tmp_path, postgresql_url, NOWHERE)
    made.manage("migrate", "--verbosity=0", "registry", "0006")
    return made


def test_readers_are_answered_while_a_migration_waits_for_a_backup(behind: Deployment) -> None:
    """Each within a few seconds, and the migration is done once the backup is."""
    url = behind.environment["DATABASE_URL"]
    command = (sys.executable, "manage.py", "migrate")
    with psycopg.connect(url) as backup, psycopg.connect(url, autocommit=True) as reader:
        backup.execute(IN_USE)
        reader.execute("SET statement_timeout = '10s'")
        migrate = subprocess.Popen(command, cwd=ROOT, env=behind.environment)
        try:
            wait_until(lambda: queued(reader))
            reader.execute("SELECT count(*) FROM registry_reading")
            assert migrate.poll() is None
        finally:
            backup.rollback()
            migrate.wait()
    behind.manage("migrate", "--check")


def queued(reader: psycopg.Connection[Any]) -> bool:
    """Whether somebody waits for the table."""
    waiting = "FROM pg_locks WHERE NOT granted AND relation = 'registry_reading'::regclass"
    return reader.execute(f"SELECT count(*) {waiting}".encode()).fetchall() != [(0,)]


def test_a_migration_that_gets_no_table_says_so_and_fails(behind: Deployment) -> None:
    command = (sys.executable, "manage.py", "shell", "--no-imports", "--command", GIVEN_UP)
    with psycopg.connect(behind.environment["DATABASE_URL"]) as backup:
        backup.execute(IN_USE)
        done = behind.run(*command)
    assert done.returncode != 0
    assert "a table is in use, tried 2 of 2 times" in done.stderr
    assert "a table was in use all the while, by a backup perhaps" in done.stderr
    behind.manage("migrate")


class Front:
    """What stands before the web processes: it asks each in turn, and lets one go only when none
    of its answers is awaited any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sites: list[Site] = []
        self._awaited: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()

    def add(self, site: Site) -> None:
        with self._lock:
            self._sites.append(site)

    def leave(self, site: Site) -> None:
        with self._lock:
            self._sites.remove(site)
        wait_until(lambda: not self._awaited[site.url])

    @contextmanager
    def next(self) -> Iterator[Site]:
        with self._lock:
            site = self._sites[self.asked.total() % len(self._sites)]
            self.asked[site.url] += 1
            self._awaited[site.url] += 1
        try:
            yield site
        finally:
            with self._lock:
                self._awaited[site.url] -= 1


PER_S, SENDERS = 20, 4
PAGES = ("/", "/leaderboard/", "/reports/", "/status/", "/api/v1/results/", "/c/xen-users.png")


@pytest.mark.faults
def test_rolling_deploy_and_back_answers_everything(
    postgresql_url: str,
    redis_url: str,
    tmp_path: Path,
    old: Path,
    ledger: Ledger,
    figure: Callable[[str], None],
) -> None:
    """The newest migration is applied while the code that does not know it serves; the code that
    does comes beside it and stays alone, and then the older one comes back.
    """
    each = times(400, 40)
    newer = deployed(tmp_path / "new", postgresql_url, redis_url)
    path = {"PYTHONPATH": str(old / "client/src")}
    older = Deployment(tmp_path / "before", {**newer.environment, **path}, old)
    front, ended = Front(), threading.Event()
    read: set[int] = set()
    numbers, started_s = count(), time.monotonic()

    def sender() -> None:
        for number in numbers:
            if ended.wait(max(0.0, started_s + number / PER_S - time.monotonic())):
                return
            with front.next() as site:
                ledger.enter([post(site, number)])
            with front.next() as site:
                read.add(site.get(PAGES[number % len(PAGES)]).status)

    def serve_on(*sites: Site) -> None:
        """Until each of them has answered its share."""
        goal = {site.url: front.asked[site.url] + each // len(sites) for site in sites}
        wait_until(lambda: all(front.asked[url] >= least for url, least in goal.items()))

    @contextmanager
    def serving(deployment: Deployment) -> Iterator[Site]:
        with deployment.worker(), deployment.scheduler(), deployment.web() as web:
            assert web.get("/readyz").status == 200
            front.add(web)
            yield web
            front.leave(web)

    older.manage("prepare")
    older.manage("collectstatic", "--no-input", "--verbosity=0")
    with ThreadPoolExecutor(SENDERS) as pool, ExitStack() as first, ExitStack() as second:
        before = first.enter_context(serving(older))
        started_s = time.monotonic()
        sending = [pool.submit(sender) for _ in range(SENDERS)]
        try:
            serve_on(before)
            assert newer.run(sys.executable, "manage.py", "migrate", "--check").returncode == 1
            newer.manage("migrate")
            newer.manage("migrate", "--check")
            serve_on(before)
            after = second.enter_context(serving(newer))
            serve_on(before, after)
            first.close()
            serve_on(after)
            back = first.enter_context(serving(older))
            serve_on(back, after)
            second.close()
            serve_on(back)
        finally:
            ended.set()
        took_s = time.monotonic() - started_s
        for future in sending:
            future.result()
        older.settle(back)
    assert (set(ledger.statuses), read) == ({201}, {200})
    newer.verify(ledger)
    n = len(ledger.kept)
    figure(f"forth and back: {n} × 201 and as many pages, {n / took_s:.0f} per s, nothing else")


def git(*command: str) -> bytes:
    """What it says; nothing where it cannot."""
    return subprocess.run(["git", *command], cwd=ROOT, capture_output=True).stdout
