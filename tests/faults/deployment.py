"""A registry in pieces, as production runs it: web, workers and scheduler are processes of their
own, on real servers, and each can be killed alone.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.site import Site, wait_until
from tests.faults.senders import Ledger
from tests.servers import ROOT, accepts, free_port, running

SECRET_KEY = "a key of the tests, as long as a real one: 0123456789 abcdefghij"
GRANIAN = "-m granian --interface wsgi --host 127.0.0.1 --workers 2 --blocking-threads 8"
WAITING = ("crr_reports_unread", "crr_readings_waiting")
BROKER_OF_FILES = "filesystem://localhost"
# What is there, what waits, and files that are not whole.
COUNTED = """
import json
from charts import artefacts
from registry.models import RawReport, Reading
print(json.dumps({
    "reports": RawReport.objects.count(),
    "unread": RawReport.objects.filter(status="received").count(),
    "uncounted": Reading.objects.filter(summarised=False).count(),
    "drafts": [name for name in artefacts.stored() if "/." in name],
}))
"""
# A command of the release that will have the next parser.
NEWER = """
import os, sys
import submissions.parsing
submissions.parsing.PARSER_VERSION += 1
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
django.setup()
from django.core.management import call_command
call_command(*sys.argv[1:])
"""
# The name of the exception stands at the first line that is not indented.
RAISED = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n|\n)*([\w.]+)")


@dataclass(frozen=True)
class Deployment:
    """Where a registry keeps its things, the environment that its processes share, and the tree of
    their code; `expected` are the exceptions that a test lets its logs tell of.
    """

    folder: Path
    environment: dict[str, str]
    tree: Path = ROOT
    expected: set[str] = field(default_factory=set)

    def manage(self, *command: str) -> str:
        """What manage.py printed. Raises with it where the command failed."""
        done = self.run(sys.executable, "manage.py", *command)
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(command)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def newer(self, *command: str) -> list[str]:
        """What runs a command of manage.py with the parser of the next release."""
        return [sys.executable, "-c", NEWER, *command]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.tree, env=self.environment, capture_output=True, text=True
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What PostgreSQL answers when the registry is not asked."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute(query.encode()).fetchall()

    @contextmanager
    def web(
        self, application: str = "registry.wsgi:application", **environment: str
    ) -> Iterator[Site]:
        port = free_port()
        command = [*self._python(), *f"{GRANIAN} --port {port}".split(), application]
        log = self._folder("web")
        given = {**self.environment, "PUBLIC_URL": f"http://127.0.0.1:{port}", **environment}
        with running(command, log, lambda: accepts(port), environment=given) as process:
            yield Site(given["PUBLIC_URL"], self.folder, process.pid)

    @contextmanager
    def worker(
        self, *options: str, name: str = "worker", program: str = "celery", via: Sequence[str] = ()
    ) -> Iterator[Site]:
        """A Celery worker that has reached its broker; `via` runs it on another host. What is
        yielded knows its processes.
        """
        log = self._folder(name)
        command = [*via, *self._python(), "-m", "registry.supervised", "--revive"]
        command += [sys.executable, "-m", program, "--app", "registry", "worker"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        command += ["--loglevel=info", f"--hostname={name}@%h", *(options or ("--concurrency=1",))]
        says = Path(log, "log")
        with running(
            command, log, lambda: b" ready." in says.read_bytes(), environment=self.environment
        ) as process:
            yield Site("", self.folder, process.pid)

    @contextmanager
    def scheduler(self, name: str = "scheduler", program: str = "celery") -> Iterator[None]:
        log = self._folder(name)
        command = [*self._python(), "-m", program, "--app", "registry", "--quiet", "beat"]
        command += ["--scheduler", "registry.schedule:Scheduler", "--pidfile="]
        command += ["--schedule", str(self.schedule(name))]

        def has_begun() -> bool:  # the ending of the file is the database module's
            return any(self.folder.glob(f"{name}-schedule*"))

        with running(command, log, has_begun, environment=self.environment):
            yield

    def schedule(self, name: str = "scheduler") -> Path:
        """What a scheduler knows of the one before it."""
        return self.folder / f"{name}-schedule"

    def settle(self, site: Site, limit_s: float = 90) -> None:
        """Wait until nothing waits any more, without a hand of ours in it."""
        wait_until(lambda: not any(self.waiting(site)), limit_s)

    def waiting(self, site: Site) -> list[float]:
        return [value for name, value in metrics_of(site).items() if name in WAITING]

    def catch_up(self) -> None:
        """Do what waits, where no worker did: by one that has a broker of files."""
        environment = {**self.environment, "CELERY_BROKER_URL": BROKER_OF_FILES}
        made = replace(self, environment=environment)
        with made.web() as web, made.worker(), made.scheduler():
            made.settle(web)

    def check(self, ledger: Ledger, before: int = 0) -> None:
        """The invariant after every case: all that was promised is there, and no other report but
        the `before` that nobody sent; nothing waits; no file is half written; no process met an
        exception that the test did not expect.
        """
        self.verify(ledger)
        found = json.loads(shell(self, COUNTED))
        reports = before + ledger.others + len(ledger.kept)
        expected = {"reports": reports, "unread": 0, "uncounted": 0, "drafts": []}
        assert found == expected, f"{found}, not {reports} reports and nothing else"
        unexpected = self.raised() - self.expected
        assert not unexpected, f"{unexpected} in a log below {self.folder}"

    def verify(self, ledger: Ledger) -> str:
        """Every report of the ledger is there with its digest, and no promise is broken. Raises
        with what is.
        """
        manifest = self.folder / "ledger.jsonl"
        ledger.write(manifest)
        return self.manage("verify_registry", "--manifest", str(manifest))

    def _python(self) -> list[str]:
        return ["env", f"--chdir={self.tree}", sys.executable]

    def raised(self) -> set[str]:
        """The exceptions with a traceback in a log of web, worker or scheduler."""
        logs = [*self.folder.glob("*/log"), *self.folder.glob("*.log")]
        return {name for log in logs for name in RAISED.findall(log.read_text(errors="replace"))}

    def _folder(self, name: str) -> str:
        """For the log of one process; who starts again does not write over what the first said."""
        n_before = len([*self.folder.glob(f"{name}.*")])
        folder = self.folder / f"{name}.{n_before + 1}"
        folder.mkdir(parents=True)
        return str(folder)


def shell(deployment: Deployment, program: str) -> str:
    return deployment.manage("shell", "--no-imports", "--command", program).strip()


def metrics_of(site: Site) -> dict[str, float]:
    families = text_string_to_metric_families(site.get("/metrics").text())
    return {sample.name: sample.value for family in families for sample in family.samples}


def deployed(folder: Path, database: str, broker: str, **settings: str) -> Deployment:
    """A registry that keeps its files in `folder`; nothing runs yet."""
    environment = {
        **_passed(),
        "DATA_DIR": str(folder / "var"),
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": broker,
        "SECRET_KEY": SECRET_KEY,
        "REPORTS_PER_DAY": "0",
        "SWEEP_SECONDS": "2",
        **settings,
    }
    return Deployment(folder, environment)


def embedded_in(data_dir: Path) -> Deployment:
    """What `make run` keeps there, with its own database and key."""
    return Deployment(data_dir.parent, {**_passed(), "DATA_DIR": str(data_dir)})


def _passed() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def copied(media: Path, to: Deployment) -> None:
    """Give a registry the files of the one that its database was copied from."""
    shutil.copytree(media, Path(to.environment["DATA_DIR"]) / "media")
