"""Real servers for tests, each in a folder of its own and gone with its `with` block.

Out comes a URL. From the command line PostgreSQL wraps one command, which finds it in DATABASE_URL:
`python -m tests.servers postgresql COMMAND...`. Every server runs under registry.supervised, so
that a killed test run leaves none behind.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests import installed

ROOT = Path(__file__).resolve().parent.parent
CLUSTER_OPTIONS = "--username=crr --auth=trust --encoding=UTF8 --no-locale --no-sync"
DEBIANS_RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one on the PATH changes the user
LEND = "--reuid=postgres --regid=postgres --clear-groups"
START_LIMIT_S = 120  # only ends what would never start
STOP_LIMIT_S = 10
S3_PREPARED_BY = 4  # calls that need no key


@contextmanager
def postgresql(durable: bool = False) -> Iterator[str]:
    """The DATABASE_URL of an empty PostgreSQL cluster. Unless `durable`, nothing is synced to
    disk: a test does not outlive a power cut.
    """
    with cluster() as folder, serving_cluster(folder, durable) as url:
        yield url


@contextmanager
def cluster() -> Iterator[str]:
    """The folder of an empty PostgreSQL cluster that nobody serves yet."""
    initdb = installed.find("initdb", "postgresql")
    with _folder("postgres" if os.geteuid() == 0 else None) as folder:
        make = [*_lent(), initdb, *CLUSTER_OPTIONS.split(), f"--pgdata={folder}/data"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        yield folder


@contextmanager
def serving_cluster(folder: str, durable: bool = False, listen: str = "") -> Iterator[str]:
    """The DATABASE_URL of a cluster while it is served, through a socket in its folder; and at the
    usual port of the address `listen`, if any.
    """
    server, ready = (installed.find(name, "postgresql") for name in ("postgres", "pg_isready"))
    settings = {"listen_addresses": listen, "unix_socket_directories": folder}
    settings["fsync"] = "on" if durable else "off"
    options = [f"--{name}={value}" for name, value in settings.items()]
    probe = [ready, "--quiet", f"--host={folder}"]
    with running(
        [*_lent(), server, "-D", f"{folder}/data", *options],
        folder,
        ready=lambda: subprocess.run(probe).returncode == 0,
        stop=signal.SIGINT,  # "fast": does not wait for clients to leave
    ):
        yield f"postgresql://crr@{quote(folder, safe='')}/postgres"


def _lent() -> list[str]:
    """PostgreSQL refuses to run as root, so root lends it Debian's `postgres` user."""
    if os.geteuid() != 0:
        return []
    return [installed.find("setpriv", "util-linux"), *LEND.split()]


@contextmanager
def redis(port: int | None = None, **options: str) -> Iterator[str]:
    """The URL of an empty Redis; give `port` to bring one back where another has stopped."""
    server = installed.find("redis-server", "redis-server")
    port = port or free_port()
    with _folder() as folder:
        given = {"port": port, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "no"}
        every = given | options
        words = ((f"--{name.replace('_', '-')}", str(value)) for name, value in every.items())
        command = [part for pair in words for part in pair]
        with running([server, *command], folder, ready=lambda: _answers_ping(port)):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def s3(bucket: str = "charts", port: int | None = None) -> Iterator[str]:
    """The STORAGE_URL of an S3 server with one empty bucket, spoken to over HTTP. It looks at keys:
    those of the URL may do everything with objects, others nothing.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "moto.server", "--port", str(port)]
    environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(S3_PREPARED_BY)}
    with (
        _folder() as folder,
        running(command, folder, ready=lambda: accepts(port), environment=environment),
    ):
        key, secret = _prepare_s3(f"http://127.0.0.1:{port}", bucket)
        yield f"s3+http://{quote(key)}:{quote(secret, safe='')}@127.0.0.1:{port}/{bucket}"


def _prepare_s3(url: str, bucket: str) -> tuple[str, str]:
    """A bucket, and the key and secret of a user who may use it; as many calls as S3_PREPARED_BY
    says, since from then on the server asks for a key.
    """
    import boto3  # half a second that few tests need

    anybody = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    session = boto3.Session(**anybody, region_name="us-east-1")
    s3, iam = (session.client(name, endpoint_url=url) for name in ("s3", "iam"))
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    s3.create_bucket(Bucket=bucket)
    iam.create_user(UserName="crr")
    iam.put_user_policy(UserName="crr", PolicyName="files", PolicyDocument=policy)
    made = iam.create_access_key(UserName="crr")["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


@contextmanager
def rabbitmq(port: int | None = None, address: str = "127.0.0.1") -> Iterator[str]:
    """The URL of an empty RabbitMQ; give `port` to bring one back where another has stopped.

    Erlang's own distribution has a port of its own and no port mapper, which would outlive us.
    """
    installed.find("rabbitmq-server", "rabbitmq-server")
    port, distribution = port or free_port(), free_port()
    with _folder() as folder:
        Path(folder, "rabbitmq.conf").write_text("loopback_users = none\n")
        settings = {
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "HOME": folder,
            "RABBITMQ_NODENAME": f"crr-{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": address,
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": folder,
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"+sbwt none -start_epmd false -erl_epmd_port {distribution}"
            ),
        }
        with running(
            [DEBIANS_RABBITMQ],
            folder,
            ready=lambda: _answers_amqp(port),
            environment={**os.environ, **settings},
        ):
            yield f"amqp://guest:guest@{address}:{port}//"


def free_port() -> int:
    """A loopback port that nothing listens on now; another process may still be quicker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _folder(user: str | None = None) -> Iterator[str]:
    """A short path: a socket's may have 107 bytes."""
    path = tempfile.mkdtemp(prefix="crr-", dir="/tmp")
    try:
        if user:
            shutil.chown(path, user, user)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(
    command: list[str],
    folder: str,
    ready: Callable[[], bool],
    stop: signal.Signals = signal.SIGTERM,
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """`command` from when it is ready until the block ends; a failed start says what was logged.
    What is yielded is its supervisor.
    """
    log = Path(folder, "log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "registry.supervised", *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**(environment or os.environ), "CRR_SUPERVISOR_PID": str(os.getpid())},
            cwd=ROOT,
        )
    try:
        _wait_until(lambda: process.poll() is not None or ready())
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')}")
        yield process
    finally:
        process.send_signal(stop)
        process.wait(STOP_LIMIT_S)


def _wait_until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while not true():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not ready after {START_LIMIT_S} s")
        time.sleep(0.02)


def accepts(port: int) -> bool:
    """Whether something takes connections on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers_ping(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _answers_amqp(port: int) -> bool:
    """A server that speaks another version answers with the one it wants, and hangs up."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"AMQP\0\0\0\0")
            return connection.recv(4) == b"AMQP"
    except OSError:
        return False


def main(server: str, command: list[str]) -> int:
    """The exit code of `command`, run while `server` is up; 0 when it may be left out."""
    try:
        with {"postgresql": postgresql}[server]() as url:
            return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}).returncode
    except installed.Missing as missing:
        print(f"{'FAILED' if installed.REQUIRED else 'SKIPPED'} the run on {server}: {missing}")
        return int(installed.REQUIRED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
