"""Programs that tests drive for real: where they are, or a skip that says what to install.

With REQUIRE_SERVICES=1 (as in .ci/run) a missing program fails the test instead.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"
# Where Debian keeps what is not on an ordinary PATH; the newest PostgreSQL first.
DEBIANS_POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
ELSEWHERE = ("/usr/sbin", *map(str, DEBIANS_POSTGRESQL))


class Missing(Exception):
    """A program is not installed; the text says how to get it."""


def find(name: str, package: str) -> str:
    """The path of program `name`, or Missing with Debian's `package` to install."""
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *ELSEWHERE)))
    if path is None:
        raise Missing(f"needs {name}: apt-get install {package}")
    return path


def require(name: str, package: str) -> str:
    """The same for a test, which is skipped or fails without it."""
    try:
        return find(name, package)
    except Missing as missing:
        skip_or_fail(missing)


def skip_or_fail(missing: Missing) -> NoReturn:
    if REQUIRED:
        pytest.fail(str(missing))
    pytest.skip(str(missing))
