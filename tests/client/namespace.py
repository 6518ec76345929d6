"""A network namespace with settings of its own, in which the tests of `tune` change real sysctls.

It has its own processes too, so that whatever a killed command leaves behind ends with it. Answers
snapshots of every setting that `sysctl -a` shows, of what /sys has of lo, and of its offloads.
"""

import json
import os
import shutil
import subprocess
import sys
import unittest
from typing import Any, cast

from crr_submit import cpus
from crr_submit.host import Host
from tests.client import commands

_HOLDER = """
import json, os, stat, subprocess, sys
from pathlib import Path
from crr_submit import nic
for command in ("mount -t sysfs sysfs /sys", "ip link set lo up", "ip addr add 192.0.2.1 dev lo"):
    subprocess.run(command.split(), check=True)

# What the kernel itself writes is no setting.
moving = {"ns_last_pid", "perf_event_max_sample_rate", "hung_task_warnings", "tainted"}

def is_setting(path):
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) and mode & 0o200 and mode & 0o400 and path.name not in moving

def links():
    return sorted(os.listdir("/sys/class/net"))

def snapshot():
    found = {"offloads": nic.offloads("lo"), "links": links()}
    for path in (*Path("/proc/sys").rglob("*"), *Path("/sys/class/net/lo/").rglob("*")):
        if is_setting(path):
            try:
                found[str(path)] = path.read_text(errors="replace")
            except OSError as error:
                found[str(path)] = error.strerror
    return found

print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(links() if line == "links\\n" else snapshot()), flush=True)
"""
_ENTER = ("--net", "--mount", "--pid")


def why_not():
    """Why no namespace can be made here; empty when it can."""
    if os.geteuid() != 0:
        return "only root can make a network namespace"
    probe = ["unshare", *_ENTER, "--fork", "--mount-proc", "true"]
    try:
        done = subprocess.run(probe, capture_output=True, timeout=commands.LIMIT_S, check=False)
    except FileNotFoundError:
        return "unshare (util-linux) is not installed"
    return done.stderr.decode().strip()


needs_namespace = unittest.skipIf(why_not(), f"no network namespace: {why_not()}")


def why_no_rule():
    """Why no rule of connection tracking can be made in a namespace; empty when it can. A missing
    nft is no reason where all services are required.
    """
    rule = "add table ip t; add chain ip t c {type filter hook prerouting priority 0;};"
    command = ["unshare", "--net", "nft", rule + "add rule ip t c ct state new accept"]
    if shutil.which("nft") is None:
        is_required = os.environ.get("REQUIRE_SERVICES") == "1"
        return "" if is_required else "nft is not installed (Debian and Ubuntu: package nftables)"
    done = subprocess.run(command, capture_output=True, timeout=commands.LIMIT_S, check=False)
    return done.stderr.decode().strip()


needs_conntrack = unittest.skipIf(why_no_rule(), f"no connection tracking: {why_no_rule()}")


class Namespace:
    def __enter__(self):
        command = ["unshare", *_ENTER, "--fork", "--kill-child", "--mount-proc", sys.executable]
        self._process = subprocess.Popen(
            [*command, "-c", _HOLDER],
            env=commands.environment("/"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._out = cast(Any, self._process.stdout)
        self._in = cast(Any, self._process.stdin)
        assert self._out.readline() == "ready\n"
        [self._pid] = cpus.children(Host(), self._process.pid)
        return self

    def __exit__(self, *exc):
        self._process.communicate(timeout=commands.LIMIT_S)

    def snapshot(self):
        """Text of every setting by its path, the offloads of lo, and the names of all links."""
        return self._asked("everything")

    def links(self):
        """The names of all links; they may come and go meanwhile."""
        return self._asked("links")

    def _asked(self, what):
        self._in.write(what + "\n")
        self._in.flush()
        return json.loads(self._out.readline())

    def start(self, folder, *command, **more):
        """A running Python program in the namespace, as `commands.start` starts it outside."""
        enter = ["nsenter", "--target", str(self._pid), *_ENTER, "--", "env", f"--chdir={folder}"]
        return subprocess.Popen(
            [*enter, sys.executable, *command],
            env=commands.environment(folder, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, folder, *command, **more):
        """(exit code, stdout, stderr) of the program."""
        with self.start(folder, *command, **more) as process:
            out, errors = process.communicate(timeout=commands.LIMIT_S)
        return process.returncode, out, errors
