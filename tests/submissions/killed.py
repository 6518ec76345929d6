"""Exports that are killed: `python -m tests.submissions.killed FOLDER...` exports into each, and
ends with SIGKILL the first before it names or removes a file, the second after one, and so on to
one that ends by itself. Prints a line for each: how it ended.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

PART_REPORTS = 2


def export_until(step: int, folder: Path) -> None:
    from submissions.dump import export

    left = step

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*args, **kwargs)

        return called

    os.replace, os.unlink = counted(os.replace), counted(os.unlink)
    export.PART_REPORTS = PART_REPORTS
    export.export(folder, chained=True)


if __name__ == "__main__":
    django.setup()
    from submissions.dump import export as loaded_once  # noqa: F401

    for number, name in enumerate(sys.argv[1:]):
        child = os.fork()  # no connection to the database is open yet
        if not child:
            try:
                export_until(number, Path(name))
            finally:
                os._exit(1 if sys.exc_info()[0] else 0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(ended, flush=True)
        if ended != -signal.SIGKILL:
            break
