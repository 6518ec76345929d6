"""Reading the environment: text in, checked values out, for `registry.settings` alone.

A bad value stops the start with one line that names the variable, the value and what was expected.
"""

import contextlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
_NEED_HOST = {"http", "https", "redis", "rediss", "s3", "s3+http", "smtp", "smtp+tls", "smtps"}
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_PATHS = {
    "file": "file:// and the whole path of a folder, so file:///…",
    "sqlite": "sqlite:/// and the path of a file, or sqlite://:memory:",
}


class BadSetting(SystemExit):
    """A setting cannot be used; printed as one line, exit code 1."""

    def __init__(self, name: str, value: str, expected: str) -> None:
        super().__init__(f"setting {name}={value!r}: expected {expected}")


def text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def boolean(name: str, default: bool) -> bool:
    value = text(name, "true" if default else "false").lower()
    if value not in {"1", "0", "true", "false", "yes", "no", "on", "off"}:
        raise BadSetting(name, value, "true or false")
    return value in {"1", "true", "yes", "on"}


def integer(name: str, default: int, minimum: int = 0) -> int:
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or int(value) < minimum:
        raise BadSetting(name, value, f"a whole number, {minimum} or more")
    return int(value)


def seconds(name: str, default: float) -> float:
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e6:
        raise BadSetting(name, value, "a number of seconds above 0")
    return number


def names(name: str, default: str) -> list[str]:
    """A comma-separated list with something in it."""
    value = text(name, default)
    found = [item.strip() for item in value.split(",") if item.strip()]
    if not found:
        raise BadSetting(name, value, "one name or more, with commas between")
    return found


def one_of(name: str, default: str, among: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in among:
        raise BadSetting(name, value, " or ".join(among))
    return value


def choices(name: str, among: tuple[str, ...]) -> dict[str, str]:
    """A comma-separated list of key=choice, each choice one of `among`; empty by default."""
    found: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text(name).split(","))):
        key, _, choice = (part.strip() for part in item.partition("="))
        if not key or choice not in among:
            raise BadSetting(name, item, f"name=mode with one of {', '.join(among)}")
        found[key] = choice
    return found


def address(name: str, default: str, schemes: tuple[str, ...]) -> str:
    """A URL with one of `schemes`, and with the host or the path that its scheme needs.

    Only the scheme of a bad value is repeated in the error: there may be a password in the rest.
    """
    value = text(name, default)
    scheme = value.partition(":")[0][:20].lower()
    if scheme not in schemes:
        raise BadSetting(name, f"{scheme}:…", "an address with " + ", ".join(schemes))
    expected = _PATHS.get(scheme) or f"{scheme}://host, with a port from 1 to 65535 if any"
    try:
        is_good = _has_path(value) if scheme in _PATHS else _has_host(value)
    except ValueError:
        is_good = False
    if not is_good:
        raise BadSetting(name, f"{scheme}:…", expected)
    return value


def _has_path(value: str) -> bool:
    parts = urlsplit(value)
    return value == "sqlite://:memory:" or (not parts.netloc and len(parts.path) > 1)


def _has_host(value: str) -> bool:
    """Whether the host can be read. Database and AMQP clients know a local default for none."""
    parts = urlsplit(value)
    host = parts.hostname or ("" if parts.scheme in _NEED_HOST else "local")
    return _HOST.fullmatch(host) is not None and parts.port != 0


def parsed(name: str, value: str, parse: Callable[[str], T], expected: str) -> T:
    """`parse(value)`, with its ValueError turned into the one clear line."""
    try:
        return parse(value)
    except ValueError:
        raise BadSetting(name, f"{urlsplit(value).scheme}:…", expected) from None


def folder(name: str, path: Path) -> None:
    """Make the folder that a setting names, where there is none yet."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        expected = f"a folder that can be written ({error.strerror})"
        raise BadSetting(name, str(path), expected) from None


def secret_key(data_dir: Path, may_generate: bool) -> str:
    """SECRET_KEY, or for the embedded database one made at the first start and kept in DATA_DIR."""
    given = text("SECRET_KEY")
    if given:
        if len(given) < 32:
            raise BadSetting("SECRET_KEY", "…", "at least 32 characters")
        return given
    if not may_generate:
        raise BadSetting(
            "SECRET_KEY",
            "",
            "a secret of at least 32 characters (required beside a database server)",
        )
    return _kept_key(data_dir / "secret-key")


def _kept_key(path: Path) -> str:
    """The key in `path`, made when there is none."""
    try:
        if not path.exists():
            _make_key(path)
        return path.read_text()
    except OSError as error:
        expected = f"a folder that can be written ({error.strerror})"
        raise BadSetting("DATA_DIR", str(path.parent), expected) from None


def _make_key(path: Path) -> None:
    """Written whole before it gets its name, so that two starts at once agree on one key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    with contextlib.suppress(FileExistsError):  # another process was first: its key is the one
        os.link(draft, path)
    draft.unlink()


def kept_line(path: Path, default: str) -> str:
    """The line in `path`, or `default` where there is no such file that we may read."""
    try:
        return path.read_text().strip() or default
    except OSError:
        return default
