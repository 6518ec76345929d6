"""The broker that needs no server: kombu's filesystem transport, with messages that appear whole.

kombu writes a message under its final name, so a worker that looks in between takes an empty one,
and fails on it for good. Here a message gets its name when it is written, taking one is a rename
that only one worker wins, and what is no message is logged and passed over.
"""

import logging
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for folder in (self.data_folder_in, self.processed_folder, self.control_folder):
            Path(folder).mkdir(parents=True, exist_ok=True)

    # kombu's two parents of this method disagree on the name of its second argument.
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns() // 1_000_000}_{uuid.uuid4()}.{queue}.msg"
        draft = folder / f".{name}"
        draft.write_text(dumps(payload), encoding="utf-8")
        draft.replace(folder / name)

    def _get(self, queue: str, timeout: Any = None) -> Any:
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.startswith(".") or name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = Path(self.processed_folder, name)
            try:
                Path(self.data_folder_in, name).replace(taken)
            except FileNotFoundError:  # another worker was first
                continue
            text = taken.read_text(encoding="utf-8", errors="replace")
            taken.unlink()
            try:
                return loads(text)
            except ValueError:
                log.warning("%s is no message, the sweep does its work", name)
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel
