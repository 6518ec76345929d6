"""Settings from the environment: a value that cannot be used stops the start with one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry import env

HTTP = ("http", "https")
DATABASE = ("sqlite", "postgres", "postgresql")
BROKER = ("filesystem", "redis", "amqp")


@pytest.mark.parametrize(
    ("value", "schemes"),
    [
        ("https://reg.example:8443", HTTP),
        ("http://[::1]:8000", HTTP),
        ("postgresql://user:secret@%2Fvar%2Frun/db", DATABASE),
        ("postgres:///db", DATABASE),
        ("sqlite:///registry.sqlite3", DATABASE),
        ("sqlite://:memory:", DATABASE),
        ("filesystem://localhost", BROKER),
        ("amqp://", BROKER),
        ("redis://:secret@host:6379/1", BROKER),
        ("file:///srv/media", ("file",)),
    ],
)
def test_address_that_can_be_used(
    value: str, schemes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_URL", value)
    assert env.address("SOME_URL", "", schemes) == value


@pytest.mark.parametrize(
    ("value", "schemes"),
    [
        ("http://", HTTP),
        ("http://[x", HTTP),
        ("http://host:99999", HTTP),
        ("http://host:0", HTTP),
        ("http://host:1x", HTTP),
        ("http://<b>/", HTTP),
        ("ftp://host/", HTTP),
        ("no address", HTTP),
        ("postgres://[::1/x", DATABASE),
        ("postgres://user:secret@host:bad/x", DATABASE),
        ("sqlite://bad", DATABASE),
        ("redis://[x", BROKER),
        ("redis://user:secret@:6379/0", BROKER),
        ("redis://host:x/0", BROKER),
        ("file:relative", ()),
        ("file://relative/path", ("file",)),
    ],
)
def test_address_that_cannot_be_used_is_one_line_without_its_password(
    value: str, schemes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_URL", value)
    with pytest.raises(env.BadSetting) as stop:
        env.address("SOME_URL", "", schemes)
    assert str(stop.value).startswith("setting SOME_URL=")
    assert "expected" in str(stop.value)
    assert "secret" not in str(stop.value)
    assert "\n" not in str(stop.value)


@pytest.mark.parametrize(
    "setting",
    [
        "ALLOWED_HOSTS=,",
        "DEBUG=perhaps",
        "NUM_PROXIES=-1",
        "LOG_FORMAT=xml",
        "SWEEP_SECONDS=nan",
        "DATA_DIR=/dev/null/x",
    ],
)
def test_the_whole_start_stops_with_one_line(setting: str, tmp_path: Path) -> None:
    name, _, value = setting.partition("=")
    environment = {**os.environ, "DATA_DIR": str(tmp_path), name: value}
    environment.pop("SECRET_KEY", None)
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"setting {name}=")
    assert len(ended.stderr.splitlines()) == 1


def test_with_a_key_of_its_own_the_first_start_makes_the_folders(tmp_path: Path) -> None:
    environment = {**os.environ, "SECRET_KEY": 32 * "k", "DATA_DIR": str(tmp_path / "a/b")}
    environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/c/registry.sqlite3"
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0", "registry", "0001"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "a/b").is_dir()


@pytest.mark.parametrize("name", ["DATA_DIR", "DATABASE_URL"])
def test_a_folder_that_cannot_be_made_is_one_line(name: str, tmp_path: Path) -> None:
    value = {"DATA_DIR": "/dev/null/x", "DATABASE_URL": "sqlite:////dev/null/x/y"}[name]
    environment = {**os.environ, "SECRET_KEY": 32 * "k", "DATA_DIR": str(tmp_path), name: value}
    ended = subprocess.run(
        [sys.executable, "manage.py", "migrate"], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"setting {name}='/dev/null/x'")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(("value", "disabled"), [("", "False"), ("false", "True")])
def test_a_pooler_of_transactions_needs_cursors_of_the_client(
    value: str, disabled: str, tmp_path: Path
) -> None:
    environment = {**os.environ, "SECRET_KEY": 32 * "k", "DATA_DIR": str(tmp_path)}
    environment |= {"DATABASE_URL": "postgresql://db.example/crr", "SERVER_SIDE_CURSORS": value}
    name = "DISABLE_SERVER_SIDE_CURSORS"
    code = f"from registry import settings as s; print(s.DATABASES['default']['{name}'])"
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, env=environment, text=True).strip() == disabled


def test_parsing_needs_no_folder_that_can_be_written() -> None:
    environment = {**os.environ, "DATA_DIR": "/dev/null/x"}
    environment.pop("SECRET_KEY", None)
    ended = subprocess.run(
        [sys.executable, "manage.py", "parse_report", "--json", "-"],
        input="nothing of netperf",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"results": []' in ended.stdout
