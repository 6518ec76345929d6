"""The machine id: a random number that says "the same machine again" and nothing else. Opt-in.

Made once, kept in the user's configuration folder, sent only when asked for with --machine-id.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from crr_submit.envelope import save

ID_BYTES = 16


def path() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "crr-submit" / "machine-id"


def get_or_create() -> str:
    """The kept id, or a new one; raises OSError when it cannot be kept."""
    file_path = path()
    try:
        kept = file_path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        kept = ""
    if re.match(r"^[0-9a-f]{32}$", kept):
        return kept
    file_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = secrets.token_hex(ID_BYTES)
    save(str(file_path), (made + "\n").encode("ascii"))
    return made
