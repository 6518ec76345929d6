"""Runs the real command in a process of its own, as a user would: the crr_submit that the tests
import, or the single file that CRR_SUBMIT names.
"""

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import crr_submit

SOURCE = str(Path(crr_submit.__file__).resolve().parent.parent)
SINGLE = os.environ.get("CRR_SUBMIT")
COMMAND = [str(Path(SINGLE).resolve())] if SINGLE else ["-m", "crr_submit"]
LIMIT_S = 120

HAS_NETPERF = bool(shutil.which("netperf") and shutil.which("netserver"))
needs_netperf = unittest.skipUnless(
    HAS_NETPERF or os.environ.get("REQUIRE_SERVICES") == "1",
    "netperf is not installed (Debian and Ubuntu: package netperf of non-free or multiverse)",
)


def environment(folder, **more):
    """A clean environment whose home is the folder."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    ours = {"HOME": str(folder), "PYTHONWARNINGS": "error"}
    if not SINGLE:
        ours["PYTHONPATH"] = SOURCE
    return {**kept, **ours, **more}


def start(folder, *arguments, **more):
    """The running command, its output and errors as pipes, in the folder."""
    return subprocess.Popen(
        [sys.executable, *COMMAND, *arguments],
        cwd=str(folder),
        env=environment(folder, **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(folder, *arguments, stdin=b"", **more):
    """(exit code, stdout, stderr) of the command when it has ended."""
    with start(folder, *arguments, **more) as process:
        out, errors = process.communicate(stdin, timeout=LIMIT_S)
    return process.returncode, out.decode(), errors.decode()
