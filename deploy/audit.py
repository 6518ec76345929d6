"""Asks a database of known faults for every pinned package: `make audit`.

Exit code 0 where none has any, 1 where one has, 3 where not every pin could be asked for: then
nothing is known, which is no clean answer. AUDIT_URL is a server that speaks OSV's query protocol.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PINNED = Path(__file__).resolve().parent.parent / "requirements.txt"
OSV = "https://api.osv.dev/v1/query"  # of the Open Source Vulnerabilities project
CLEAN, FAULTY, UNKNOWN = 0, 1, 3


def main() -> int:
    url = os.environ.get("AUDIT_URL", OSV)
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(PINNED), "--disable-pip"]
    command += ["--vulnerability-service", "osv", "--osv-url", url, "--timeout", "20"]
    command += ["--progress-spinner", "off", "--format", "json", "--aliases", "on"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        said = done.stderr.strip().splitlines()
        print(f"audit: {url} could not be asked: {said[-1] if said else done.returncode}")
        return UNKNOWN
    return judged(found)


def judged(found: list[dict[str, Any]]) -> int:
    """Says what is known of each package, and gives the exit code."""
    faulty = [one for one in found if one.get("vulns")]
    skipped = [one for one in found if "skip_reason" in one]
    for one in faulty:
        for fault in one["vulns"]:
            names = ", ".join([fault["id"], *fault["aliases"]])
            fixed = ", ".join(fault["fix_versions"]) or "no release"
            print(f"audit: {one['name']} {one['version']}: {names}; fixed in {fixed}")
    for one in skipped:
        print(f"audit: {one['name']}: {one['skip_reason']}")
    print(f"audit: {len(found) - len(skipped)} of {len(found)} packages asked for")
    return FAULTY if faulty else UNKNOWN if skipped or not found else CLEAN


if __name__ == "__main__":
    sys.exit(main())
